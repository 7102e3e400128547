"""Acknowledging: bound to what was seen, once per key over every restart, noted before and after, told truthfully."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from relay_bridge.agent.alarms import acknowledging
from relay_bridge.agent.alarms import answers as answers_module
from relay_bridge.agent.alarms import asking as asking_module
from relay_bridge.agent.alarms.acknowledging import A_MINUTE_PERSON, A_MINUTE_SITE, STOPPED, Acknowledging
from relay_bridge.agent.alarms.answers import Answers
from relay_bridge.agent.alarms.asking import AT_ONCE, CLOSED, UNKNOWN, Asking
from relay_bridge.agent.alarms.shelf_hands import ShelfHands
from relay_bridge.agent.alarms.store import AlarmStore
from relay_bridge.agent.drivers.abilities import AckRefused, AlarmRef, OutcomeUnknown
from relay_bridge.agent.journal import Journal
from relay_bridge.contract.alarms import Ack, AckAnswer, AlarmPick, Shelve
from relay_bridge.contract.errors import RequestRefused
from tests.relay_bridge.agent.alarms.support import NOW, Board, event


@dataclass(frozen=True)
class Person:
    sub: str = "7b0f-1"


class Source:
    """A process server that answers as told and counts what it was asked; it tells of what it did by events."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.asked: list[tuple[str, bytes, str]] = []
        self.answer: Exception | None = None
        self.tells = True  # of shelving, at once
        self.release = asyncio.Event()
        self.release.set()

    async def acknowledge(self, ref: AlarmRef, occurrence: bytes, comment: str, deadline: float) -> None:
        self.asked.append((ref.condition, occurrence, comment))
        await self.release.wait()
        if self.answer is not None:
            raise self.answer
        name = ref.condition[2:]
        self.board.table.alarm(event(name, event=b"acked", acknowledged=True, comment=comment, confirmed=False))

    async def confirm(self, ref: AlarmRef, occurrence: bytes, comment: str, deadline: float) -> None:
        self.asked.append((ref.condition, occurrence, comment))
        self.board.table.alarm(event(ref.condition[2:], event=b"conf", acknowledged=True, confirmed=True))

    async def shelve(self, ref: AlarmRef, milliseconds: int, comment: str, deadline: float) -> None:
        self.asked.append((ref.condition, str(milliseconds).encode(), comment))
        if self.answer is not None:
            raise self.answer
        if not self.tells:
            return
        until = NOW + milliseconds if milliseconds else 0
        self.board.table.alarm(event(ref.condition[2:], event=b"shelved", shelved_until=until))


EVERYTHING = frozenset({"ack", "confirm", "shelve"})


class Desk:
    """Everything that acknowledging needs, over a folder."""

    def __init__(self, folder: Path, *, allowed: bool = True, able: frozenset[str] = EVERYTHING) -> None:
        self.board = Board()
        self.source = Source(self.board)
        self.store = AlarmStore(folder / "alarms.sqlite3", answers_module.TABLES)
        self.store.open()
        clock = self.board.clock
        self.hands = ShelfHands(clock.monotonic)
        self.journal = Journal(
            folder / "audit", "north", keep_days=10, wall_ms=clock.wall_ms, monotonic=clock.monotonic
        )
        self.journal.open()
        self.closed = False
        asking = Asking(
            self.board.table, {"main": self.source}, {"main": able}, made_here=[], closed=lambda: self.closed,
            clean=lambda text, most: text[:most],
        )  # fmt: skip
        self.desk = Acknowledging(
            allowed=allowed, table=self.board.table, rows=self.board.rows, asking=asking,
            answers=Answers(self.store, clock.wall_ms), hands=self.hands, journal=self.journal, clock=clock,
        )  # fmt: skip

    def end(self) -> None:
        self.journal.close()
        self.store.close()

    def pick(self, name: str = "a") -> AlarmPick:
        row = self.board.row(name)
        assert row is not None
        return AlarmPick(row.id, row.eid)

    async def ack(self, *picks: AlarmPick, key: str = "", person: Person | None = None, **facts: Any) -> AckAnswer:
        ack = Ack(items=list(picks), key=key or secrets.token_urlsafe(16), **facts)
        return await self.desk.acknowledge(ack, person or Person(), "s1")

    def noted(self) -> list[dict[str, Any]]:
        files = sorted(self.journal.folder.glob("*.jsonl"))
        lines = [line for file in files for line in file.read_text().splitlines()]
        return [event for event in map(json.loads, lines) if event["tag"].startswith("agent:alarm")]


