"""What admission must still know after a restart: presented token ids and the highest epoch of each grant, in a file.

An SQLite file of the agent's own (standard library). What a token that writes left behind is on the disk before the
token is admitted (``synchronous=FULL``: one fsync); what tokens that read left behind is written at once but reaches
the disk when the system sees fit: reading twice harms nobody. A file that cannot be used is not the end: ``durable``
turns False, admission then refuses whatever writes, and reading goes on.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

BUSY = 0.2  # seconds to wait for another program that holds the file; the agent serves nobody meanwhile
RETRY_EVERY = 60.0  # seconds between attempts to use a file that failed
_LAYOUT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS presented (jti TEXT PRIMARY KEY, session TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS epochs (gid TEXT PRIMARY KEY, epoch INTEGER NOT NULL, seen REAL NOT NULL) WITHOUT ROWID;
"""
logger = logging.getLogger(__name__)


class StoreFailed(Exception):  # noqa: N818 - a state of the disk, told in words
    """The file takes nothing at present."""


class Presented(NamedTuple):
    """A token id, the session that showed it first, and until when (epoch s) it must be remembered."""

    jti: str
    session: str
    until: float


class Epoch(NamedTuple):
    """The highest epoch seen of a grant, and when (epoch s) a token of the grant was last seen."""

    gid: str
    epoch: int
    seen: float


class Kept(NamedTuple):
    """What a file held. ``fresh``: it was made just now, so nobody knows what was presented before."""

    presented: list[Presented]
    epochs: list[Epoch]
    fresh: bool


class ReplayStore:
    """One file, used by one agent. ``open`` and ``close`` belong to the agent's run; between them ``durable`` tells."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    @property
    def durable(self) -> bool:
        """True while what is kept here outlives a restart."""
        return self._connection is not None

    def open(self) -> Kept:
        """Open or make the file (mode 0600) and answer all that it holds, over or not: a clock that was wrong when
        this program started must not make it forget. ``StoreFailed`` when it cannot be used. A file that is damaged
        is put aside and said in the log, because what it held cannot be trusted; the answer is then ``fresh``.
        """
        self.close()
        try:
            try:
                self._connection, kept = self._open()
            except sqlite3.OperationalError:  # locked, full, not to be written: the file itself may be sound
                raise
            except sqlite3.DatabaseError as error:
                self._put_aside(error)
                self._connection, kept = self._open()
        except (sqlite3.Error, OSError) as error:
            raise StoreFailed(f"{self.path} cannot be used: {error}") from error
        return kept

    def _open(self) -> tuple[sqlite3.Connection, Kept]:
        connection = self._connect()
        try:
            return connection, _read(connection)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def keep(self, presented: Iterable[Presented], epochs: Iterable[Epoch], *, sync: bool) -> None:
        """Store all in one transaction; with ``sync`` it is on the disk when this returns. ``StoreFailed``."""
        with self._writing(sync=sync) as connection:
            connection.executemany("INSERT OR REPLACE INTO presented VALUES (?, ?, ?)", presented)
            connection.executemany("INSERT OR REPLACE INTO epochs VALUES (?, ?, ?)", epochs)

    def forget(self, jtis: Iterable[str], gids: Iterable[str]) -> None:
        """Drop ids that are over and grants that were long not seen. ``StoreFailed``."""
        with self._writing(sync=False) as connection:
            connection.executemany("DELETE FROM presented WHERE jti = ?", [(jti,) for jti in jtis])
            connection.executemany("DELETE FROM epochs WHERE gid = ?", [(gid,) for gid in gids])

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.touch(mode=0o600, exist_ok=True)
        if stat.S_IMODE(self.path.stat().st_mode) & 0o077:
            self.path.chmod(0o600)
        # autocommit: transactions are begun by hand, because the durability is chosen before each.
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None)
        try:
            # One agent, one file: with the lock held, a second agent of the same folder finds out at its start.
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def _writing(self, *, sync: bool) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        if connection is None:
            raise StoreFailed("the memory's file is not open")
        try:
            connection.execute(f"PRAGMA synchronous={'FULL' if sync else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreFailed(f"{self.path} takes nothing: {error}") from error

    def _put_aside(self, error: sqlite3.Error) -> None:
        logger.error("%s is damaged (%s) and was put aside: tokens presented earlier are forgotten.", self.path, error)
        self.path.replace(self.path.with_name(self.path.name + ".damaged"))
        for end in ("-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)


def _read(connection: sqlite3.Connection) -> Kept:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in {0, _LAYOUT}:
        raise sqlite3.DatabaseError(f"layout {version} is not known to this version")
    connection.execute("BEGIN EXCLUSIVE")
    for statement in _TABLES.strip().splitlines():
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version={_LAYOUT}")
    connection.execute("COMMIT")
    presented = [Presented(*row) for row in connection.execute("SELECT jti, session, until FROM presented")]
    epochs = [Epoch(*row) for row in connection.execute("SELECT gid, epoch, seen FROM epochs")]
    return Kept(presented, epochs, fresh=version == 0)
