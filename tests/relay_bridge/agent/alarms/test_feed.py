"""The list of one stream: snapshot, changes, credit; nothing lost however slow the receiver, the severest first."""

from __future__ import annotations

import itertools
import random

from relay_bridge.agent.alarms.feed import TICK, AlarmFeed
from relay_bridge.contract.alarms import MAX_ALARMS, AlarmDelta, AlarmSnapshot
from relay_bridge.contract.codec import decode_from_agent, encode
from tests.relay_bridge.agent.alarms.support import LEVEL, NOW, Board, Receiver, event


class Line:
    """A feed and its receiver; every push crosses as bytes."""

    def __init__(self, board: Board, area: str | None = None, least: int = 1) -> None:
        self.feed = AlarmFeed(board.table)
        self.receiver = Receiver()
        self.now = 100.0
        self._numbers = itertools.count(1)
        self.pushes: list[AlarmSnapshot | AlarmDelta] = []
        self.feed.turn_on(area, least, self.now)

    def push(self, *, answer: bool = True) -> AlarmSnapshot | AlarmDelta | None:
        due = self.feed.due(self.now)
        if due is None:
            return None
        self.now = max(self.now, due)
        push = self.feed.take(self.now, NOW, lambda: next(self._numbers))
        assert push is not None
        arrived = decode_from_agent(encode(push))
        assert arrived == push
        self.receiver.take(arrived)
        self.pushes.append(push)
        if answer:
            self.feed.acknowledge(push.n)
        return push

    def drain(self) -> int:
        count = 0
        while self.push() is not None:
            count += 1
        return count


def names(line: Line) -> list[str]:
    return sorted(row.name for row in line.receiver.rows.values())


def test_an_empty_list_is_told_too() -> None:
    line = Line(Board())
    push = line.push()
    assert isinstance(push, AlarmSnapshot)
    assert (push.rows, push.first, push.more) == ([], True, False)
    assert line.push() is None


def test_a_change_follows_as_a_delta_and_an_unchanged_list_is_silent() -> None:
    board = Board()
    board.table.alarm(event("a"))
    line = Line(board)
    line.drain()
    assert line.feed.due(line.now + 1000) is None
    board.table.alarm(event("b", severity=900))
    board.table.alarm(event("a", event=b"2", retain=False, active=False, acknowledged=True))
    push = line.push()
    assert isinstance(push, AlarmDelta)
    assert ([row.name for row in push.rows], len(push.gone)) == (["b"], 1)
    assert names(line) == ["b"]
    assert (push.counts.crit, push.counts.med, push.counts.unack) == (1, 0, 1)


def test_changes_of_one_tick_leave_together_and_what_came_back_is_not_sent() -> None:
    board = Board()
    board.table.alarm(event("a"))
    line = Line(board)
    line.drain()
    board.table.alarm(event("b"))
    line.push()
    board.table.alarm(event("b", event=b"2", acknowledged=True))
    board.table.alarm(event("a", event=b"2"))
    board.table.alarm(event("a"))  # as the receiver has it
    before = line.now
    push = line.push()
    assert [row.name for row in push.rows] == ["b"]
    assert line.now - before >= TICK - 0.001


def test_with_two_unanswered_nothing_goes_and_then_the_newest_state_of_each() -> None:
    board = Board()
    line = Line(board)
    line.push(answer=False)
    board.table.alarm(event("a"))
    line.push(answer=False)
    for number in range(100):
        board.table.alarm(event("a", event=str(number).encode(), message=str(number)))
        assert line.feed.due(line.now + 1000) is None
    line.feed.acknowledge(10**6)  # a number that was never sent frees nothing
    assert line.feed.due(line.now + 1000) is None
    line.feed.acknowledge(2)
    push = line.push()
    assert [row.msg for row in push.rows] == ["99"]
    assert line.push() is None


def test_a_snapshot_of_many_comes_in_parts_the_severest_first_and_the_rest_follows() -> None:
    board = Board()
    for number in range(2000):
        board.table.alarm(event(f"n{number:04}", severity=1 + number % 1000, message="é" * 190, time=NOW + number))
    line = Line(board)
    line.drain()
    snapshots = [push for push in line.pushes if isinstance(push, AlarmSnapshot)]
    assert sum(len(push.rows) for push in snapshots) == MAX_ALARMS
    assert [push.first for push in snapshots] == [True] + [False] * (len(snapshots) - 1)
    assert [push.more for push in snapshots] == [True] * (len(snapshots) - 1) + [False]
    assert len(line.receiver.rows) == 2000
    severities = [line.receiver.rows[row.id].sev for push in line.pushes for row in push.rows]
    assert severities == sorted(severities, reverse=True)
    assert snapshots[0].rows[0].name == "n1999"  # the newest of the most severe
    counts = line.pushes[0].counts
    assert counts.crit + counts.high + counts.med + counts.low == 2000  # true from the first part on


