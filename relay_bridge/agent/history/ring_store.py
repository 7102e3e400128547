"""The ring's file: samples of recorded tags in SQLite, bounded in age and in bytes. Every call belongs to one thread.

Each tag's samples lie together (a table without row ids, by tag and time), so a page of one tag is one short walk and
ageing touches only what goes. What was written less than a flush ago may be lost with the power; nothing else.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from relay_bridge.agent.history.buckets import Columns, Plan, fill_buckets
from relay_bridge.agent.history.ring_buckets import ring_buckets
from relay_bridge.contract.readings import BAD_NOT_CONNECTED, Reading, Value

BUSY = 1.0  # seconds to wait for another program that holds the file
LOOKING = 6.0  # seconds that the buckets of one tag may take: meanwhile nothing is written
STEPS = 100_000  # of SQLite's between two looks at the time: some milliseconds
PAGE = 4096  # bytes of a page of the file
SPARE = 0.9  # the share of the bound at which the oldest samples begin to go
OLDEST_SHARE = 0.1  # of the span of time in the file that goes at once then
_LAYOUT = 1
_TABLES = (
    "CREATE TABLE IF NOT EXISTS tags (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE IF NOT EXISTS samples (tag INTEGER NOT NULL, t INTEGER NOT NULL, v, q INTEGER NOT NULL,"
    " PRIMARY KEY (tag, t)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS alive (one INTEGER PRIMARY KEY CHECK (one = 1), t INTEGER NOT NULL)",
)
logger = logging.getLogger(__name__)


class RingFailed(Exception):  # noqa: N818 - a state of the disk, told in words
    """The file takes or gives nothing at present."""


class Sample(NamedTuple):
    """One recorded reading; ``t`` in epoch ms."""

    tag: str
    t: int
    v: Value
    q: int


class Stretch(NamedTuple):
    """What the ring has of one tag: the reading that held at the start, and those inside; ``more`` follow."""

    before: Reading | None
    readings: Sequence[Reading]
    more: bool


class RingStore:
    """``open`` first, ``close`` last, both in the thread that makes the other calls. ``most_bytes`` bounds the file."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self.path = path
        self._pages = max(most_bytes // PAGE, 64)
        self._connection: sqlite3.Connection | None = None
        self._numbers: dict[str, int] = {}

    def open(self) -> None:
        """Open or make the file (mode 0600). What stood when the agent last wrote is ended by a gap there, because
        nobody looked since. A damaged file is put aside and a new one begun. ``RingFailed``."""
        self.close()
        try:
            try:
                self._connection = self._open()
            except sqlite3.OperationalError:  # locked, full, not to be written: the file itself may be sound
                raise
            except sqlite3.DatabaseError as error:
                self._put_aside(error)
                self._connection = self._open()
            self._end_the_last_run(self._connection)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise RingFailed(f"{self.path} cannot be used: {error}") from error

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None
        self._numbers = {}

    def append(self, samples: Iterable[Sample], alive: int) -> None:
        """Store ``samples`` and that the recorder was there at ``alive`` (epoch ms). ``RingFailed``.

        A second sample of a tag at the same millisecond takes the place of the first.
        """
        with self._writing() as connection:
            rows = [(self._number(connection, sample.tag), sample.t, sample.v, sample.q) for sample in samples]
            # Tag by tag, as they lie in the file: in the order of time each page would be taken up, and written, again
            # and again. The sort keeps the order of samples of one moment, of which the last counts.
            rows.sort(key=itemgetter(0, 1))
            connection.executemany("INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?)", rows)
            connection.execute("INSERT OR REPLACE INTO alive VALUES (1, ?)", (alive,))

    def age(self, oldest: int) -> None:
        """Drop what is older than ``oldest`` (epoch ms), and more while the file is near its bound. ``RingFailed``.

        Of each tag the newest older sample stays: it is what the tag was when the kept time began.
        """
        with self._writing() as connection:
            self._drop(connection, oldest)
            if self._share_used(connection) < SPARE:
                return
            first, last = connection.execute("SELECT MIN(t), MAX(t) FROM samples").fetchone()
            if first is not None:
                cut = max(oldest, first) + max(int((last - max(oldest, first)) * OLDEST_SHARE), 1)
                logger.warning("%s is at its bound: the oldest of what it holds goes before its time.", self.path)
                self._drop(connection, cut)

    def read(self, tag: str, start: int, end: int, most: int) -> Stretch:
        """At most ``most`` readings with start <= t < end, and the one that held at ``start``. ``RingFailed``."""
        connection = self._need()
        try:
            number = self._known(connection, tag)
            if number is None:
                return Stretch(None, (), False)
            before = self._before(connection, number, start)
            rows = connection.execute(
                "SELECT v, t, q FROM samples WHERE tag = ? AND t >= ? AND t < ? ORDER BY t LIMIT ?",
                (number, start, end, most + 1),
            ).fetchall()
        except sqlite3.Error as error:
            raise RingFailed(f"{self.path} cannot be read: {error}") from error
        readings = [Reading(*row) for row in rows[:most]]
        return Stretch(before, readings, len(rows) > most)

    def buckets(self, tag: str, plan: Plan, until: int) -> Columns:
        """The buckets of ``plan``, of however many samples; the last holds until ``until`` (epoch ms). ``RingFailed``
        also when it takes longer than anybody waits."""
        connection = self._need()
        end = time.monotonic() + LOOKING
        connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)
        try:
            number = self._known(connection, tag)
            if number is None:
                return fill_buckets(plan, (), None, until)
            return ring_buckets(connection, number, plan, self._before(connection, number, plan.start), until)
        except sqlite3.Error as error:
            raise RingFailed(f"{self.path} cannot be read: {error}") from error
        finally:
            connection.set_progress_handler(None, 0)

    def _before(self, connection: sqlite3.Connection, number: int, start: int) -> Reading | None:
        """What held at ``start``."""
        row = connection.execute(
            "SELECT v, t, q FROM samples WHERE tag = ? AND t < ? ORDER BY t DESC LIMIT 1", (number, start)
        ).fetchone()
        return Reading(*row) if row else None

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.touch(mode=0o600, exist_ok=True)
        if stat.S_IMODE(self.path.stat().st_mode) & 0o077:
            self.path.chmod(0o600)
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute(f"PRAGMA page_size={PAGE}")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA max_page_count={self._pages}")
            _check_layout(connection)
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={_LAYOUT}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _end_the_last_run(self, connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT t FROM alive").fetchone()
        if row is None:
            return
        connection.execute(
            "INSERT OR IGNORE INTO samples SELECT number, ? + 1, NULL, ? FROM tags", (row[0], BAD_NOT_CONNECTED)
        )

    def _drop(self, connection: sqlite3.Connection, oldest: int) -> None:
        for (number,) in connection.execute("SELECT number FROM tags").fetchall():
            held = connection.execute(
                "SELECT MAX(t) FROM samples WHERE tag = ? AND t <= ?", (number, oldest)
            ).fetchone()[0]
            if held is not None:
                connection.execute("DELETE FROM samples WHERE tag = ? AND t < ?", (number, held))

    def _share_used(self, connection: sqlite3.Connection) -> float:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        free = connection.execute("PRAGMA freelist_count").fetchone()[0]
        return float(pages - free) / self._pages

    def _number(self, connection: sqlite3.Connection, tag: str) -> int:
        number = self._known(connection, tag)
        if number is None:
            number = connection.execute("INSERT INTO tags (name) VALUES (?) RETURNING number", (tag,)).fetchone()[0]
            self._numbers[tag] = number
        return number

    def _known(self, connection: sqlite3.Connection, tag: str) -> int | None:
        number = self._numbers.get(tag)
        if number is None:
            row = connection.execute("SELECT number FROM tags WHERE name = ?", (tag,)).fetchone()
            if row is not None:
                number = self._numbers[tag] = row[0]
        return number

    def _need(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RingFailed(f"{self.path} is not open")
        return self._connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        connection = self._need()
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                self._numbers = {}  # numbers given in a transaction that is taken back
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self._numbers = {}
            raise RingFailed(f"{self.path} takes nothing: {error}") from error

    def _put_aside(self, error: sqlite3.Error) -> None:
        logger.error("%s is damaged (%s) and was put aside: a new history begins.", self.path, error)
        self.path.replace(self.path.with_name(self.path.name + ".damaged"))
        for end in ("-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)


def _check_layout(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in {0, _LAYOUT}:
        raise sqlite3.DatabaseError(f"layout {version} is not known to this version")
