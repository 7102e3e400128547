"""``AlarmStore``: the file of everything about alarms that outlives a restart, used from one thread of its own.

SQLite in WAL mode. What a person did is on the disk before it is answered (``synchronous=FULL``: one fsync a
transaction); what merely happened is written at once and reaches the disk when the system sees fit (``NORMAL``: a power
failure may cost the last seconds of the journal of events, never the file). A file that cannot be used is told in the
log and tried again every minute; meanwhile ``durable`` is False and nobody may acknowledge.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import stat
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

BUSY = 0.2  # seconds to wait for another program that holds the file
RETRY_EVERY = 60.0  # seconds between attempts to use a file that failed
_LAYOUT = 1
T = TypeVar("T")
logger = logging.getLogger(__name__)


class StoreFailed(Exception):  # noqa: N818 - a state of the disk, told in words
    """The file takes nothing at present."""


class AlarmStore:
    """One file, used by one agent. ``tables``: the statements that make what its users need."""

    def __init__(self, path: Path, tables: Sequence[str], monotonic: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._tables = tuple(tables)
        self._monotonic = monotonic
        self._connection: sqlite3.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._retry_at = 0.0

    @property
    def durable(self) -> bool:
        """True while what is kept here outlives a restart."""
        return self._connection is not None

    def open(self) -> None:
        """Open or make the file, mode 0600. Never raises: a file that cannot be used is told in the log.

        One that is damaged is put aside and said so; the alarms themselves come back from their sources.
        """
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="alarm-store")
        self._thread.submit(self._try_open).result()

    def close(self) -> None:
        """Finish what was asked for and let go of the file."""
        if self._thread is not None:
            self._thread.submit(self._let_go)
            self._thread.shutdown(wait=True)
            self._thread = None

    async def write(self, work: Callable[[sqlite3.Connection], T], *, sync: bool) -> T:
        """``work`` in one transaction; with ``sync`` it is on the disk when this returns. ``StoreFailed``.

        It is done even when the caller is cancelled meanwhile.
        """
        return await self._run(lambda: self._write(work, sync=sync))

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What ``work`` finds. ``StoreFailed``."""
        return await self._run(lambda: self._guarded(work))

    def read_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """As ``read``, and wait for it: for a start. ``StoreFailed``."""
        if self._thread is None:
            raise StoreFailed("the alarm store is closed")
        return self._thread.submit(lambda: self._guarded(work)).result()

    def write_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """As ``write`` with ``sync``, and wait for it: for an end. ``StoreFailed``."""
        if self._thread is None:
            raise StoreFailed("the alarm store is closed")
        return self._thread.submit(lambda: self._write(work, sync=True)).result()

    async def _run(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise StoreFailed("the alarm store is closed")
        # Shielded: the thread goes on anyway, and a result that nobody waits for must not be an error in the log.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    # --- in the thread --------------------------------------------------------------------------------------------

    def _try_open(self) -> None:
        self._let_go()
        self._retry_at = self._monotonic() + RETRY_EVERY
        try:
            try:
                self._connection = self._open()
            except sqlite3.OperationalError:  # locked, full, not to be written: the file itself may be sound
                raise
            except sqlite3.DatabaseError as error:
                self._put_aside(error)
                self._connection = self._open()
        except (sqlite3.Error, OSError) as error:
            logger.error(  # noqa: TRY400 - told in words
                "Alarms are shown, but nobody can acknowledge and no journal of them is kept: %s cannot be used: %s.",
                self.path,
                error,
            )

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.touch(mode=0o600, exist_ok=True)
        if stat.S_IMODE(self.path.stat().st_mode) & 0o077:
            self.path.chmod(0o600)
        # autocommit: transactions are begun by hand, because the durability is chosen before each.
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # a second agent of the same folder finds out
            connection.execute("PRAGMA journal_mode=WAL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in {0, _LAYOUT}:
                raise sqlite3.DatabaseError(f"layout {version} is not known to this version")  # noqa: TRY301
            connection.execute("BEGIN EXCLUSIVE")
            for statement in self._tables:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={_LAYOUT}")
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _put_aside(self, error: sqlite3.Error) -> None:
        logger.error("%s is damaged (%s) and was put aside; the journal of alarms begins anew.", self.path, error)
        self.path.replace(self.path.with_name(self.path.name + ".damaged"))
        for end in ("-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)

    def _let_go(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except sqlite3.Error as error:
                logger.debug("alarm store: %s", error)
            self._connection = None

    def _ready(self) -> sqlite3.Connection:
        if self._connection is None and self._monotonic() >= self._retry_at:
            self._try_open()
        if self._connection is None:
            raise StoreFailed("the alarm store's file is not usable")
        return self._connection

    def _guarded(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._ready()
        try:
            return work(connection)
        except (sqlite3.Error, OSError) as error:
            self._fail(error)
            raise StoreFailed(f"the alarm store cannot be used: {error}") from error

    def _write(self, work: Callable[[sqlite3.Connection], T], *, sync: bool) -> T:
        connection = self._ready()
        try:
            connection.execute(f"PRAGMA synchronous={'FULL' if sync else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self._fail(error)
            raise StoreFailed(f"the alarm store takes nothing: {error}") from error
        return result

    def _fail(self, error: Exception) -> None:
        logger.error("Nobody can acknowledge alarms until this is mended: %s: %s.", self.path, error)
        self._let_go()
        self._retry_at = self._monotonic() + RETRY_EVERY
