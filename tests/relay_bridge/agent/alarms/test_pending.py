"""The order of what waits: severity first, then who waited longest; nothing twice, nothing forgotten."""

from __future__ import annotations

import random

from relay_bridge.agent.alarms.pending import Pending


def drain(pending: Pending) -> list[str]:
    names = []
    while (name := pending.first()) is not None:
        pending.discard(name)
        names.append(name)
    return names


def test_the_most_severe_first_and_among_equals_the_longest_waiting() -> None:
    pending = Pending()
    for name, severity in (("a", 500), ("b", 900), ("c", 500), ("d", 900), ("a", 500)):
        pending.put(name, severity)
    assert drain(pending) == ["b", "d", "a", "c"]


def test_a_new_severity_moves_a_name() -> None:
    pending = Pending()
    pending.put("a", 100)
    pending.put("b", 500)
    pending.put("a", 1000)
    assert len(pending) == 2
    assert drain(pending) == ["a", "b"]
    assert not len(pending)


def test_it_agrees_with_a_plain_list_over_random_work() -> None:
    dice = random.Random(4)
    pending, plain, turn = Pending(), {}, 0
    for _ in range(5000):
        name = f"n{dice.randrange(60)}"
        if dice.random() < 0.6:
            severity = dice.randrange(1, 8)
            turn += 1
            if name not in plain or plain[name][0] != -severity:
                plain[name] = (-severity, turn)
            pending.put(name, severity)
        elif dice.random() < 0.5:
            pending.discard(name)
            plain.pop(name, None)
        assert pending.first() == (min(plain, key=lambda n: plain[n]) if plain else None)
        assert len(pending) == len(plain)
