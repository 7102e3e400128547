"""``Book``: a part of the agent that keeps what people did and what became of it. ``wstat`` and ``trace`` ask them all.

A site that neither writes nor acknowledges has no book and answers both with ``read_only``: a "nothing was done" that
comes from not looking would be worse than no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from relay_bridge.contract.acting import ActAnswer, Trace, TraceAnswer, TraceRow, Wstat
from relay_bridge.contract.errors import RequestRefused


class Book(Protocol):
    """What one part of the agent did for people."""

    async def outcome(self, sub: str, key: str) -> ActAnswer | None:
        """What became of ``key``; None when it is not in this book. ``RequestRefused`` for another person's key, and
        when the book cannot be read."""

    async def trace(self, sub: str, most: int) -> list[TraceRow]:
        """This person's last actions, newest first, at most ``most``."""


async def answer_wstat(books: Sequence[Book], sub: str, wstat: Wstat) -> ActAnswer:
    """The stored outcome; ``not_found`` only when every book was read and none has the key."""
    _require(books)
    for book in books:
        found = await book.outcome(sub, wstat.key)
        if found is not None:
            return found
    raise RequestRefused("not_found", "This site has no such key: nothing was done under it.")


async def answer_trace(books: Sequence[Book], sub: str, trace: Trace, now_ms: int) -> TraceAnswer:
    """This person's last actions of every kind, newest first."""
    _require(books)
    rows = [row for book in books for row in await book.trace(sub, trace.max)]
    rows.sort(key=lambda row: row.t, reverse=True)
    return TraceAnswer(t=now_ms, rows=rows[: trace.max])


def _require(books: Sequence[Book]) -> None:
    if not books:
        raise RequestRefused("read_only", "This site does not act, so it keeps no actions.")
