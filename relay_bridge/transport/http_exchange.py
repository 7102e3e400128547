"""One HTTP request of a sender and its answer: sent while the answer may already come, and ended whatever happens.

The request's body, unless it is small, is sent by a task of its own, so that an answer can begin before the body has
ended. An answer of 300 or more stops the body: nobody wants it any more. With 2xx it goes on, because a listener may
answer with what it makes of it; it stops when the answer has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import TracebackType
from typing import Final

from relay_bridge.protocol.errors import AuthorizationFailed, RelayError, RelayTimeout, RelayUnavailable
from relay_bridge.protocol.http_rules import answered_by_listener, http_refusal
from relay_bridge.transport.http_connection import HttpConnection, ResponseHead
from relay_bridge.transport.http_messages import BODY_LIMIT, Body, BodyTooLarge, Headers
from relay_bridge.transport.http_pool import HttpPool
from relay_bridge.transport.request_head import IDEMPOTENT
from relay_bridge.transport.streams import StreamClosed

logger = logging.getLogger(__name__)

PIECE: Final = 65_536  # bytes; a body of up to so many goes out with its head, a larger one in pieces of this size
MAX_REFUSAL: Final = 16_384  # bytes of the relay's own error body
_REFUSAL_DEADLINE: Final = 1.0  # seconds for it; its status line has said the most already

MakeHead = Callable[[], Awaitable[bytes]]


class _Stalled(RelayTimeout):
    """The relay takes no more of a request's body."""


class RelayResponse:
    """A listener's answer; ``headers`` as they came, without trailers. Its body is read inside the ``async with``."""

    __slots__ = ("_connection", "_idle_timeout", "_taken", "_whole", "headers", "reason", "status")

    def __init__(self, head: ResponseHead, connection: HttpConnection, idle_timeout: float) -> None:
        self.status = head.status
        self.reason = head.reason
        self.headers: Headers = head.headers
        self._connection: HttpConnection | None = connection
        self._idle_timeout = idle_timeout
        self._whole: bytes | None = None
        self._taken = False

    async def read(self, limit: int = BODY_LIMIT) -> bytes:
        """The whole body; again, the same. Raises ``BodyTooLarge`` over ``limit`` bytes, and as ``body`` does."""
        if self._whole is None:
            self._take_body()
            parts: list[bytes] = []
            size = 0
            while chunk := await self._next():
                size += len(chunk)
                if size > limit:
                    raise BodyTooLarge(limit)
                parts.append(chunk)
            self._whole = parts[0] if len(parts) == 1 else b"".join(parts)
        return self._whole

    async def body(self) -> AsyncIterator[bytes]:
        """The body piece by piece, once. What is not taken waits at the relay: reading slowly slows the listener down.

        Raises ``StreamClosed`` when it broke off, or when nothing came for the request's ``idle_timeout``.
        """
        self._take_body()
        while chunk := await self._next():
            yield chunk

    def _take_body(self) -> None:
        self._connection_now()
        if self._taken:
            raise RuntimeError("the body of this answer has been read already")
        self._taken = True

    async def _next(self) -> bytes:
        """The next piece of the body, ``b""`` at its end."""
        while (chunk := self._connection_now().take()) is None:
            await self._wait(self._connection_now())
        return chunk

    def _connection_now(self) -> HttpConnection:
        if self._connection is None:
            raise RuntimeError("the body of an answer is read inside its 'async with'")
        return self._connection

    async def _wait(self, connection: HttpConnection) -> None:
        try:
            async with asyncio.timeout(self._idle_timeout):
                await connection.wait()
        except TimeoutError:
            error = StreamClosed(
                f"nothing more of the answer came from {connection.place} for {self._idle_timeout:g} s"
            )
            connection.abort(error)
            raise error from None

    def _end(self) -> None:
        self._connection = None

    def __repr__(self) -> str:
        return f"RelayResponse({self.status})"


