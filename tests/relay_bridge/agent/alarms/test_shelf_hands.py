"""Who asked for the shelf is named by what happens next, once, and not by what happens long after."""

from __future__ import annotations

from relay_bridge.agent.alarms.shelf_hands import MOST, WAITS, ShelfHands
from tests.relay_bridge.agent.support import ManualClock


def test_who_asked_is_named_once_and_for_what_was_asked() -> None:
    hands = ShelfHands(ManualClock().monotonic)
    hands.put("a", "shelved", "7b0f", "gauge in repair")
    assert hands.take("a", "unshelved") == hands.take("b", "shelved") == ("", "")
    assert hands.take("a", "shelved") == ("7b0f", "gauge in repair")
    assert hands.take("a", "shelved") == ("", "")


def test_two_who_ask_for_the_same_are_named_in_their_order_and_whom_the_source_refused_not_at_all() -> None:
    hands = ShelfHands(ManualClock().monotonic)
    hands.put("a", "shelved", "first", "")
    refused = hands.put("a", "shelved", "second", "")
    hands.put("a", "shelved", "third", "")
    hands.refused(refused)
    assert [hands.take("a", "shelved")[0] for _ in range(3)] == ["first", "third", ""]


def test_what_happens_later_is_somebody_elses_doing_and_memory_is_bounded() -> None:
    clock = ManualClock()
    hands = ShelfHands(clock.monotonic)
    hands.put("a", "shelved", "7b0f", "")
    clock.move(WAITS)
    assert hands.take("a", "shelved") == ("", "")
    for number in range(MOST + 10):
        hands.put(str(number), "shelved", "7b0f", "")
    assert len(hands._hands) == MOST
    assert hands.take("5", "shelved") == ("", "") and hands.take("10", "shelved") == ("7b0f", "")
