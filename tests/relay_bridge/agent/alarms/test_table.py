"""The list of what stands: changes, refreshes, and what goes first when there is no room."""

from __future__ import annotations

from relay_bridge.agent.drivers.abilities import AlarmRef
from relay_bridge.contract.alarms import AlarmRow
from tests.relay_bridge.agent.alarms.support import NOW, Board, event


class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.dropped = 0

    def alarm_changed(self, before: AlarmRow | None, after: AlarmRow | None) -> None:
        row = after or before
        self.heard.append(("gone" if after is None else "new" if before is None else "changed", row.name))

    def dropped_changed(self) -> None:
        self.dropped += 1


def test_an_alarm_comes_changes_and_goes_and_the_journal_has_each() -> None:
    board, ear = Board(), Ear()
    board.table.join(ear)
    board.table.alarm(event(time=NOW - 9))
    board.table.alarm(event(event=b"2", acknowledged=True, time=NOW - 5))
    board.table.alarm(event(event=b"3", acknowledged=True, active=False, retain=False, time=NOW - 1))
    assert ear.heard == [("new", "a"), ("changed", "a"), ("gone", "a")]
    assert board.notes == [("active", "a", NOW - 9), ("acknowledged", "a", NOW - 5), ("cleared", "a", NOW - 1)]
    assert not len(board.table)


def test_a_branch_is_an_alarm_of_its_own() -> None:
    board = Board()
    board.table.alarm(event())
    board.table.alarm(event(ref=AlarmRef("main", "s=a", "i=9"), event=b"old"))
    board.table.alarm(event(active=False, acknowledged=True, event=b"2"))
    assert sorted((row.branch, row.act, row.ack) for row in board.table.rows()) == [
        (False, False, True), (True, True, False),
    ]  # fmt: skip
    assert board.kinds() == ["active", "cleared"]


def test_what_is_told_twice_is_heard_once() -> None:
    board, ear = Board(), Ear()
    board.table.join(ear)
    board.table.alarm(event())
    board.table.alarm(event())
    assert ear.heard == [("new", "a")]
    assert board.kinds() == ["active"]


def test_an_alarm_whose_value_turned_bad_stands_until_the_value_is_back_or_the_source_tells_all() -> None:
    board = Board()
    for name in ("a", "b", "c"):
        board.table.alarm(event(name, acknowledged=True, user="x"))
        board.table.alarm(event(name, event=b"2", acknowledged=True, active=False, retain=False, quality="bad"))
    assert [(row.act, row.quality) for row in board.table.rows()] == [(True, "bad")] * 3
    assert "cleared" not in board.kinds()
    board.table.alarm(event("a", event=b"3", acknowledged=True, active=False, retain=False))
    assert board.row("a") is None and board.notes[-1][:2] == ("cleared", "a")
    board.table.refresh_began("main")
    board.table.alarm(event("b", event=b"4", acknowledged=True, user="x"))
    board.table.refresh_ended("main")
    assert [(row.name, row.act, row.quality) for row in board.table.rows()] == [("b", True, "good")]
    assert board.notes[-1][:2] == ("gone", "c")


def test_a_refresh_removes_what_was_not_repeated_and_nothing_of_other_sources() -> None:
    board = Board()
    for name in ("a", "b", "own"):
        board.table.put(event(name), agent=name == "own")
    board.table.alarm(event("x", ref=AlarmRef("other", "s=x")))
    board.table.refresh_began("main")
    board.table.alarm(event("b"))
    board.table.alarm(event("c"))
    board.table.refresh_ended("main")
    assert sorted(row.name for row in board.table.rows()) == ["b", "c", "own", "x"]
    assert board.kinds() == ["active"] * 5 + ["gone"]


def test_a_refresh_that_was_broken_off_removes_nothing_and_the_next_one_begins_anew() -> None:
    board = Board()
    board.table.alarm(event("a"))
    board.table.alarm(event("b"))
    board.table.refresh_began("main")
    board.table.alarm(event("a"))
    board.table.refresh_began("main")  # after a reconnect
    board.table.alarm(event("b"))
    board.table.refresh_ended("main")
    assert [row.name for row in board.table.rows()] == ["b"]
    board.table.refresh_ended("main")  # one that never began
    assert len(board.table) == 1


def test_an_old_acknowledged_alarm_first_seen_in_a_refresh_is_no_event() -> None:
    board = Board()
    board.table.refresh_began("main")
    board.table.alarm(event("a", acknowledged=True))
    board.table.alarm(event("b", acknowledged=True, since=NOW - 50))
    board.table.refresh_ended("main")
    assert board.notes == [("active", "b", NOW - 50)]


def test_when_it_is_full_the_least_important_goes_and_that_is_counted() -> None:
    board, ear = Board(most=3), Ear()
    board.table.join(ear)
    board.table.alarm(event("done", severity=1000, active=False, acknowledged=True))
    board.table.alarm(event("low", severity=100))
    board.table.alarm(event("mid", severity=500))
    board.table.alarm(event("high", severity=800))
    assert sorted(row.name for row in board.table.rows()) == ["high", "low", "mid"]
    board.table.alarm(event("crit", severity=950))
    assert sorted(row.name for row in board.table.rows()) == ["crit", "high", "mid"]
    board.table.alarm(event("lowest", severity=1))
    assert sorted(row.name for row in board.table.rows()) == ["crit", "high", "mid"]
    assert board.table.dropped == 3 == ear.dropped
    assert board.kinds().count("gone") == 2
    assert ("active", "lowest", NOW) in board.notes  # it happened, whether it is shown or not


def test_among_equals_the_oldest_goes() -> None:
    board = Board(most=3)
    for name in ("a", "b", "c"):
        board.table.alarm(event(name))
    board.table.alarm(event("a", event=b"2", message="newer"))
    board.table.alarm(event("d"))
    assert sorted(row.name for row in board.table.rows()) == ["a", "c", "d"]


def test_the_count_of_dropped_begins_anew_with_a_refresh() -> None:
    board = Board(most=2)
    for name in ("a", "b", "c"):
        board.table.alarm(event(name))
    assert board.table.dropped == 1
    board.table.refresh_began("main")
    board.table.alarm(event("b"))
    board.table.refresh_ended("main")
    assert board.table.dropped == 0


def test_a_chattering_alarm_does_not_grow_the_order_of_what_goes() -> None:
    board = Board()
    for number in range(5000):
        board.table.alarm(event("a", event=str(number).encode(), active=number % 2 == 0))
    assert len(board.table._order) <= 4 * 256 + 1
    assert len(board.notes) == 5000
