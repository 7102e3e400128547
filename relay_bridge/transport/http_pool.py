"""Connections of one sender, kept open between requests: bounded in number, handed out first come, first served."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Awaitable, Callable
from typing import Final

from relay_bridge.protocol.errors import RelayUnavailable
from relay_bridge.transport.http_connection import HttpConnection

MAX_CONNECTIONS: Final = 64  # at once; each is a socket at the relay, which counts up to 5,000 of them per namespace
MAX_WAITING: Final = 1_024  # requests waiting for a connection; more are refused at once
IDLE_FOR: Final = 50.0  # seconds; shorter than the minute or more that front ends keep an idle connection
_CLOSE_DEADLINE: Final = 2.0  # seconds for the sockets to be gone; TLS says goodbye first

Opener = Callable[[Callable[[HttpConnection], None]], Awaitable[HttpConnection]]


class HttpPool:
    """``open_connection(lost)`` makes a connection to ``place``. Belongs to the event loop it is made in."""

    def __init__(
        self,
        open_connection: Opener,
        place: str,
        *,
        max_connections: int = MAX_CONNECTIONS,
        max_waiting: int = MAX_WAITING,
        idle_for: float = IDLE_FOR,
    ) -> None:
        if max_connections < 1:
            raise ValueError("a pool holds at least one connection")
        self.loop = asyncio.get_running_loop()
        self._open_connection = open_connection
        self.place = place
        self._max_connections = max_connections
        self._max_waiting = max_waiting
        self._idle_for = idle_for
        self._idle: collections.deque[HttpConnection] = collections.deque()  # the longest idle stands first
        self._leased: set[HttpConnection] = set()
        self._slots = 0  # connections, and those being opened
        # Done with a connection, or with None: "one has gone, open your own".
        self._waiters: collections.deque[asyncio.Future[HttpConnection | None]] = collections.deque()
        self._reaper: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def connections(self) -> int:
        return self._slots

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    async def acquire(self, *, fresh: bool = False) -> HttpConnection:
        """A connection for one request; ``release`` it. ``fresh``: not one that has been idle.

        Raises ``RelayUnavailable``. Waiting for a turn has no deadline of its own.
        """
        self._refuse_if_closed()
        if not fresh:
            while self._idle:
                connection = self._idle.pop()  # the latest used: the others may then grow old and go
                if connection.reusable:
                    self._leased.add(connection)
                    return connection
                self._discard(connection)
        elif self._slots >= self._max_connections and self._idle:
            self._discard(self._idle.popleft())
        if self._slots < self._max_connections:
            self._slots += 1
        else:
            handed = await self._wait_for_turn()
            if handed is not None:
                if not fresh and handed.reusable:
                    self._leased.add(handed)
                    return handed
                handed.abort()
        try:
            self._refuse_if_closed()
            connection = await self._open_connection(self._gone)
        except BaseException:
            self._free_slot()
            raise
        self._leased.add(connection)
        if self._closed:
            self.release(connection)
            self._refuse_if_closed()
        return connection

    def release(self, connection: HttpConnection) -> None:
        """Give a connection back; one that cannot be used again is dropped at once."""
        self._leased.discard(connection)
        if self._closed or not connection.reusable:
            connection.abort()
            self._free_slot()
            return
        connection.reset()
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        connection.idle_since = self.loop.time()
        self._idle.append(connection)
        if self._reaper is None:
            self._reaper = self.loop.call_later(self._idle_for, self._reap)

    async def close(self) -> None:
        """Close every connection, those in use as well, and refuse whoever waits. Idempotent."""
        self._closed = True
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(self._closed_error())
        self._waiters.clear()
        ending = [*self._idle, *self._leased]
        while self._idle:
            connection = self._idle.popleft()
            connection.close()
            self._slots -= 1
        for connection in self._leased:
            connection.abort()  # its slot is freed by whoever holds it
        try:
            async with asyncio.timeout(_CLOSE_DEADLINE):
                for connection in ending:
                    await connection.wait_closed()
        except TimeoutError:
            for connection in ending:
                connection.abort()

    async def _wait_for_turn(self) -> HttpConnection | None:
        if len(self._waiters) >= self._max_waiting:
            raise RelayUnavailable(
                0, f"all {self._max_connections} connections to {self.place} are in use, and {self._max_waiting} wait"
            )
        turn: asyncio.Future[HttpConnection | None] = self.loop.create_future()
        self._waiters.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                # It was our turn, and nobody will take it now: pass it on.
                handed = turn.result()
                if handed is None:
                    self._free_slot()
                else:
                    self.release(handed)
            elif turn in self._waiters:
                self._waiters.remove(turn)
            raise

    def _free_slot(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)  # the slot goes with it
                return
        self._slots -= 1

    def _discard(self, connection: HttpConnection) -> None:
        connection.abort()
        self._free_slot()

    def _gone(self, connection: HttpConnection) -> None:
        # One in use keeps its slot until it is released.
        if connection in self._idle:
            self._idle.remove(connection)
            self._free_slot()

    def _reap(self) -> None:
        self._reaper = None
        now = self.loop.time()
        while self._idle and self._idle[0].idle_since + self._idle_for <= now:
            connection = self._idle.popleft()
            connection.close()
            self._free_slot()
        if self._idle:
            self._reaper = self.loop.call_at(self._idle[0].idle_since + self._idle_for, self._reap)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise self._closed_error()

    def _closed_error(self) -> RelayUnavailable:
        return RelayUnavailable(0, f"the connections to {self.place} were closed here", retryable=False)