@pytest.fixture
def desk(tmp_path: Path):
    made = Desk(tmp_path)
    yield made
    made.end()


async def test_an_acknowledgement_lands_on_what_was_seen_with_person_and_comment_and_is_noted_twice(desk: Desk) -> None:
    desk.board.table.alarm(event())
    answer = await desk.ack(desk.pick(), c="on my way")
    assert [result.res for result in answer.res] == ["ok"]
    assert desk.source.asked == [("s=a", b"a-1", "on my way [7b0f-1@north via mobile]")]
    row = desk.board.row("a")
    assert (row.ack, row.by, row.comment) == (True, "7b0f-1", "on my way")
    asked, answered = desk.noted()
    assert (asked["tag"], asked["actor"], asked["reason"]) == ("agent:alarm:asked", "7b0f-1", "on my way")
    assert (answered["tag"], answered["result"], answered["facts"]["outcome"]) == ("agent:alarm:answered", "done", "ok")
    assert asked["facts"]["alarms"] == answered["facts"]["alarms"] == row.id


async def test_fifty_at_once_are_asked_beside_each_other_and_all_noted(desk: Desk) -> None:
    for number in range(50):
        desk.board.table.alarm(event(f"n{number}"))
    answer = await desk.ack(*(desk.pick(f"n{number}") for number in range(50)))
    assert {result.res for result in answer.res} == {"ok"}
    asked, answered = desk.noted()
    ids = " ".join(text for name, text in sorted(answered["facts"].items()) if name.startswith("alarms")).split()
    assert sorted(ids) == sorted(row.id for row in desk.board.table.rows())
    assert asked["facts"]["count"] == "50"


async def test_a_newer_state_is_stale_and_comes_with_its_row_without_the_source_being_asked(desk: Desk) -> None:
    desk.board.table.alarm(event())
    seen = desk.pick()
    desk.board.table.alarm(event(event=b"2", severity=900))
    (result,) = (await desk.ack(seen)).res
    assert (result.res, result.row) == ("stale", desk.board.row("a"))
    assert desk.source.asked == []


async def test_already_tells_by_whom_and_when(desk: Desk) -> None:
    desk.board.table.alarm(event())
    seen = desk.pick()
    desk.board.table.alarm(event(event=b"2", acknowledged=True, user="operator 1", acknowledged_at=NOW - 5))
    (result,) = (await desk.ack(seen)).res
    assert (result.res, result.by, result.at) == ("already", "operator 1", NOW - 5)


async def test_what_left_the_list_is_gone(desk: Desk) -> None:
    (result,) = (await desk.ack(AlarmPick("ab12", "x"))).res
    assert result.res == "gone"


@pytest.mark.parametrize(
    ("raised", "word"),
    [
        (AckRefused("denied", "no"), "denied"),
        (AckRefused("gone", "no"), "gone"),
        (OutcomeUnknown("silence"), "unknown"),
        (RequestRefused("source_down", "down"), "failed"),
        (RequestRefused("unknown_outcome", "?"), "unknown"),
        (RuntimeError("a bug"), "unknown"),
    ],
)
async def test_every_end_has_its_word(desk: Desk, raised: Exception, word: str) -> None:
    desk.board.table.alarm(event())
    desk.source.answer = raised
    (result,) = (await desk.ack(desk.pick())).res
    assert result.res == word
    assert len(desk.source.asked) == 1
    assert desk.noted()[-1]["facts"]["outcome"] == word


async def test_a_source_that_knows_more_makes_it_stale_with_the_row_that_is_on_its_way(desk: Desk) -> None:
    desk.board.table.alarm(event())
    desk.source.answer = AckRefused("stale", "changed")
    asyncio.get_running_loop().call_later(0.05, desk.board.table.alarm, event(event=b"2", message="newer"))
    (result,) = (await desk.ack(desk.pick())).res
    assert (result.res, result.row.msg) == ("stale", "newer")


