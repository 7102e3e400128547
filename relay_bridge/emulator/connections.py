"""Every TCP connection of the relay: how many there may be, who makes room for a newcomer, and what is overdue.

Thousands of sockets that never finish a request must not keep a healthy sender out. So when all places are taken, the
connection that has been waiting longest for its next request gives up its own; one that is being served never does.
There is no limit per address: behind a gateway, and on loopback, everybody has the same one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from relay_bridge.emulator.connection import Connection

logger = logging.getLogger(__name__)

SPARE_FILES: Final = 64  # descriptors of this process that are no connections: log, record, management, the loop's own


class ConnectionBook:
    """At most ``limit`` connections."""

    def __init__(self, limit: int) -> None:
        self._limit = min(limit, max(SPARE_FILES, _descriptors() - SPARE_FILES))
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}  # for a request, the one that waits longest first
        self._warned = False

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._open))

    def opened(self, connection: Connection) -> bool:
        """Whether there is a place for it."""
        if len(self._open) >= self._limit:
            if not self._warned:
                self._warned = True
                logger.warning("%d connections are open; from now on the longest idle one gives way.", len(self._open))
            oldest = next(iter(self._waiting), None)
            if oldest is None:
                return False
            self._discard(oldest)
            oldest.abort()
        self._open.add(connection)
        self._waiting[connection] = None
        return True

    def closed(self, connection: Connection) -> None:
        self._discard(connection)
        if len(self._open) < self._limit // 2:
            self._warned = False

    def served(self, connection: Connection) -> None:
        """A request has been read from it."""
        self._waiting.pop(connection, None)

    def waits(self, connection: Connection) -> None:
        """Its request has been answered; another may come."""
        if connection in self._open:
            self._waiting[connection] = None

    def sweep(self, now: float) -> None:
        """End those whose ``deadline`` (time of the event loop) has come."""
        for connection in [connection for connection in self._open if connection.deadline <= now]:
            connection.time_out()

    def _discard(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._waiting.pop(connection, None)


def _descriptors() -> int:
    """How many files this process may have open."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return 1 << 20
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 20
