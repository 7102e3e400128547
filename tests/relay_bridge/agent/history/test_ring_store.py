"""The ring's file: what goes in comes out, it stays within its bounds, and a run that ended leaves a gap."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from relay_bridge.agent.history.ring_store import RingFailed, RingStore, Sample
from relay_bridge.contract.readings import BAD_NOT_CONNECTED, Reading

T = 1_795_370_000_000
MIB = 1024 * 1024


@pytest.fixture
def store(tmp_path: Path):
    store = RingStore(tmp_path / "state" / "history.sqlite3", 64 * MIB)
    store.open()
    yield store
    store.close()


def test_samples_come_back_in_order_with_the_one_that_held(store: RingStore) -> None:
    store.append([Sample("a", T + n * 1000, float(n), 0) for n in range(10)], T)
    store.append([Sample("b", T + 5, "idle", 0), Sample("b", T + 6, None, 0x80310000), Sample("b", T + 7, 3, 0)], T)
    stretch = store.read("a", T + 2500, T + 6000, 2)
    assert stretch.before == Reading(2.0, T + 2000)
    assert [reading.value for reading in stretch.readings] == [3.0, 4.0] and stretch.more
    assert not store.read("a", T + 2500, T + 6000, 3).more
    assert store.read("b", T, T + 100, 9).readings == [
        Reading("idle", T + 5), Reading(None, T + 6, 0x80310000), Reading(3, T + 7),
    ]  # fmt: skip
    assert store.read("unknown", T, T + 100, 9) == (None, (), False)


def test_the_newest_before_the_kept_time_stays_as_what_held(store: RingStore) -> None:
    store.append([Sample("a", T + n, float(n), 0) for n in range(100)], T + 100)
    store.age(T + 50)
    stretch = store.read("a", T, T + 1000, 1000)
    assert stretch.readings[0] == Reading(50.0, T + 50)
    store.append([Sample("still", T, 7.0, 0)], T + 100)
    store.age(T + 50)
    assert store.read("still", T + 50, T + 100, 10).before == Reading(7.0, T)


def test_the_file_is_private_and_outlives_a_restart_with_a_gap(store: RingStore) -> None:
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    store.append([Sample("a", T, 1.0, 0)], T + 2000)
    again = RingStore(store.path, 64 * MIB)
    store.close()
    again.open()
    assert again.read("a", T, T + 10_000, 10).readings == [Reading(1.0, T), Reading(None, T + 2001, BAD_NOT_CONNECTED)]
    again.close()


def test_the_file_stays_below_its_bound_and_loses_the_oldest_first(tmp_path: Path) -> None:
    store = RingStore(tmp_path / "ring.sqlite3", 1 * MIB)
    store.open()
    text = "x" * 100
    for batch in range(60):
        at = T + batch * 1000
        store.append([Sample("a", at + n, text, 0) for n in range(200)], at + 199)
        store.age(T)
    store.close()
    store.open()
    kept = store.read("a", T, T + 10**9, 10**6).readings
    assert store.path.stat().st_size <= 1 * MIB
    assert 3000 < len(kept) < 12_000
    assert kept[-2].time == T + 59_000 + 199  # the last is the gap of the restart
    assert [reading.time for reading in kept] == sorted(reading.time for reading in kept)
    store.close()


def test_a_full_file_says_so_and_takes_again_after_ageing(tmp_path: Path) -> None:
    store = RingStore(tmp_path / "ring.sqlite3", 1)  # the smallest there is: 64 pages
    store.open()
    with pytest.raises(RingFailed, match="takes nothing"):
        for batch in range(100):
            store.append([Sample("a", T + batch * 1000 + n, "x" * 500, 0) for n in range(20)], T + batch)
    before = len(store.read("a", T, T + 10**9, 10**6).readings)
    store.age(T)
    assert len(store.read("a", T, T + 10**9, 10**6).readings) < before
    store.append([Sample("a", T + 10**7, "x", 0)], T)
    store.close()


def test_a_damaged_file_is_put_aside_and_a_new_one_begun(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "ring.sqlite3"
    path.write_bytes(b"this is no database, and long enough to be looked at" * 100)
    store = RingStore(path, 64 * MIB)
    store.open()
    store.append([Sample("a", T, 1.0, 0)], T)
    assert store.read("a", T, T + 1, 1).readings == [Reading(1.0, T)]
    assert path.with_name("ring.sqlite3.damaged").exists()
    assert "put aside" in caplog.text
    store.close()


def test_a_file_held_by_another_is_refused_and_left_alone(store: RingStore) -> None:
    store.append([Sample("a", T, 1.0, 0)], T)
    with pytest.raises(RingFailed, match="cannot be used"):
        RingStore(store.path, 64 * MIB).open()
    assert store.read("a", T, T + 1, 1).readings


def test_a_layout_of_another_version_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "ring.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.execute("CREATE TABLE x (y)")
    connection.close()
    store = RingStore(path, 64 * MIB)
    store.open()
    assert path.with_name("ring.sqlite3.damaged").exists()
    store.close()


def test_nothing_is_read_or_written_before_it_is_open(tmp_path: Path) -> None:
    store = RingStore(tmp_path / "ring.sqlite3", 64 * MIB)
    with pytest.raises(RingFailed):
        store.read("a", 0, 1, 1)
    with pytest.raises(RingFailed):
        store.append([], 0)
