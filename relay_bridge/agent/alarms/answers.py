"""What was answered to which key, over every restart: the same wish asked twice is done once and answered alike."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from relay_bridge.agent.alarms.store import AlarmStore

TABLES = (
    """CREATE TABLE IF NOT EXISTS answers (
        person TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL, answer BLOB,
        PRIMARY KEY (person, key)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS answers_age ON answers (at)",
)
KEEP_MS = 7 * 24 * 3600 * 1000
# Each is bound to the occurrence that was seen, so one that is forgotten early and repeated is "already" or "stale".
MOST = 20_000


class Kept(NamedTuple):
    """What stands under a key: what was asked, and what was answered, None while it was never answered."""

    body: bytes
    answer: bytes | None


class Answers:
    """Keys belong to a person; nobody sees another's. Every call raises ``StoreFailed`` when the disk takes nothing."""

    def __init__(self, store: AlarmStore, wall_ms: Callable[[], int], *, most: int = MOST) -> None:
        self._store = store
        self._wall_ms = wall_ms
        self._most = most

    async def find(self, person: str, key: str) -> Kept | None:
        return await self._store.read(lambda connection: _find(connection, person, key))

    async def begin(self, person: str, key: str, body: bytes) -> None:
        """On the disk when this returns, so that nothing is begun twice."""
        now = self._wall_ms()

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, NULL)", (person, key, now, body))
            connection.execute("DELETE FROM answers WHERE at < ?", (now - KEEP_MS,))
            over = connection.execute("SELECT count(*) FROM answers").fetchone()[0] - self._most
            if over > 0:
                oldest = "SELECT person, key FROM answers ORDER BY at LIMIT ?"
                connection.execute(f"DELETE FROM answers WHERE (person, key) IN ({oldest})", (over,))  # noqa: S608

        await self._store.write(work, sync=True)

    async def finish(self, person: str, key: str, answer: bytes) -> None:
        await self._store.write(
            lambda connection: (
                connection.execute(
                    "UPDATE answers SET answer = ? WHERE person = ? AND key = ?", (answer, person, key)
                ).rowcount
            ),
            sync=True,
        )

    async def forget(self, person: str, key: str) -> None:
        """Nothing was begun after all."""
        await self._store.write(
            lambda connection: (
                connection.execute("DELETE FROM answers WHERE person = ? AND key = ?", (person, key)).rowcount
            ),
            sync=True,
        )


def _find(connection: sqlite3.Connection, person: str, key: str) -> Kept | None:
    statement = "SELECT body, answer FROM answers WHERE person = ? AND key = ?"
    row = connection.execute(statement, (person, key)).fetchone()
    return Kept(*row) if row is not None else None