class Exchange:
    """What ``RelaySender.request`` returns: entering sends the request and waits for the head of the answer.

    Leaving before the answer has come whole, and being cancelled, drops the connection: so the relay, and through it
    the listener, learn that nobody waits any more.
    """

    def __init__(
        self,
        pool: HttpPool,
        method: str,
        make_head: MakeHead,
        body: Body,
        *,
        timeout: float,
        idle_timeout: float,
        reload: Callable[[], bool],
    ) -> None:
        self._pool = pool
        self._method = method
        self._make_head = make_head
        self._body = body
        self._timeout = timeout
        self._idle_timeout = idle_timeout
        self._reload = reload
        self._started = False
        self._body_begun = False
        self._body_stopped = False
        self._deadline: asyncio.Timeout | None = None
        self._connection: HttpConnection | None = None
        self._writer: asyncio.Task[None] | None = None
        self._response: RelayResponse | None = None

    async def __aenter__(self) -> RelayResponse:
        if self._started:
            raise RuntimeError("a request is made once")
        self._started = True
        self._deadline = deadline = asyncio.timeout(self._timeout)
        try:
            async with deadline:
                head = await self._answer()
        except TimeoutError as error:
            place, sent = self._end()
            await self._end_writer()
            if not deadline.expired():
                raise
            words = f"did not answer within {self._timeout:g} s" if sent else f"was not free for {self._timeout:g} s"
            raise RelayTimeout(0, f"the relay at {place} {words}") from error
        except BaseException:
            self._end()
            await self._end_writer()
            raise
        self._deadline = None
        assert self._connection is not None  # noqa: S101 - for the type checker
        self._response = RelayResponse(head, self._connection, self._idle_timeout)
        return self._response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()
        if self._writer is not None:
            await self._end_writer()

    async def _answer(self) -> ResponseHead:
        """Send the request, again where that is safe and can help, until a listener's answer begins."""
        retried = reloaded = False
        while True:
            data = await self._make_head()
            connection = self._connection = await self._pool.acquire(fresh=retried)
            used = connection.served > 0 or connection.idle_since > 0
            try:
                head = await self._send(connection, data)
            except RelayUnavailable as error:
                # A connection that was idle may have been closed by the relay just then. RFC 9110, 9.2.2: only what
                # does no harm twice may be sent twice, and only while nothing of an answer has come.
                stale = used and not connection.answered and not isinstance(error, RelayTimeout)
                if retried or not (stale and self._method in IDEMPOTENT and self._replayable()):
                    raise
                retried = True
                await self._start_again()
                continue
            if head.status >= 300:
                self._stop_body()
            if answered_by_listener(head.headers):
                return head
            refusal = http_refusal(head.status, head.reason, await self._refusal_body(connection))
            # A refused token: nothing was delivered, so another attempt with another key is safe.
            if not isinstance(refusal, AuthorizationFailed) or reloaded or not self._replayable() or not self._reload():
                raise refusal
            reloaded = True
            await self._start_again()

    async def _start_again(self) -> None:
        deadline = self._deadline
        self._end()
        await self._end_writer()
        self._deadline, self._body_stopped = deadline, False

    async def _send(self, connection: HttpConnection, data: bytes) -> ResponseHead:
        body = self._body
        if isinstance(body, bytes) and len(body) <= PIECE:
            connection.start(self._method, data + body, sent=True)
        else:
            connection.start(self._method, data, sent=False)
            self._writer = asyncio.create_task(self._send_body(connection, body), name="relay-request-body")
        return await connection.read_head()

    async def _send_body(self, connection: HttpConnection, body: Body) -> None:
        """The body, in pieces; whatever goes wrong breaks the connection, so that the reading side hears of it."""
        try:
            if isinstance(body, bytes):
                view = memoryview(body)
                for start in range(0, len(body), PIECE):
                    await self._send_piece(connection, view[start : start + PIECE])
                connection.finish()
                return
            self._body_begun = True
            async for chunk in body:
                for piece in _pieces(chunk):
                    await self._send_piece(connection, b"".join((b"%x\r\n" % len(piece), piece, b"\r\n")))
            connection.finish(b"0\r\n\r\n")
        except asyncio.CancelledError:
            if not self._body_stopped:  # something that the caller's body waits for was cancelled, not the request
                connection.abort(StreamClosed("the body of the request was cancelled"))
            raise
        except _Stalled as error:
            # Before an answer that is the end of it. Behind one, its reader has a deadline of its own.
            if self._deadline is not None:
                connection.abort(error)
        except Exception as error:
            # The caller's own mistake, too, reaches the caller through whatever it is waiting for.
            connection.abort(error)
        finally:
            if inspect.isasyncgen(body):
                with contextlib.suppress(Exception):
                    await body.aclose()

    async def _send_piece(self, connection: HttpConnection, piece: bytes | memoryview) -> None:
        try:
            async with asyncio.timeout(self._idle_timeout):
                await connection.send(piece)
        except TimeoutError:
            place, wait = connection.place, self._idle_timeout
            raise _Stalled(0, f"the relay at {place} took nothing of the request's body for {wait:g} s") from None
        if self._deadline is not None and not self._deadline.expired():
            # The time for an answer is counted from the latest piece that the relay took.
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._timeout)

    async def _refusal_body(self, connection: HttpConnection) -> bytes:
        """The relay's own error body, as far as it comes at once; with it read, the connection may be kept."""
        body = b""
        with contextlib.suppress(TimeoutError, RelayError):
            async with asyncio.timeout(_REFUSAL_DEADLINE):
                while len(body) < MAX_REFUSAL:
                    chunk = connection.take()
                    if chunk is None:
                        await connection.wait()
                    elif chunk:
                        body += chunk
                    else:
                        break
        return body

    def _replayable(self) -> bool:
        return isinstance(self._body, bytes) or not self._body_begun

    def _stop_body(self) -> None:
        if self._writer is not None:
            self._body_stopped = True
            self._writer.cancel()

    def _end(self) -> tuple[str, bool]:
        """Give the connection back, or drop it; where it led, and whether there was one."""
        self._deadline = None
        self._stop_body()
        connection, self._connection = self._connection, None
        if self._response is not None:
            self._response._end()  # noqa: SLF001 - the two are one
        if connection is None:
            return self._pool.place, False
        self._pool.release(connection)
        return connection.place, True

    async def _end_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.cancel()
            await asyncio.wait({writer})
            if not writer.cancelled() and (error := writer.exception()) is not None:
                logger.debug("the body of a request ended with %s", type(error).__name__)


def _pieces(chunk: bytes) -> Iterator[bytes | memoryview]:
    """``chunk`` in pieces of at most ``PIECE`` bytes. None for an empty one: an empty piece would end the body."""
    view = memoryview(chunk).cast("B")  # TypeError for text
    return (view[start : start + PIECE] for start in range(0, len(view), PIECE))
