"""What was asked under which key and what became of it: on the disk before a source is touched, for seven days.

An SQLite file of the agent's own, ``synchronous=FULL``: when ``begin`` returns, the key outlives a power cut. One
thread of its own does all of it in order, so a slow disk holds up no value. What is still pending when the file is
opened was cut off by a crash: nobody knows whether it had its effect, and that is its outcome.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from relay_bridge.agent.acting.wish import Wish
from relay_bridge.contract.acting import ActAnswer, TraceRow

KEEP_MS = 7 * 24 * 3600 * 1000
# 7 days at the highest rate that a site may configure (60 a minute) would be 604 800; about 200 MB.
MAX_KEYS = 400_000
PRUNE_EVERY_MS = 3600 * 1000
PATIENCE = 2.0  # seconds for the disk; beyond, the action is refused
BUSY = 0.2  # seconds to wait for another program that holds the file
_LAYOUT = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS actions (
  key TEXT PRIMARY KEY, sub TEXT NOT NULL, body BLOB NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL,
  value TEXT NOT NULL, why TEXT NOT NULL, at INTEGER NOT NULL, aid TEXT NOT NULL, answer BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS actions_of_person ON actions (sub, at);
CREATE INDEX IF NOT EXISTS actions_by_time ON actions (at);
"""
INTERRUPTED = "The agent was stopped or crashed while this was being done. Look at the value."
_T = TypeVar("_T")
_answers = msgspec.json.Decoder(ActAnswer)
logger = logging.getLogger(__name__)


class StoreFailed(Exception):  # noqa: N818 - a state of the disk, told in words
    """The file takes nothing at present, so nothing may be done."""


class Stored(NamedTuple):
    """A key as it is on the disk. ``answer`` None: pending."""

    sub: str
    body: bytes
    answer: ActAnswer | None


class Recent(NamedTuple):
    """Who acted on what, and when (epoch ms): what intervals and rates are counted from after a restart."""

    sub: str
    target: str
    at: int


class Interrupted(NamedTuple):
    """What was found pending at the start."""

    key: str
    sub: str
    kind: str
    target: str
    aid: str


class Deed(NamedTuple):
    """A row for the status page at the site."""

    sub: str
    row: TraceRow