async def test_no_answer_in_time_is_unknown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking_module, "ONE", 0.3)
    desk.board.table.alarm(event())
    desk.source.release.clear()
    (result,) = (await desk.ack(desk.pick())).res
    assert (result.res, result.msg) == ("unknown", UNKNOWN)


async def test_the_same_key_is_done_once_beside_itself_afterwards_and_after_a_restart(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.board.table.alarm(event())
    seen, key = desk.pick(), secrets.token_urlsafe(16)
    desk.source.release.clear()
    both = [asyncio.create_task(desk.ack(seen, key=key)) for _ in range(2)]
    async with asyncio.timeout(5):
        while not desk.source.asked:
            await asyncio.sleep(0.01)
    with pytest.raises(RequestRefused) as refused:
        await desk.ack(seen, key=key, c="another wish")
    assert refused.value.code == "bad_request"
    desk.source.release.set()
    first, second = await asyncio.gather(*both)
    assert first == second == await desk.ack(seen, key=key)
    assert len(desk.source.asked) == 1
    with pytest.raises(RequestRefused):
        await desk.ack(seen, key=key, c="another wish")
    desk.end()
    again = Desk(tmp_path)
    assert await again.ack(seen, key=key) == first
    assert again.source.asked == []
    assert [result.res for result in (await again.ack(seen, key=key, person=Person("other"))).res] == ["gone"]
    again.end()


async def test_an_agent_that_died_in_between_says_unknown_and_asks_nobody(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.board.table.alarm(event())
    seen, key = desk.pick(), secrets.token_urlsafe(16)
    ack = Ack(items=[seen], key=key)
    await desk.desk._answers.begin("7b0f-1", key, acknowledging._encoder.encode(ack))
    desk.end()
    again = Desk(tmp_path)
    again.board.table.alarm(event())
    (result,) = (await again.ack(seen, key=key)).res
    assert (result.res, result.msg) == ("unknown", STOPPED)
    assert again.source.asked == []
    again.end()


async def test_a_session_that_ends_does_not_undo_what_was_begun(desk: Desk) -> None:
    desk.board.table.alarm(event())
    seen, key = desk.pick(), secrets.token_urlsafe(16)
    desk.source.release.clear()
    asking = asyncio.create_task(desk.ack(seen, key=key))
    async with asyncio.timeout(5):
        while not desk.source.asked:
            await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    desk.source.release.set()
    assert [result.res for result in (await desk.ack(seen, key=key)).res] == ["ok"]
    assert len(desk.source.asked) == 1


async def test_without_the_sites_word_its_journal_or_its_disk_nothing_is_asked(tmp_path: Path) -> None:
    closed = Desk(tmp_path / "1", allowed=False)
    closed.board.table.alarm(event())
    with pytest.raises(RequestRefused) as refused:
        await closed.ack(closed.pick())
    assert refused.value.code == "read_only"
    closed.end()
    for number, breaking in enumerate(("journal", "store"), 2):
        desk = Desk(tmp_path / str(number))
        desk.board.table.alarm(event())
        getattr(desk, breaking).close()
        with pytest.raises(RequestRefused) as refused:
            await desk.ack(desk.pick())
        assert refused.value.code == "busy"
        assert desk.source.asked == []
        desk.end()


async def test_a_source_that_cannot_is_not_asked(tmp_path: Path) -> None:
    desk = Desk(tmp_path, able=frozenset())
    desk.board.table.alarm(event())
    desk.board.table.alarm(event("x", ref=AlarmRef("other", "s=x")))
    answer = await desk.ack(desk.pick(), desk.pick("x"))
    assert [result.res for result in answer.res] == ["failed", "failed"]
    assert desk.source.asked == []
    desk.end()


async def test_confirming_is_the_second_step_where_there_is_one(desk: Desk) -> None:
    desk.board.table.alarm(event())
    assert [r.res for r in (await desk.ack(desk.pick(), what="confirm")).res] == ["failed"]
    await desk.ack(desk.pick())
    assert [r.res for r in (await desk.ack(desk.pick(), what="confirm")).res] == ["ok"]
    assert [r.res for r in (await desk.ack(desk.pick(), what="confirm")).res] == ["already"]


async def test_shelving_needs_a_reason_and_is_bound_to_what_was_seen(desk: Desk) -> None:
    desk.board.table.alarm(event())

    async def shelve(pick: AlarmPick, ms: int, reason: str) -> str:
        wish = Shelve(item=pick, key=secrets.token_urlsafe(16), ms=ms, c=reason)
        return (await desk.desk.shelve(wish, Person(), "s1")).res[0].res

    seen = desk.pick()
    with pytest.raises(RequestRefused):
        await shelve(seen, 1000, " ")
    assert await shelve(seen, 60_000, "gauge is being repaired") == "ok"
    assert await shelve(seen, 0, "") == "stale"
    assert await shelve(desk.pick(), 0, "") == "ok"
    assert desk.board.row("a").shelf == 0
    assert [note["facts"]["what"] for note in desk.noted()] == ["shelve"] * 2 + ["unshelve"] * 4


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (None, True),
        (OutcomeUnknown(), True),
        (RequestRefused("unknown_outcome", "no answer"), True),
        (AckRefused("denied", "no"), False),
        (RequestRefused("source_down", "gone"), False),
    ],
)
async def test_who_shelves_is_named_in_the_journal_of_alarms_unless_the_source_refused(
    desk: Desk, answer: Exception | None, named: bool
) -> None:
    desk.board.table.alarm(event())
    desk.source.answer, desk.source.tells = answer, False
    wish = Shelve(item=desk.pick(), key=secrets.token_urlsafe(16), ms=60_000, c="gauge of plc-7.plant is in repair")
    await desk.desk.shelve(wish, Person("7b0f [1]"), "s1")
    told = desk.hands.take(desk.pick().id, "shelved")
    assert told == (("7b0f--1-", "gauge of the source is in repair") if named else ("", ""))


