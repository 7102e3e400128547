"""One TCP connection: HTTP until the handshake is answered, then the end of a joined stream."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, Protocol

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

logger = logging.getLogger(__name__)

HANDSHAKE_DEADLINE: Final = 10.0  # seconds from the first byte of TCP to the last byte of the request head
LINGER: Final = 2.0  # seconds for which a refused request's body is read and thrown away, so that the answer arrives


class StreamEnd(Protocol):
    """What takes over a connection once its handshake is answered. Called from the event loop, must not block."""

    def data_received(self, data: bytes) -> None: ...
    def writing_resumed(self) -> None: ...
    def connection_lost(self) -> None: ...


class ConnectionOwner(Protocol):
    """Who counts connections and may hold them still."""

    @property
    def frozen(self) -> bool: ...
    def connection_opened(self, connection: Connection) -> bool: ...
    def connection_closed(self, connection: Connection) -> None: ...


class Connection(web.RequestHandler):
    """aiohttp's connection, which can be taken over: its bytes then bypass aiohttp, both ways."""

    __slots__ = ("_end", "_held", "_owner", "gone")

    def __init__(self, server: web.Server, owner: ConnectionOwner, **options: Any) -> None:
        super().__init__(server, **options)
        self._owner = owner
        self._end: StreamEnd | None = None
        self._held = False
        self.gone = asyncio.Event()  # set when TCP is over

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    @property
    def is_idle(self) -> bool:
        """No request is being answered on it."""
        return self._current_request is None

    def take_over(self, end: StreamEnd, response_head: bytes) -> None:
        """Answer the handshake with ``response_head``; every byte from now on belongs to ``end``.

        The caller then calls ``deliver_early``, once the end can carry what it is given.
        """
        self.write(response_head)
        self._end = end
        self.keep_alive(False)

    def deliver_early(self) -> None:
        """Hand over what the other side sent before it had its answer (aiohttp keeps a bounded amount of it)."""
        early, self._message_tail = self._message_tail, b""
        if early and self._end is not None:
            self._end.data_received(early)
        if self._buffer_paused:
            self._buffer_paused = False
            self._resume_transport_reading()

    def write(self, data: bytes) -> bool:
        """Send; False when the other side should be read no further until ``writing_resumed``."""
        if self.transport is not None:
            self.transport.write(data)
        return not self.writing_paused

    async def drain(self) -> None:
        """Wait until there is room to write. Raises ``ConnectionError`` when the other side is gone."""
        await self._drain_helper()

    def hold(self) -> None:
        """Read no further for now."""
        if not self._held:
            self._held = True
            self._pause_transport_reading()

    def release(self) -> None:
        """Read again, unless the whole relay is frozen."""
        if self._held:
            self._held = False
            self._resume_transport_reading()

    def freeze(self) -> None:
        self._pause_transport_reading()

    def thaw(self) -> None:
        if not (self._held or self._reading_paused or self._buffer_paused):
            self._resume_transport_reading()

    def close_soon(self) -> None:
        """Close once everything written has left."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Close now, without a word."""
        if self.transport is not None:
            self.transport.abort()

    # From here on: what asyncio and aiohttp call.

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if not self._owner.connection_opened(self):
            self.abort()
        elif self._owner.frozen:
            self.freeze()

    def data_received(self, data: bytes) -> None:
        if self._end is not None:
            self._end.data_received(data)
        else:
            super().data_received(data)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._end is not None:
            self._end.writing_resumed()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._owner.connection_closed(self)
        self.gone.set()
        if self._end is not None:
            self._end.connection_lost()

    def _resume_transport_reading(self) -> None:
        # The one way back to reading, whoever asks: flow control must not undo a freeze.
        if not (self._owner.frozen or self._held):
            super()._resume_transport_reading()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what is no HTTP, or a fault of ours. What the caller sent is not repeated: it may be a token."""
        if status < 500:
            logger.info("Refused bytes from %s that are no HTTP request.", request.remote)
            response = web.Response(status=status, text="This is not an HTTP request that the relay can read.\n")
            response.force_close()
            return response
        return super().handle_error(request, status, exc, message)


class Answered(web.StreamResponse):
    """Stands in for a response that ``take_over`` has written already."""

    def __init__(self) -> None:
        super().__init__(status=101)
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None