class KeyStore:
    """One file, used by one agent. ``open`` and ``close`` belong to the agent's run."""

    def __init__(self, path: Path, wall_ms: Callable[[], int], *, max_keys: int = MAX_KEYS) -> None:
        self.path = path
        self._wall_ms = wall_ms
        self._max_keys = max_keys
        self._connection: sqlite3.Connection | None = None
        self._worker: ThreadPoolExecutor | None = None
        self._pruned_at = 0
        self._count = 0

    @property
    def available(self) -> bool:
        """True while keys can be kept."""
        return self._connection is not None

    async def open(self) -> list[Interrupted]:
        """Open or make the file; what was pending becomes unknown and is told. ``StoreFailed``: acting stays closed."""
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="acting-keys")
        return await self._do(self._open, opening=True)

    async def close(self) -> None:
        """Let go of the file, after what is under way."""
        if self._worker is not None:
            with contextlib.suppress(StoreFailed):
                await self._do(self._let_go, opening=True)
            self._worker.shutdown(wait=False)
            self._worker = None

    async def find(self, key: str) -> Stored | None:
        """The key as it is on the disk. ``StoreFailed``."""
        return await self._do(lambda: self._find(key))

    async def begin(self, wish: Wish, aid: str) -> None:
        """Keep the key as pending; on the disk when this returns. ``StoreFailed``: nothing may be done."""
        await self._do(lambda: self._begin(wish, aid))

    async def finish(self, key: str, answer: ActAnswer) -> None:
        """Keep the outcome; on the disk when this returns. ``StoreFailed``: it is pending there, so unknown later."""
        await self._do(lambda: self._finish(key, answer))

    async def recent(self, since_ms: int) -> list[Recent]:
        """What was begun since then, oldest first. ``StoreFailed``."""
        sql = "SELECT sub, target, at FROM actions WHERE at >= ? ORDER BY at"
        return await self._do(lambda: [Recent(*row) for row in self._rows(sql, since_ms)])

    async def trace(self, sub: str | None, most: int) -> list[Deed]:
        """The last actions, newest first: of one person, or of everybody. ``StoreFailed``."""
        where = "WHERE sub = ?" if sub is not None else "WHERE ? IS NULL"
        sql = f"SELECT key, sub, kind, target, why, at, answer FROM actions {where} ORDER BY at DESC LIMIT ?"  # noqa: S608
        return await self._do(lambda: [_deed(row) for row in self._rows(sql, sub, most)])

    # --- in the thread ------------------------------------------------------------------------------------------------

    async def _do(self, work: Callable[[], _T], *, opening: bool = False) -> _T:
        if self._worker is None or (self._connection is None and not opening):
            raise StoreFailed("the file of keys is not open")
        done = asyncio.get_running_loop().run_in_executor(self._worker, work)
        # Nobody may be left to hear of it, and the thread goes on all the same.
        done.add_done_callback(lambda future: None if future.cancelled() else future.exception())
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.shield(done)
        except TimeoutError:
            raise StoreFailed(f"{self.path} did not answer in {PATIENCE:.0f} s") from None
        except (sqlite3.Error, OSError) as error:
            raise StoreFailed(f"{self.path}: {error}") from error

    def _open(self) -> list[Interrupted]:
        self._let_go()
        self._pruned_at = 0
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.touch(mode=0o600, exist_ok=True)
        if stat.S_IMODE(self.path.stat().st_mode) & 0o077:
            self.path.chmod(0o600)
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            # One agent, one file: a second agent of the same folder finds out at its start.
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            _check_layout(connection)
            connection.executescript(f"BEGIN EXCLUSIVE; {_TABLE} PRAGMA user_version={_LAYOUT}; COMMIT;")
            interrupted = self._settle(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return interrupted

    def _settle(self, connection: sqlite3.Connection) -> list[Interrupted]:
        pending = connection.execute("SELECT key, sub, kind, target, aid FROM actions WHERE answer IS NULL").fetchall()
        now = self._wall_ms()
        connection.execute("BEGIN IMMEDIATE")
        for key, _, _, _, aid in pending:
            answer = ActAnswer(res="unknown_outcome", t=now, key=key, aid=aid, c="unknown_outcome", msg=INTERRUPTED)
            connection.execute("UPDATE actions SET answer = ? WHERE key = ?", (msgspec.json.encode(answer), key))
        connection.execute("COMMIT")
        return [Interrupted(*row) for row in pending]

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _find(self, key: str) -> Stored | None:
        for sub, body, answer in self._rows("SELECT sub, body, answer FROM actions WHERE key = ?", key):
            return Stored(sub, bytes(body), None if answer is None else _answers.decode(answer))
        return None

    def _begin(self, wish: Wish, aid: str) -> None:
        now = self._wall_ms()
        if now - self._pruned_at >= PRUNE_EVERY_MS:
            self._execute("DELETE FROM actions WHERE at < ?", now - KEEP_MS)
            self._pruned_at = now
            ((self._count,),) = self._rows("SELECT count(*) FROM actions")
        if self._count >= self._max_keys:
            raise sqlite3.OperationalError(f"it holds {self._count} keys, as many as it may")
        value = json.dumps(wish.value)
        row = (wish.key, wish.sub, wish.body, wish.kind, wish.target, value, wish.why, now, aid)
        self._execute("INSERT INTO actions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", *row)
        self._count += 1

    def _finish(self, key: str, answer: ActAnswer) -> None:
        # Only of what is pending: an outcome that was told once stays what it is.
        self._execute(
            "UPDATE actions SET answer = ? WHERE key = ? AND answer IS NULL", msgspec.json.encode(answer), key
        )

    def _execute(self, sql: str, *values: object) -> None:
        if self._connection is None:
            raise sqlite3.OperationalError("it is not open")
        self._connection.execute(sql, values)

    def _rows(self, sql: str, *values: object) -> list[Any]:
        if self._connection is None:
            raise sqlite3.OperationalError("it is not open")
        return self._connection.execute(sql, values).fetchall()


def _check_layout(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in {0, _LAYOUT}:
        raise sqlite3.DatabaseError(f"layout {version} is not known to this version")


def _deed(stored: tuple[str, str, str, str, str, int, bytes | None]) -> Deed:
    key, sub, kind, target, why, at, answer = stored
    found = None if answer is None else _answers.decode(answer)
    row = TraceRow(
        t=at, what="write" if kind == "write" else "cmd", target=target, res="pending" if found is None else found.res,
        key=key, before=found and found.before, after=found and found.after, msg=found.msg if found else "", why=why,
    )  # fmt: skip
    return Deed(sub, row)
