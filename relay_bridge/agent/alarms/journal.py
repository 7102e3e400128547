"""``AlarmJournal``: what became of which alarm, when and by whom, on the disk of the site, newest first on request.

Events are taken at any rate and written together, at most ``WRITE_EVERY`` later. While the disk takes nothing up to
``MOST_WAITING`` wait; what is more is counted and said in the log. Old events go by age and by number.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import sqlite3
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from relay_bridge.agent.alarms.store import AlarmStore, StoreFailed
from relay_bridge.contract.alarms import AlarmRow, Journal, JournalAnswer, JournalKind, JournalRow
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import MAX_MESSAGE

TABLES = (
    """CREATE TABLE IF NOT EXISTS journal (
        number INTEGER PRIMARY KEY, t INTEGER NOT NULL, kind TEXT NOT NULL, alarm TEXT NOT NULL,
        area TEXT NOT NULL, asset TEXT NOT NULL, row BLOB NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS journal_time ON journal (t)",
    # The same event is told again by every refresh of its source: once is enough.
    "CREATE UNIQUE INDEX IF NOT EXISTS journal_once ON journal (t, alarm, kind)",
    "CREATE TABLE IF NOT EXISTS journal_facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
)
WRITE_EVERY = 0.25  # seconds
MOST_WAITING = 50_000  # events: eight minutes of 100 a second
PRUNE_EVERY = 5000  # events written between two looks at what is too old
DAY_MS = 24 * 3600 * 1000
PAGE_BUDGET = MAX_MESSAGE - 2048  # bytes of rows in one answer
logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(JournalRow)


class _Noted(NamedTuple):
    """One event that waits to be written."""

    at: int
    kind: JournalKind
    row: AlarmRow
    by: str
    comment: str