def test_an_area_and_a_least_severity_are_kept_to() -> None:
    board = Board()
    line = Line(board, area="North farm", least=400)
    for name, severity, node in (("a", 500, LEVEL.node), ("b", 300, LEVEL.node), ("c", 900, "nsu=urn:plant;s=Z")):
        board.table.alarm(event(name, severity=severity, node=node))
    line.drain()
    assert names(line) == ["a"]
    assert (line.receiver.counts.med, line.receiver.counts.low, line.receiver.counts.crit) == (1, 0, 0)
    board.table.alarm(event("a", severity=100, node=LEVEL.node, event=b"2"))  # it falls below
    line.drain()
    assert names(line) == []


def test_shelved_and_suppressed_are_counted_apart() -> None:
    board = Board()
    line = Line(board)
    board.table.alarm(event("a", shelved_until=-1))
    board.table.alarm(event("b", suppressed=True, acknowledged=True))
    board.table.alarm(event("c"))
    line.drain()
    counts = line.receiver.counts
    assert (counts.shelved, counts.med, counts.unack) == (2, 1, 1)


def test_what_found_no_room_is_told_without_any_row() -> None:
    board = Board(most=1)
    board.table.alarm(event("a"))
    line = Line(board)
    line.drain()
    board.table.alarm(event("b", severity=1))
    push = line.push()
    assert (push.rows, push.gone, push.counts.dropped) == ([], [], 1)


def test_turned_off_it_holds_nothing_and_turned_on_again_it_begins_anew() -> None:
    board = Board()
    board.table.alarm(event("a"))
    line = Line(board)
    line.drain()
    line.feed.turn_off()
    board.table.alarm(event("b"))
    assert line.feed.due(line.now + 100) is None
    line.feed.turn_on(None, 1, line.now)
    line.drain()
    assert names(line) == ["a", "b"]


def test_any_traffic_with_any_receiver_ends_in_the_same_list() -> None:
    for seed in range(8):
        dice = random.Random(seed)
        board = Board(most=150)
        line = Line(board)
        for step in range(1500):
            name = f"n{dice.randrange(200)}"
            retain = dice.random() < 0.7
            board.table.alarm(
                event(
                    name, severity=dice.randrange(1, 1001), event=str(step).encode(), retain=retain, active=retain,
                    acknowledged=not retain or dice.random() < 0.5, message="x" * dice.randrange(200),
                )
            )  # fmt: skip
            if dice.random() < 0.05:
                line.push(answer=dice.random() < 0.5)
            if dice.random() < 0.05 and line.pushes:
                line.feed.acknowledge(line.pushes[-1].n)
        line.feed.acknowledge(line.pushes[-1].n if line.pushes else 0)
        line.drain()
        assert line.receiver.rows == {row.id: row for row in board.table.rows()}
        counts, rows = line.receiver.counts, board.table.rows()
        assert counts.crit + counts.high + counts.med + counts.low == len(rows)
        assert counts.unack == sum(not row.ack for row in rows)
        assert counts.dropped == board.table.dropped
        assert not line.feed._gone


def test_a_hundred_a_second_for_minutes_lose_nothing_with_a_receiver_that_takes_one_push_in_two_seconds() -> None:
    board = Board()
    line = Line(board)
    line.push(answer=False)
    dice = random.Random(1)
    told = 0
    for second in range(120):
        board.clock.move(1.0)
        line.now += 1.0
        for place in range(100):
            # 600 alarms that come and go by turns: each change is an event of its own.
            name, turn = f"n{(second * 100 + place) % 600}", (second * 100 + place) // 600
            active = turn % 2 == 0
            board.table.alarm(
                event(
                    name, event=f"{turn}".encode(), severity=dice.choice((200, 500, 700, 950)), active=active,
                    acknowledged=False, time=board.clock.wall_ms(), message="m" * 150,
                )
            )  # fmt: skip
            told += 1
        if second % 2 and line.push(answer=False) is not None:
            severities = [row.sev for row in line.pushes[-1].rows]
            assert severities == sorted(severities, reverse=True)
            line.feed.acknowledge(line.pushes[-1].n)
    assert board.kinds().count("active") + board.kinds().count("cleared") == told == 12_000
    line.feed.acknowledge(line.pushes[-1].n)
    line.drain()
    assert line.receiver.rows == {row.id: row for row in board.table.rows()}
    assert len(line.receiver.rows) == 600
