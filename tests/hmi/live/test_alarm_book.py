"""The alarm list as the link knows it: parts of a snapshot, changes, floods, and whether it is the present."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from hmi.live import alarm_book as module
from hmi.live.alarm_book import AlarmBook, TooManyAlarms
from hmi.live.alarm_flood import WINDOW, FloodMeter
from relay_bridge.contract.alarms import AlarmCounts, AlarmDelta, AlarmSnapshot
from tests.hmi.alarms.rows import NOW, alarm


class Listener:
    def __init__(self) -> None:
        self.changed: list[set[str]] = []
        self.states = 0

    def alarms_changed(self, ids: Collection[str]) -> None:
        self.changed.append(set(ids))

    def alarm_state_changed(self) -> None:
        self.states += 1


def part(*rows, first: bool = True, more: bool = False) -> AlarmSnapshot:
    return AlarmSnapshot(n=1, t=NOW, rows=list(rows), counts=AlarmCounts(crit=len(rows)), first=first, more=more)


def delta(*rows, gone: list[str] | None = None, **counts: int) -> AlarmDelta:
    return AlarmDelta(n=2, t=NOW, counts=AlarmCounts(**counts), rows=list(rows), gone=gone or [])


async def test_snapshot_counts_when_its_last_part_came() -> None:
    book, listener = AlarmBook(), Listener()
    book.join(listener)
    book.take(part(alarm(1), more=True))
    assert book.state == "unknown" and not book.rows
    book.take(delta(alarm(9)))  # of the list before
    book.take(part(alarm(2), first=False))
    assert book.state == "current" and set(book.rows) == {"a001", "a002"} and listener.states == 1
    book.take(delta(alarm(2, ack=True), gone=["a001"]))
    assert set(book.rows) == {"a002"} and listener.changed == [{"a001", "a002"}]


async def test_after_the_session_the_list_is_the_last_known_and_a_change_needs_a_new_snapshot() -> None:
    book = AlarmBook()
    book.take(part(alarm(1)))
    book.lost()
    book.take(delta(alarm(2)))
    assert book.state == "old" and set(book.rows) == {"a001"}
    assert book.banner()["s"] == "old" and book.banner()["top"][0] == "a001"
    book.take(part(alarm(3)))
    assert book.state == "current" and set(book.rows) == {"a003"}


async def test_banner_counts_by_priority_and_names_the_most_important() -> None:
    book = AlarmBook()
    assert book.banner() == {"s": "unknown"}
    book.take(part(alarm(1, 700), alarm(2, 900, act=False), alarm(3, 850), alarm(4, 990, ack=True), alarm(5, shelf=-1)))
    banner = book.banner()
    assert banner["u"] == [2, 1, 0, 0] and banner["top"] == ["a003", "TK-3 level HighHigh", "crit", 1, "main", 2, 0]
    book.refused("no alarms")
    assert book.banner() == {"s": "none"} and book.reason == "no alarms"


async def test_agent_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    book = AlarmBook()
    with pytest.raises(TooManyAlarms):
        book.take(part(*(alarm(number) for number in range(1, 5))))


async def test_list_is_wanted_while_somebody_listens_and_a_little_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bool] = []
    book = AlarmBook(lambda: calls.append(True))
    listener = Listener()
    assert not book.wanted
    book.join(listener)
    assert book.wanted and len(calls) == 1
    monkeypatch.setattr(module, "LINGER", 0.0)
    book.leave(listener)
    assert not book.wanted and len(calls) == 2


def test_flood_begins_at_ten_and_ends_below_five() -> None:
    meter = FloodMeter()
    meter.count([alarm(number) for number in range(1, 10)], NOW)
    assert not meter.on
    meter.count([alarm(3), alarm(10)], NOW)  # one of them is known already
    assert meter.on and meter.first_out == "a010" and meter.recent == 10
    meter.judge(NOW + WINDOW - 5_500)  # five are left
    assert meter.on
    assert meter.judge(NOW + WINDOW - 4_500) and not meter.on and meter.first_out == ""


def test_what_came_first_stays_the_same_until_the_flood_ends() -> None:
    meter = FloodMeter()
    meter.count([alarm(number, t_act=NOW + number) for number in range(1, 11)], NOW + 20)
    assert meter.on and meter.first_out == "a001"
    # It has left the ten minutes, and the flood goes on.
    meter.count([alarm(number, t_act=NOW + WINDOW) for number in range(20, 30)], NOW + WINDOW + 50)
    assert meter.on and meter.recent == 10 and meter.first_out == "a001"
    meter.judge(NOW + 2 * WINDOW)
    assert not meter.on and meter.first_out == ""


def test_source_whose_clock_is_ahead_does_not_hold_up_a_flood() -> None:
    meter = FloodMeter()
    meter.count([alarm(number, t_act=NOW + 10**10) for number in range(12)], NOW)
    assert meter.on
    assert meter.judge(NOW + WINDOW) and not meter.on


async def test_banner_tells_the_newest_so_that_one_coming_as_another_leaves_is_heard() -> None:
    book = AlarmBook()
    book.take(part(alarm(1, t_act=NOW - 9_000), alarm(2, 500, t_act=NOW - 8_000)))
    before = book.banner()
    book.take(delta(alarm(3, 500, t_act=NOW), gone=["a002"]))
    after = book.banner()
    assert (after["u"], after["top"]) == (before["u"], before["top"]), "the counts and the top alone do not show it"
    assert after["new"] == NOW > before["new"]
