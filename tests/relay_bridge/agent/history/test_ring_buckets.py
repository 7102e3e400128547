"""Buckets out of the file are those of buckets.py, whatever the samples; and there is no number of them too large."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay_bridge.agent.history import ring_store
from relay_bridge.agent.history.buckets import Columns, Plan, fill_buckets
from relay_bridge.agent.history.ring_store import RingFailed, RingStore, Sample
from relay_bridge.contract.history import MAX_SAMPLES
from relay_bridge.contract.readings import Reading

T = 1_795_370_000_000
QUALITIES = [0, 0, 0, 0x40000000, 0x80310000, 0xC0000000]
VALUES = [1.0, 2.5, -3, 7, True, None, "text", 0.0]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RingStore]:
    made = RingStore(tmp_path / "ring.sqlite3", 64 * 1024 * 1024)
    made.open()
    yield made
    made.close()


def same(one: Columns, other: Columns) -> None:
    assert one.q == other.q and one.lo == other.lo and one.hi == other.hi
    for mine, theirs in zip(one.av, other.av, strict=True):
        assert mine == theirs if mine is None or theirs is None else mine == pytest.approx(theirs)


@pytest.mark.parametrize("seed", range(40))
def test_the_same_as_from_the_samples_themselves(store: RingStore, seed: int) -> None:
    chance = random.Random(seed)
    times = sorted(chance.sample(range(T - 20, T + 400), chance.randint(0, 60)))
    readings = [Reading(chance.choice(VALUES), at, chance.choice(QUALITIES)) for at in times]
    store.append([Sample("a", one.time, one.value, one.quality) for one in readings], T)
    plan = Plan(T, chance.choice([1, 7, 10, 50, 400]), chance.randint(1, 30))
    until = T + chance.choice([5, 100, 250, 5000])
    before = [one for one in readings if one.time < T]
    # Nothing is recorded later than now, which is how far the last reading holds.
    inside = [one for one in readings if T <= one.time <= until]
    later = [one for one in readings if one.time > until]
    if later:
        store.age(T - 10_000)
        connection = store._need()
        connection.execute("DELETE FROM samples WHERE t > ?", (until,))
    expected = fill_buckets(plan, inside, before[-1] if before else None, until)
    same(store.buckets("a", plan, until), expected)


def test_a_day_of_every_second_is_whole_and_a_spike_in_it_is_seen(store: RingStore) -> None:
    day = 86_400
    assert day > MAX_SAMPLES
    values = (99.0 if second == 86_000 else 5.0 + second % 3 for second in range(day))
    store.append([Sample("a", T + second * 1000, value, 0) for second, value in enumerate(values)], T)
    columns = store.buckets("a", Plan(T, 300_000, 288), T + day * 1000)
    assert columns.q == "0" * 288
    assert max(value for value in columns.hi if value is not None) == columns.hi[286] == 99.0
    assert columns.lo[-1] == 5.0 and columns.av[-1] == pytest.approx(6.0)


def test_unknown_tags_and_an_empty_file_are_empty(store: RingStore) -> None:
    assert store.buckets("nobody", Plan(T, 10, 3), T + 30) == Columns([None] * 3, [None] * 3, [None] * 3, "333")


def test_what_takes_too_long_is_given_up_and_the_file_goes_on(
    store: RingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append([Sample("a", T + number, 1.0, 0) for number in range(50_000)], T)
    monkeypatch.setattr(ring_store, "LOOKING", -1.0)
    with pytest.raises(RingFailed, match="interrupted"):
        store.buckets("a", Plan(T, 1000, 60), T + 60_000)
    store.append([Sample("a", T + 60_000, 2.0, 0)], T)
    assert store.read("a", T + 59_000, T + 61_000, 5).readings[-1].value == 2.0
