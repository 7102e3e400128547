"""The journal of alarm events: complete, once each, newest first, by pages that do not shift, bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay_bridge.agent.alarms import journal as journal_module
from relay_bridge.agent.alarms.journal import DAY_MS, MOST_WAITING, AlarmJournal
from relay_bridge.agent.alarms.store import AlarmStore
from relay_bridge.contract.alarms import Journal, JournalRow
from relay_bridge.contract.codec import encode_result
from relay_bridge.contract.errors import RequestRefused
from tests.relay_bridge.agent.alarms.support import LEVEL, NOW, Board, event

ROWS = Board().rows
ROW = ROWS.row(event("a"), None)


class Book:
    def __init__(self, folder: Path, *, keep_days: int = 10, keep_rows: int = 100_000) -> None:
        self.now = NOW
        self.store = AlarmStore(folder / "alarms.sqlite3", journal_module.TABLES)
        self.store.open()
        self.journal = AlarmJournal(self.store, lambda: self.now, keep_days=keep_days, keep_rows=keep_rows)

    async def all(self, **query) -> list[JournalRow]:
        """Every page, as a caller follows them."""
        rows: list[JournalRow] = []
        cursor = None
        while True:
            page = await self.journal.page(Journal(**{"start": 0, "end": 2**52, "cur": cursor, **query}))
            encode_result(2**53, page)  # fits into one message
            rows += page.rows
            cursor = page.cur
            if cursor is None:
                return rows


@pytest.fixture
def book(tmp_path: Path):
    made = Book(tmp_path)
    yield made
    made.store.close()


async def test_events_come_back_newest_first_and_complete_over_pages(book: Book) -> None:
    for number in range(1000):
        row = ROWS.row(event(f"n{number}", message="é" * 200), None)
        book.journal.note("active", row, NOW + number // 7)  # many share a millisecond
    rows = await book.all(max=200)
    assert len(rows) == len({row.name for row in rows}) == 1000
    assert [row.t for row in rows] == sorted((row.t for row in rows), reverse=True)


async def test_what_comes_while_somebody_pages_shifts_nothing(book: Book) -> None:
    for number in range(30):
        book.journal.note("active", ROWS.row(event(f"n{number}"), None), NOW + number)
    first = await book.journal.page(Journal(start=0, end=2**52, max=10))
    book.journal.note("active", ROWS.row(event("late"), None), NOW + 99)
    second = await book.journal.page(Journal(start=0, end=2**52, max=10, cur=first.cur))
    assert [row.name for row in first.rows + second.rows] == [f"n{number}" for number in range(29, 9, -1)]


async def test_time_area_and_asset_choose(book: Book) -> None:
    here = ROWS.row(event("here", node=LEVEL.node), None)
    book.journal.note("active", here, NOW)
    book.journal.note("cleared", here, NOW + 5)
    book.journal.note("active", ROW, NOW + 5)
    assert [row.kind for row in await book.all(area="North farm")] == ["cleared", "active"]
    assert [row.kind for row in await book.all(asset="TK-101", end=NOW + 5)] == ["active"]
    assert len(await book.all(start=NOW + 5)) == 2
    assert await book.all(area="' OR 1=1 --") == []


async def test_the_same_event_told_again_is_there_once_over_a_restart(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.journal.note("active", ROW, NOW)
    book.journal.close()
    book.store.close()
    again = Book(tmp_path)
    again.journal.note("active", ROW, NOW)
    again.journal.note("active", ROW, NOW + 1)
    assert [row.t for row in await again.all()] == [NOW + 1, NOW]
    again.store.close()


async def test_only_an_acknowledgement_tells_who(book: Book) -> None:
    row = ROWS.row(event(acknowledged=True, user="operator 1", comment="seen"), None)
    book.journal.note("cleared", row, NOW)
    book.journal.note("acknowledged", row, NOW + 1)
    assert [(r.by, r.comment) for r in await book.all()] == [("operator 1", "seen"), ("", "")]


async def test_who_shelved_is_told_where_the_row_does_not(book: Book) -> None:
    row = ROWS.row(event(acknowledged=True, user="operator 1", comment="seen", shelved_until=NOW), None)
    book.journal.note("shelved", row, NOW, "7b0f", "gauge in repair")
    book.journal.note("unshelved", row, NOW + 1)
    assert [(r.by, r.comment) for r in await book.all()] == [("", ""), ("7b0f", "gauge in repair")]


async def test_it_is_bounded_by_age_and_by_number_and_says_from_when_it_is_complete(tmp_path: Path) -> None:
    book = Book(tmp_path, keep_days=1, keep_rows=1000)
    assert (await book.journal.page(Journal(start=0, end=1))).since == NOW
    book.journal.note("active", ROW, NOW - 2 * DAY_MS)
    book.now += 2 * DAY_MS
    for number in range(5000):
        book.journal.note("active", ROW, book.now - 5000 + number)
    page = await book.journal.page(Journal(start=0, end=2**52, max=1))
    assert len(await book.all(max=200)) <= 1000
    assert page.since > NOW
    assert all(row.t >= page.since for row in await book.all(max=200))
    book.store.close()


async def test_a_cursor_that_is_none_is_refused(book: Book) -> None:
    for cursor in ("", "x", "AAAA", "!!!!", "MTIz", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkuMQ", "é"):
        with pytest.raises(RequestRefused) as refused:
            await book.journal.page(Journal(start=0, end=1, cur=cursor))
        assert refused.value.code == "bad_request"


async def test_without_a_disk_events_wait_and_what_is_too_much_is_counted(book: Book) -> None:
    book.store.close()
    book.journal.note("active", ROW, NOW)
    with pytest.raises(RequestRefused) as refused:
        await book.journal.page(Journal(start=0, end=2**52))
    assert refused.value.code == "busy"
    for number in range(MOST_WAITING + 10):
        book.journal.note("active", ROW, number)
    assert book.journal._lost == 11
    book.store.open()
    book.journal._waiting = book.journal._waiting[:1]
    assert [row.t for row in await book.all()] == [NOW]
