"""A rendezvous socket that carries HTTP: requests come in whole, their bodies piece by piece, answers go out in pieces.

Bodies are one WebSocket message in fragments, so neither end needs to hold one: what nobody reads here stops the
relay's sending, and what the relay does not take stops the handler's generator.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Final, TypeVar

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from relay_bridge.protocol.commands import Request
from relay_bridge.protocol.errors import ProtocolViolation, RelayError
from relay_bridge.protocol.limits import MAX_RENDEZVOUS_TEXT, RESPONSE_IDLE
from relay_bridge.protocol.request_channel import Comes, Goes, RequestChannel
from relay_bridge.transport.dial import abort, close_quietly
from relay_bridge.transport.responses import Answer, Streamed
from relay_bridge.transport.streams import StreamClosed

MAX_FRAME: Final = 1_048_576  # bytes of one fragment that we take; the service sends them in pieces of 32 KiB
MAX_FRAMES: Final = 8  # fragments waiting to be read; then reading pauses, and the sender feels it through TCP
FRAGMENT: Final = 65_536  # bytes of one fragment that we send
# Seconds between pings, and until a missing pong ends the socket. Long, because one who does not read a body reads no
# pong either; by then the relay has given up on the exchange anyway.
KEEP_ALIVE: Final = 60.0
DISCARD_DEADLINE: Final = 5.0  # seconds to read what is left of a body that its handler did not want
_PROTOCOL_ERROR, _INTERNAL_ERROR = 1002, 1011
_NORMAL = 1000
T = TypeVar("T")


class BodyBroken(StreamClosed):
    """The body of a request will never be whole: its sender is gone, or nothing came for too long."""


class RequestSocket:
    """An open rendezvous for HTTP. ``answering``: the request that it was dialled to answer, if it was for that."""

    def __init__(self, socket: ClientConnection, answering: Request | None = None) -> None:
        self._socket = socket
        self._channel = RequestChannel(answering)
        self._pieces: AsyncIterator[str | bytes] | None = None  # of the body that is being read
        self._broken = ""  # why no more of it can be read
        self._ended = ""  # why the socket ended, if not in good order

    @property
    def reusable(self) -> bool:
        """The exchange is over, both ways: another request may come."""
        return self._channel.idle and not self._broken

    async def next_request(self, wait: float) -> Request | None:
        """The next request, or None when the relay ended the socket (1000), or nothing came for ``wait`` seconds.

        Raises ``StreamClosed`` when the socket ended in another way: then the answer before it may not have arrived.
        """
        try:
            async with asyncio.timeout(wait):
                while True:
                    text = await self._read_text()
                    request = self._channel.receive_text(text) if text is not None else None
                    if request is not None:
                        return request
        except TimeoutError:
            return None
        except ConnectionClosed as error:
            if error.rcvd is not None and error.rcvd.code == _NORMAL:
                return None
            raise self._closed(error) from error

    async def body(self) -> AsyncIterator[bytes]:
        """What is left of the body of the request that came last. Raises ``StreamClosed`` when it breaks off.

        May be iterated again after a pause; a reader that was cancelled while it waited has broken it.
        """
        if self._broken:
            raise BodyBroken(self._broken)
        if self._channel.comes is Comes.BODY and self._pieces is None:
            self._pieces = self._socket.recv_streaming()
        while self._pieces is not None:
            piece = await self._next_piece(self._pieces)
            if piece is None:
                self._pieces = None
                self._channel.receive_binary(b"", last=True)
            elif piece:
                self._channel.receive_binary(piece, last=False)
                yield piece

    async def send(self, answer: Answer) -> None:
        """The response to the latest request. ``StreamClosed`` when it cannot be finished; or what the body raised."""
        if self._channel.goes is Goes.CLOSED:
            raise self._closed()
        text = self._channel.respond(answer.head)
        loop = asyncio.get_running_loop()
        idle = asyncio.timeout(RESPONSE_IDLE)

        def progress() -> None:
            idle.reschedule(loop.time() + RESPONSE_IDLE)

        try:
            async with idle:
                await self._socket.send(text)
                if isinstance(answer.body, Streamed):
                    await self._socket.send(self._streamed(answer.body, progress))
                elif answer.body is not None:
                    await self._socket.send(self._whole(answer.body, progress))
        except TimeoutError as error:
            abort(self._socket)
            if not idle.expired():
                raise
            raise StreamClosed(f"no part of the answer came or went for {RESPONSE_IDLE:g} s") from error
        except ConnectionClosed as error:
            raise self._closed(error) from error
        except asyncio.CancelledError:
            abort(self._socket)  # half a message cannot be taken back
            raise

    async def unless_closed(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``; it is cancelled, and ``StreamClosed`` raised, when the socket closes before.

        That is how a sender that hangs up is noticed. It is not, while a body waits here that nobody reads.
        """
        task = asyncio.create_task(work, name="relay-request")
        closed = asyncio.create_task(self._socket.wait_closed(), name="relay-request-closed")
        try:
            await asyncio.wait({task, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done() and self._channel.goes is not Goes.NOTHING:
                task.cancel()
                await asyncio.wait({task})
                if task.cancelled():
                    raise self._closed()
            return await task
        finally:
            task.cancel()
            closed.cancel()
            await asyncio.gather(task, closed, return_exceptions=True)

    async def close(self) -> bool:
        """Close; True when both ends did so in good order (1000), so that the relay has read what was sent.

        What is left of a body is read and thrown away first: an unread one would keep the relay from our close frame.
        """
        if self._channel.comes is Comes.BODY and self._channel.goes is Goes.NOTHING and not self._broken:
            try:
                async with asyncio.timeout(DISCARD_DEADLINE):
                    async for _ in self.body():
                        pass
            except (TimeoutError, RelayError):
                pass
        await close_quietly(self._socket, _NORMAL if self._channel.goes is Goes.NOTHING else _INTERNAL_ERROR, "")
        received = self._socket.protocol.close_rcvd
        return received is not None and received.code == _NORMAL

    async def refuse(self) -> None:
        """Close after a violation of the protocol."""
        await close_quietly(self._socket, _PROTOCOL_ERROR, "")

    async def _read_text(self) -> str | None:
        """The next message when it is a text; a binary one is dropped fragment by fragment."""
        parts: list[str] = []
        size = 0
        async for piece in self._socket.recv_streaming():
            if isinstance(piece, str):
                size += len(piece)
                if size > MAX_RENDEZVOUS_TEXT:
                    raise ProtocolViolation(f"a text over the limit of {MAX_RENDEZVOUS_TEXT} bytes on a rendezvous")
                parts.append(piece)
        return "".join(parts) if parts else None

    async def _next_piece(self, pieces: AsyncIterator[str | bytes]) -> bytes | None:
        try:
            async with asyncio.timeout(RESPONSE_IDLE):
                piece = await anext(pieces, None)
        except TimeoutError as error:
            self._broken = f"no part of the request's body came for {RESPONSE_IDLE:g} s"
            raise BodyBroken(self._broken) from error
        except ConnectionClosed as error:
            closed = self._closed(error)
            self._broken = str(closed)
            raise BodyBroken(closed.message, code=closed.code, reason=closed.reason) from error
        except asyncio.CancelledError:
            self._broken = "reading the request's body was cancelled half-way"
            raise
        if isinstance(piece, str):
            self._broken = "a text message where the body of a request was due"
            raise ProtocolViolation(self._broken)
        return piece

    def _whole(self, body: bytes, progress: Callable[[], None]) -> Iterator[memoryview]:
        # The library sends no message at all for no fragments; the relay waits for one.
        for piece in _split(body) if body else iter((memoryview(b""),)):
            progress()
            yield piece
        self._channel.send_body(b"", last=True)

    async def _streamed(self, body: Streamed, progress: Callable[[], None]) -> AsyncIterator[memoryview]:
        empty = True
        async for chunk in body:
            for piece in _split(chunk):
                empty = False
                progress()
                yield piece
        if empty:  # the library sends no message at all for no fragments; the relay waits for one
            yield memoryview(b"")
        self._channel.send_body(b"", last=True)

    def _closed(self, error: ConnectionClosed | None = None) -> StreamClosed:
        close = (error.rcvd or error.sent) if error is not None else None
        code, reason = (close.code, close.reason) if close else (self._socket.close_code, self._socket.close_reason)
        words = self._channel.closed(code, reason or "")
        self._ended = self._ended or words or "the rendezvous broke after the answer, before the relay had confirmed it"
        return StreamClosed(self._ended, code=code, reason=reason or "")


def _split(chunk: bytes) -> Iterator[memoryview]:
    view = memoryview(chunk)
    for start in range(0, len(view), FRAGMENT):
        yield view[start : start + FRAGMENT]