class AlarmJournal:
    """``note`` events, ``page`` through them. ``wall_ms``: the agent's clock, epoch ms."""

    def __init__(self, store: AlarmStore, wall_ms: Callable[[], int], *, keep_days: int, keep_rows: int) -> None:
        self._store = store
        self._wall_ms = wall_ms
        self._keep_ms = keep_days * DAY_MS
        self._keep_rows = keep_rows
        self._waiting: list[_Noted] = []
        self._lost = 0
        self._since_pruned = PRUNE_EVERY  # look at the first chance
        self._wake = asyncio.Event()

    def note(self, kind: JournalKind, row: AlarmRow, at: int, by: str = "", comment: str = "") -> None:
        """Take one event: ``kind`` happened to the alarm of ``row`` at ``at`` (epoch ms). Cheap and never waits.

        ``by`` did it and said ``comment``, where the row does not tell: it tells of acknowledging and confirming alone.
        """
        if len(self._waiting) >= MOST_WAITING:
            if not self._lost:
                logger.error("The disk does not keep up with the alarms: events are missing in their journal.")
            self._lost += 1
            return
        if kind in {"acknowledged", "confirmed"}:
            by, comment = row.by, row.comment
        self._waiting.append(_Noted(at, kind, row, by, comment))
        self._wake.set()

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        self._wake.set()  # once with nothing: from when on the journal is complete
        while True:
            await self._wake.wait()
            await asyncio.sleep(WRITE_EVERY)
            self._wake.clear()
            try:
                await self.flush()
            except StoreFailed as error:
                logger.debug("alarm journal: %s", error)
                await asyncio.sleep(1.0)
                self._wake.set()

    async def flush(self) -> None:
        """Write what waits. ``StoreFailed`` leaves it waiting."""
        waiting, self._waiting = self._waiting, []
        try:
            await self._store.write(lambda connection: self._write(connection, waiting), sync=False)
        except StoreFailed:
            self._waiting = waiting + self._waiting
            raise
        except asyncio.CancelledError:
            # The thread may have written it: written twice it is still there once.
            self._waiting = waiting + self._waiting
            raise

    def close(self) -> None:
        """Write what waits, before the store is closed."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            self._store.write_now(lambda connection: self._write(connection, waiting))
        except StoreFailed as error:
            logger.error("%d events of alarms are lost: %s.", len(waiting), error)  # noqa: TRY400 - told in words

    async def page(self, query: Journal) -> JournalAnswer:
        """One page, newest first; ``cur`` asks for the one after it. ``RequestRefused`` for a cursor that is none."""
        before = _read_cursor(query.cur) if query.cur is not None else None
        try:
            await self.flush()
            since, found = await self._store.read(lambda connection: _find(connection, query, before))
        except StoreFailed:
            raise RequestRefused("busy", "The journal of alarms cannot be read at present; try again later.") from None
        rows: list[JournalRow] = []
        room = PAGE_BUDGET
        cursor = None
        last = (0, 0)
        for number, at, data in found:
            room -= len(data) + 1
            if len(rows) == query.max or (room < 0 and rows):
                cursor = _cursor(*last)
                break
            rows.append(_decoder.decode(data))
            last = (at, number)
        return JournalAnswer(t=self._wall_ms(), rows=rows, since=since, cur=cursor)

    # --- in the store's thread ------------------------------------------------------------------------------------

    def _write(self, connection: sqlite3.Connection, waiting: list[_Noted]) -> None:
        now = self._wall_ms()
        connection.execute("INSERT OR IGNORE INTO journal_facts VALUES ('since', ?)", (now,))
        events = [
            (one.at, one.kind, one.row.id, one.row.area, one.row.asset, _encoder.encode(_journal_row(one)))
            for one in waiting
        ]
        statement = "INSERT OR IGNORE INTO journal (t, kind, alarm, area, asset, row) VALUES (?, ?, ?, ?, ?, ?)"
        connection.executemany(statement, events)
        self._since_pruned += len(waiting)
        if self._since_pruned >= PRUNE_EVERY:
            self._since_pruned = 0
            _prune(connection, now - self._keep_ms, self._keep_rows)


def _journal_row(noted: _Noted) -> JournalRow:
    row = noted.row
    return JournalRow(
        t=noted.at, kind=noted.kind, id=row.id, name=row.name, cond=row.cond, sev=row.sev, tag=row.tag,
        asset=row.asset, area=row.area, msg=row.msg, by=noted.by, comment=noted.comment, agent=row.agent,
    )  # fmt: skip


def _prune(connection: sqlite3.Connection, oldest: int, most: int) -> None:
    """Remove what is too old and what is too much; from then on the journal is complete from a later moment."""
    row = connection.execute("SELECT t FROM journal ORDER BY t DESC, number DESC LIMIT 1 OFFSET ?", (most,)).fetchone()
    bound = max(oldest, row[0] + 1) if row is not None else oldest
    if connection.execute("DELETE FROM journal WHERE t < ?", (bound,)).rowcount:
        connection.execute("UPDATE journal_facts SET value = max(value, ?) WHERE name = 'since'", (bound,))


def _find(
    connection: sqlite3.Connection, query: Journal, before: tuple[int, int] | None
) -> tuple[int, list[tuple[int, int, bytes]]]:
    fact = connection.execute("SELECT value FROM journal_facts WHERE name = 'since'").fetchone()
    where, values = ["t >= ?", "t < ?"], [query.start, query.end]
    arguments: list[int | str] = [*values]
    if before is not None:
        where.append("(t, number) < (?, ?)")
        arguments += before
    for column, wanted in (("area", query.area), ("asset", query.asset)):
        if wanted is not None:
            where.append(f"{column} = ?")
            arguments.append(wanted)
    statement = f"SELECT number, t, row FROM journal WHERE {' AND '.join(where)} ORDER BY t DESC, number DESC LIMIT ?"  # noqa: S608 - made of the words above
    return (fact[0] if fact else 0), connection.execute(statement, [*arguments, query.max + 1]).fetchall()


def _cursor(at: int, number: int) -> str:
    return base64.urlsafe_b64encode(f"{at}.{number}".encode()).rstrip(b"=").decode("ascii")


def _read_cursor(cursor: str) -> tuple[int, int]:
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        at, _, number = data.decode("ascii").partition(".")
        place = int(at), int(number)
    except (ValueError, binascii.Error):
        raise RequestRefused("bad_request", "journal: this cursor is none of this journal's.") from None
    if not all(-(2**62) < part < 2**62 for part in place):
        raise RequestRefused("bad_request", "journal: this cursor is none of this journal's.")
    return place