async def test_nobody_acknowledges_without_end(desk: Desk) -> None:
    desk.journal._budget._left = 10_000.0
    for _ in range(A_MINUTE_PERSON):
        desk.desk._spend("one")
    with pytest.raises(RequestRefused) as refused:
        await desk.ack(AlarmPick("ab", "x"), person=Person("one"))
    assert refused.value.code == "rate"
    desk.board.clock.move(1.0)
    assert (await desk.ack(AlarmPick("ab", "x"), person=Person("one"))).res
    with pytest.raises(RequestRefused):
        for number in range(A_MINUTE_SITE):
            desk.desk._spend(f"p{number}")


async def test_the_same_alarm_twice_in_one_request_is_refused(desk: Desk) -> None:
    with pytest.raises(RequestRefused):
        await desk.ack(AlarmPick("ab", "x"), AlarmPick("ab", "y"))


async def test_old_keys_and_too_many_are_forgotten(tmp_path: Path) -> None:
    store = AlarmStore(tmp_path / "a.sqlite3", answers_module.TABLES)
    store.open()
    now = [NOW]
    answers = Answers(store, lambda: now[0], most=5)
    for number in range(8):
        now[0] += 1
        await answers.begin("p", f"k{number}", b"x")
    assert [await answers.find("p", f"k{number}") is not None for number in range(8)] == [False] * 3 + [True] * 5
    now[0] += answers_module.KEEP_MS + 1
    await answers.begin("p", "new", b"x")
    assert await answers.find("p", "k7") is None
    store.close()


async def test_a_switch_that_is_turned_in_the_middle_keeps_the_rest_from_being_asked(desk: Desk) -> None:
    names = [f"a{number:02}" for number in range(20)]
    for name in names:
        desk.board.table.alarm(event(name))
    desk.source.release.clear()
    asking = asyncio.create_task(desk.ack(*[desk.pick(name) for name in names]))
    while len(desk.source.asked) < AT_ONCE:
        await asyncio.sleep(0)
    desk.closed = True
    desk.source.release.set()
    words = [(result.res, result.msg) for result in (await asking).res]
    assert words == [("ok", "")] * AT_ONCE + [("failed", CLOSED)] * (len(names) - AT_ONCE)
    assert len(desk.source.asked) == AT_ONCE


async def test_a_disk_that_hangs_gathers_no_end_of_requests(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acknowledging, "MOST_RUNNING", 3)
    desk.board.table.alarm(event())

    async def hangs(person: str, key: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(desk.desk._answers, "find", hangs)
    waiting = [asyncio.create_task(desk.ack(desk.pick())) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(RequestRefused, match="busy"):
        await desk.ack(desk.pick())
    for _, task in desk.desk._running.values():
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
