"""Acknowledgements as a ``Book``: what ``wstat`` and ``trace`` tell of them, read from where the alarms keep them.

One request may name many alarms. It is ``done`` when every one is as wished, ``refused`` when none was touched,
``unknown_outcome`` when that cannot be said of one, and ``sent`` when some are as wished and others are not.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from relay_bridge.agent.alarms.store import AlarmStore, StoreFailed
from relay_bridge.contract.acting import ActAnswer, Outcome, TraceRow
from relay_bridge.contract.alarms import AckAnswer
from relay_bridge.contract.errors import RequestRefused

AS_WISHED = frozenset({"ok", "already"})
NAMED = 3  # alarms of a request that a row names
_answers = msgspec.json.Decoder(AckAnswer)
Kept = tuple[str, int, bytes, bytes | None]  # key, epoch ms, what was asked, what was answered


class AckBook:
    """``running`` says whether a person's key is still being worked on."""

    def __init__(self, store: AlarmStore, running: Callable[[str, str], bool], wall_ms: Callable[[], int]) -> None:
        self._store = store
        self._running = running
        self._wall_ms = wall_ms

    async def outcome(self, sub: str, key: str) -> ActAnswer | None:
        """What became of a key of this person's; keys of others are not seen here."""
        found = await self._rows("WHERE person = ? AND key = ?", sub, key)
        if not found:
            return None
        _, _, _, answer = found[0]
        res, words = _judge(answer)
        pending = answer is None and self._running(sub, key)
        return ActAnswer(
            res=res, t=self._wall_ms(), key=key, msg="" if pending else words, pending=pending,
            c="unknown_outcome" if res == "unknown_outcome" and not pending else "",
        )  # fmt: skip

    async def trace(self, sub: str, most: int) -> list[TraceRow]:
        """This person's last acknowledgements, newest first."""
        rows = await self._rows("WHERE person = ? ORDER BY at DESC LIMIT ?", sub, most)
        return [_row(kept, pending=kept[3] is None and self._running(sub, kept[0])) for kept in rows]

    async def _rows(self, which: str, *values: object) -> list[Kept]:
        statement = f"SELECT key, at, body, answer FROM answers {which}"  # noqa: S608 - our own two words

        def work(connection: sqlite3.Connection) -> list[Kept]:
            return connection.execute(statement, values).fetchall()

        try:
            return await self._store.read(work)
        except StoreFailed:
            raise RequestRefused("busy", "The site's record cannot be read now: ask again.") from None


def _judge(answer: bytes | None) -> tuple[Outcome, str]:
    if answer is None:
        return "unknown_outcome", "The agent was stopped while this was being done. Look at the alarms."
    words = Counter(result.res for result in _answers.decode(answer).res)
    told = ", ".join(f"{count} {word}" for word, count in sorted(words.items()))
    if words.keys() <= AS_WISHED:
        return "done", told
    if "unknown" in words:
        return "unknown_outcome", told
    return ("sent" if words.keys() & AS_WISHED else "refused"), told


def _row(kept: Kept, *, pending: bool) -> TraceRow:
    key, at, body, answer = kept
    asked: dict[str, Any] = json.loads(body)
    items = asked.get("items") or [asked.get("item", {})]
    names = [str(item.get("id", "") if isinstance(item, dict) else item[0]) for item in items]
    what: Literal["ack", "confirm", "shelve"] = (
        "shelve" if "item" in asked else "confirm" if asked.get("what") == "confirm" else "ack"
    )
    res, words = _judge(answer)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return TraceRow(
        t=at, what=what, target=", ".join(names[:NAMED]) + more, res="pending" if pending else res, key=key,
        msg="" if pending else words, why=str(asked.get("c", "")),
    )  # fmt: skip
