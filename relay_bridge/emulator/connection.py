"""One TCP connection: HTTP requests one after the other, until a handshake makes it the end of a WebSocket.

There is no task and no queue here. A request's head is read, its owner is told, and what comes then goes to whoever
took the request (``CallSink``) or the connection (``StreamEnd``). Bytes behind a request that is not answered yet stay
as they are, and the socket is not read meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Any, Final, Protocol, cast

from relay_bridge.emulator.call import Call
from relay_bridge.emulator.http_body import Body, ChunkedBody, LengthBody
from relay_bridge.emulator.http_head import MAX_HEAD, HeadError, check_beginning, parse_head

logger = logging.getLogger(__name__)

HANDSHAKE_DEADLINE: Final = 10.0  # seconds from the first byte of TCP, or of a request, to the last byte of its head
IDLE_DEADLINE: Final = 120.0  # seconds between two requests on a connection that is kept
LINGER: Final = 2.0  # seconds for which a refused request's body is read and thrown away, so that the answer arrives

_END_OF_HEAD: Final = b"\r\n\r\n"
_UNREADABLE: Final = b"This is not an HTTP request that the relay can read.\n"
_REASONS: Final = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}


class StreamEnd(Protocol):
    """What takes over a connection once its handshake is answered. Called from the event loop, must not block."""

    def data_received(self, data: bytes) -> None: ...
    def writing_resumed(self) -> None: ...
    def connection_lost(self) -> None: ...


class ConnectionOwner(Protocol):
    """Who answers requests, counts connections and may hold them still."""

    @property
    def frozen(self) -> bool: ...
    @property
    def bytes_per_second(self) -> float: ...
    def connection_opened(self, connection: Connection) -> bool: ...
    def connection_closed(self, connection: Connection) -> None: ...
    def connection_waits(self, connection: Connection) -> None: ...
    def handle(self, call: Call) -> None: ...


class Connection(asyncio.Protocol):
    """asyncio's protocol. ``deadline`` is a time of the event loop; its owner aborts what is open then."""

    __slots__ = (
        "_backlog", "_body", "_call", "_closing", "_end", "_feeding", "_head", "_held", "_loop", "_owner", "_throttled",
        "deadline", "gone", "peername", "transport", "writing_paused",
    )  # fmt: skip

    def __init__(self, owner: ConnectionOwner, *, head_deadline: float = HANDSHAKE_DEADLINE) -> None:
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.peername: tuple[str, int] = ("unknown", 0)
        self.writing_paused = False
        self.gone = asyncio.Event()  # set when TCP is over
        self.deadline = self._loop.time() + head_deadline
        self._end: StreamEnd | None = None
        self._call: Call | None = None
        self._body: Body | None = None
        self._head = bytearray()  # an incomplete one
        self._backlog = b""  # what came while nobody could take it; at most what one reading brought
        self._held = False
        self._closing = False  # no further request is read
        self._feeding = False
        self._throttled = b""

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    @property
    def is_idle(self) -> bool:
        """No request is being answered on it, and it is nobody's end."""
        return self._call is None and self._end is None

    def take_over(self, end: StreamEnd, response_head: bytes) -> None:
        """Answer the handshake with ``response_head``; every byte from now on belongs to ``end``.

        The caller then calls ``deliver_early``, once the end can carry what it is given.
        """
        self.write(response_head)
        self._end = end
        self._call = None
        self.deadline = math.inf

    def deliver_early(self) -> None:
        """Hand over what the other side sent before it had its answer: at most what one reading brought."""
        early, self._backlog = self._backlog, b""
        if early and self._end is not None:
            self._end.data_received(early)
        self._read_again()

    def write(self, data: bytes | bytearray) -> bool:
        """Send; False when the other side should be read no further until ``writing_resumed``."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)
        return not self.writing_paused

    def hold(self) -> None:
        """Read no further for now."""
        if not self._held:
            self._held = True
            self._stop_reading()

    def release(self) -> None:
        """Read again, unless something else forbids it."""
        if self._held:
            self._held = False
            if self._backlog and self._end is None:
                self._loop.call_soon(self._take_backlog)
            else:
                self._read_again()

    def freeze(self) -> None:
        self._stop_reading()

    def thaw(self) -> None:
        self._read_again()

    def close_soon(self) -> None:
        """Close once everything written has left."""
        self._closing = True
        if self.transport is not None:
            self.transport.close()

    def cut(self) -> None:
        """Close once everything written has left, but soon, whether the other side reads it or not."""
        self.deadline = min(self.deadline, self._loop.time() + LINGER)
        self.close_soon()

    def abort(self) -> None:
        """Close now, without a word."""
        if self.transport is not None:
            self.transport.abort()

    def time_out(self) -> None:
        """``deadline`` has passed. A head that never ended is not worth an answer; a body that did not, is."""
        if self._call is not None and not self._call.answered and self._end is None and self.is_open:
            self._refuse(HeadError(408, "the body of the request did not arrive in time"))
            self.deadline = self._loop.time() + LINGER
        else:
            self.abort()

    def call_answered(self, *, close: bool) -> None:
        """The answer of the current request has been written."""
        call = self._call
        if call is None:
            return
        if not call.body_done:
            # Closing at once, while it still sends, could destroy the answer on its way (RFC 9112, 9.6).
            self.deadline = self._loop.time() + LINGER
            self.release()
            return
        self._call = None
        if close or self._closing:
            self.close_soon()
            return
        self.deadline = self._loop.time() + IDLE_DEADLINE
        self._owner.connection_waits(self)
        if self._backlog and not self._feeding:
            self._loop.call_soon(self._take_backlog)

    # From here on: what asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple) and len(peer) >= 2:
            self.peername = (str(peer[0]), int(peer[1]))
        if not self._owner.connection_opened(self):
            self.abort()
        elif self._owner.frozen:
            self.freeze()
            self._loop.call_soon(self._stay_frozen)  # uvloop begins to read after this call, whatever was said in it

    def data_received(self, data: bytes) -> None:
        if self._throttled or self._owner.bytes_per_second:
            self._throttle(data)
        elif self._end is not None:
            self._end.data_received(data)
        else:
            self._take(data)

    def pause_writing(self) -> None:
        self.writing_paused = True

    def resume_writing(self) -> None:
        self.writing_paused = False
        if self._end is not None:
            self._end.writing_resumed()
        elif self._call is not None and self._call.sink is not None:
            self._call.sink.writing_resumed()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._closing = True
        self.transport = None
        self.writing_paused = False
        self._owner.connection_closed(self)
        self.gone.set()
        call, self._call = self._call, None
        if self._end is not None:
            self._end.connection_lost()
        elif call is not None:
            call.answered = True
            if call.sink is not None:
                call.sink.caller_lost()

    # Reading requests

    def _take(self, data: bytes) -> None:
        if self._backlog:
            self._backlog += data
            return
        self._feeding = True
        try:
            while data:
                if self._end is not None:
                    self._end.data_received(data)
                    return
                if self._held:
                    self._backlog += data
                    return
                if self._body is not None:
                    data = self._take_body(self._body, data)
                elif self._call is not None:
                    self._backlog += data
                    self._stop_reading()
                    return
                elif self._closing:
                    return
                else:
                    data = self._take_head(data)
        except HeadError as error:
            self._refuse(error)
        finally:
            self._feeding = False

    def _take_backlog(self) -> None:
        if self._backlog and self._end is None:
            data, self._backlog = self._backlog, b""
            self._take(data)
            self._read_again()

    def _take_head(self, data: bytes) -> bytes:
        """Read a head; what of ``data`` follows it."""
        if not self._head and data[:2] == b"\r\n":
            return data[2:]  # RFC 9112, 2.2: an empty line before a request is passed over
        start = max(0, len(self._head) - len(_END_OF_HEAD) + 1)
        if self._head:
            self._head += data
            data = bytes(self._head) if self._head.find(_END_OF_HEAD, start) >= 0 else b""
            end = data.find(_END_OF_HEAD, start) if data else -1
        else:
            end = data.find(_END_OF_HEAD)
            if end < 0:
                self._head += data
                self.deadline = min(self.deadline, self._loop.time() + HANDSHAKE_DEADLINE)
        if end > MAX_HEAD or (end < 0 and len(self._head) > MAX_HEAD):
            raise HeadError(431, "the head of the request is too large")
        if end < 0:
            check_beginning(self._head)
            return b""
        if self._head:
            self._head = bytearray()
        head = parse_head(data[:end])
        self.deadline = math.inf
        call = self._call = Call(self, head, self._loop.time())
        if head.body_length is None:
            self._body = ChunkedBody()
        elif head.body_length:
            self._body = LengthBody(head.body_length)
        try:
            self._owner.handle(call)
        except Exception:
            logger.exception("A request could not be answered.")
            self._refuse(HeadError(500, "the relay made a mistake"))
        return data[end + len(_END_OF_HEAD) :]

    def _take_body(self, body: Body, data: bytes) -> bytes:
        """Read a part of the body; what of ``data`` follows the whole of it."""
        call = self._call
        content, rest = body.feed(data)
        sink = call.sink if call is not None else None
        if sink is not None and content:
            sink.body_received(content)
        if body.done:
            self._body = None
            if call is not None:
                call.body_done = True
                if call.answered:  # it was refused before; now its answer cannot be lost any more
                    self._call = None
                    self.close_soon()
                elif call.sink is not None:
                    call.sink.body_complete()
        return rest

    def _refuse(self, error: HeadError) -> None:
        """Answer what is no HTTP. What the caller sent is not repeated: it may be a token."""
        logger.debug("Refused bytes from %s that are no HTTP request: %s.", self.peername[0], error)
        self._body = None
        self._head = bytearray()
        call, self._call = self._call, None
        if call is not None and not call.answered:
            call.answered = True
            if call.sink is not None:
                call.sink.caller_lost()
        elif call is not None:
            self.cut()
            return
        if call is not None and call.begun:  # nothing else can be said any more
            self.cut()
            return
        reason = _REASONS.get(error.status, "Bad Request")
        head = (
            f"HTTP/1.1 {error.status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {len(_UNREADABLE)}\r\n"
            "Connection: close\r\n\r\n"
        )
        self.write(head.encode("ascii") + _UNREADABLE)
        self.cut()

    # Reading, or not

    def _stop_reading(self) -> None:
        if self.is_open:
            cast("Any", self.transport).pause_reading()

    def _stay_frozen(self) -> None:
        if self._owner.frozen:
            self._stop_reading()

    def _read_again(self) -> None:
        # The one way back to reading, whoever asks: flow control must not undo a freeze.
        if self._held or self._backlog or self._throttled or self._owner.frozen or not self.is_open:
            return
        cast("Any", self.transport).resume_reading()

    def _throttle(self, data: bytes) -> None:
        """A fault switch: hand over so many bytes a second, and read no more meanwhile."""
        if not self._throttled:
            self._loop.call_later(_THROTTLE_STEP, self._take_throttled)
        self._throttled += data
        self._stop_reading()

    def _take_throttled(self) -> None:
        if self._held or self._owner.frozen:
            self._loop.call_later(_THROTTLE_STEP, self._take_throttled)
            return
        rate = self._owner.bytes_per_second
        size = max(1, int(rate * _THROTTLE_STEP)) if rate else len(self._throttled)
        data, self._throttled = self._throttled[:size], self._throttled[size:]
        if not self.is_open:
            self._throttled = b""
            return
        if self._end is not None:
            self._end.data_received(data)
        else:
            self._take(data)
        if self._throttled:
            self._loop.call_later(_THROTTLE_STEP, self._take_throttled)
        else:
            self._read_again()


_THROTTLE_STEP: Final = 0.02  # seconds between two portions of a throttled connection
