"""One HTTP/1.1 connection to the relay: requests go out one after the other, their answers come back, both bounded.

    idle ──start──► waiting for the head ──► body ──► complete ──reset──► idle
                              └──────────────┴── broken: ``failure`` says why, the socket is gone

It knows nothing of tokens, retries or time: whoever drives it sets deadlines around its waits and calls ``abort``.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import httptools

from relay_bridge.protocol.errors import RelayError, RelayUnavailable
from relay_bridge.transport.http_messages import Headers
from relay_bridge.transport.streams import StreamClosed

READ_SIZE: Final = 65_536  # bytes read at once
MAX_HEAD: Final = (
    65_536  # bytes of an answer's head, interim answers (1xx) included, and of what may stand between chunks
)
HIGH_WATER: Final = 262_144  # bytes of a body that nobody has taken yet; then reading pauses
LOW_WATER: Final = 65_536  # bytes at which it goes on
WRITE_HIGH_WATER: Final = 65_536  # bytes on their way to the socket; then ``send`` waits
_CHUNK_COST: Final = 64  # bytes that a chunk takes besides its own, so that a million tiny ones are bounded as well


@dataclass(slots=True)  # frozen, it would take several times as long to make one
class ResponseHead:
    """Status line and headers of an answer."""

    status: int
    reason: str
    headers: Headers


class HttpConnection(asyncio.BufferedProtocol):
    """One connection. ``place`` names its other end in errors; ``lost`` is called once, when the socket is gone."""

    def __init__(self, place: str, lost: Callable[[HttpConnection], None] | None = None) -> None:
        self.place = place
        self.served = 0  # answers that were received whole
        self.idle_since = 0.0  # for the pool
        self.failure: Exception | None = None
        self._loop = asyncio.get_running_loop()
        self._lost = lost
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._view = memoryview(bytearray(READ_SIZE))
        self._parser: httptools.HttpResponseParser | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._writing_paused = False
        self._chunks: collections.deque[bytes] = collections.deque()
        self._busy = False
        self._clear()

    def _clear(self) -> None:
        self._is_head = False
        self._sent = False
        self._answered = False
        self._complete = False
        self._reusable = False
        self._interim = False
        self._until_eof = False
        self._reason = b""
        self._fields: list[tuple[str, str]] = []
        self._head: ResponseHead | None = None
        self._buffered = 0
        self._since_progress = 0

    # What a request does with it

    @property
    def open(self) -> bool:
        return self.failure is None and self._transport is not None and not self._transport.is_closing()

    @property
    def answered(self) -> bool:
        """Anything at all has come since the request was started."""
        return self._answered

    @property
    def complete(self) -> bool:
        """The answer has come whole."""
        return self._complete

    @property
    def reusable(self) -> bool:
        """Another request may follow on it: idle, or the request is sent and its answer has come whole."""
        return self.open and (not self._busy or (self._complete and self._sent and self._reusable))

    def start(self, method: str, data: bytes, *, sent: bool) -> None:
        """Send the head of a request, and what is at hand of its body. ``sent``: that is all of it."""
        self._busy = True
        self._is_head = method == "HEAD"
        self._sent = sent
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        self._socket().write(data)

    async def send(self, data: bytes | memoryview) -> None:
        """Send a piece of the body, then wait until there is room for more. Raises ``failure`` when it is broken."""
        self._raise_failure()
        self._socket().write(data)
        while self._writing_paused:
            self._writer = self._loop.create_future()
            await self._writer
        self._raise_failure()

    def finish(self, data: bytes = b"") -> None:
        """Send the last bytes of a request."""
        if self.open:
            if data:
                self._socket().write(data)
            self._sent = True

    async def read_head(self) -> ResponseHead:
        """Wait for the head of the answer. Raises ``RelayUnavailable``."""
        while self._head is None:
            self._raise_failure()
            await self._more()
        return self._head

    def take(self) -> bytes | None:
        """What has come of the body; ``b""`` at its end, None when ``wait`` must be awaited first."""
        if self._chunks:
            chunk = self._chunks.popleft()
            self._buffered -= len(chunk) + _CHUNK_COST
            if self._reading_paused and self._buffered <= LOW_WATER:
                self._resume_reading()
            return chunk
        if self._complete:
            return b""
        self._raise_failure()
        return None

    async def wait(self) -> None:
        """Wait for more of the body, its end, or a failure."""
        if not self._chunks and not self._complete and self.failure is None:
            await self._more()

    def reset(self) -> None:
        """Forget the answer: the connection is idle again. Only when it is ``reusable``."""
        if self._is_head:
            self._parser = None  # it does not know that an answer to HEAD has no body, and may still wait for one
        self._busy = False
        self._chunks.clear()
        self._clear()
        if self._reading_paused:
            self._resume_reading()

    def close(self) -> None:
        """Close an idle connection in good order."""
        self.failure = self.failure or StreamClosed(f"the connection to {self.place} was closed here")
        if self._transport is not None:
            self._transport.close()

    def abort(self, error: Exception | None = None) -> None:
        """Drop the socket at once; ``error`` is what waiters are told."""
        self.failure = self.failure or error or StreamClosed(f"the connection to {self.place} was dropped here")
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    async def wait_closed(self) -> None:
        """Wait until the socket is gone."""
        await asyncio.shield(self._gone)

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        if self.failure is not None:
            return
        if not self._busy or self._complete or self._parser is None:
            # Nobody asked: this may be an answer for another connection's request. Nothing here can be trusted now.
            self._fail(f"the relay at {self.place} sent an answer to no request")
            return
        self._answered = True
        self._since_progress += nbytes
        try:
            self._parser.feed_data(self._view[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            # Also when a callback has failed on purpose: the first reason stays.
            self._fail(f"what answers at {self.place} speaks no proper HTTP")
        if self._since_progress > MAX_HEAD and not self._complete:
            self._fail(f"what answers at {self.place} sent over {MAX_HEAD} bytes of headers")

    def eof_received(self) -> bool:
        return False  # the transport closes itself

    def connection_lost(self, exc: Exception | None) -> None:
        if self._until_eof and self._head is not None and exc is None and self.failure is None:
            self._complete = True
        words = "before it answered" if self._head is None else "in the middle of its answer"
        self.failure = self.failure or self._error(f"the relay at {self.place} broke the connection {words}")
        self._parser = None  # it holds this object, and this object holds it
        self._writing_paused = False
        self._wake()
        if not self._gone.done():
            self._gone.set_result(None)
            if self._lost is not None:
                self._lost(self)

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    # What the parser tells

    def on_message_begin(self) -> None:
        if self._complete:
            raise ValueError("a second answer")

    def on_status(self, status: bytes) -> None:
        self._reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head is not None:
            return  # a trailer; nobody is told of those
        self._fields.append((_text(name), _text(value)))

    def on_headers_complete(self) -> None:
        parser = cast(httptools.HttpResponseParser, self._parser)
        status = parser.get_status_code()
        if 100 <= status < 200:
            if status == 101:
                raise ValueError("nobody asked for another protocol")
            self._interim = True
            return
        if not self._is_head and status not in _BODILESS:
            self._check_framing()
        self._head = ResponseHead(status, _text(self._reason), Headers(self._fields))
        self._since_progress = 0
        self._reusable = parser.should_keep_alive()
        if self._is_head:
            self._complete = True
            self.served += 1
        self._wake()

    def on_body(self, data: bytes) -> None:
        if self._complete:
            raise ValueError("an answer to HEAD with a body")
        self._since_progress = 0
        self._chunks.append(data)
        self._buffered += len(data) + _CHUNK_COST
        if self._buffered > HIGH_WATER and not self._reading_paused:
            self._reading_paused = True
            self._socket().pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
            self._fields, self._reason = [], b""
        elif not self._complete:
            self._complete = True
            self.served += 1
            self._wake()

    # Inside

    def _check_framing(self) -> None:
        """How the body ends: by its length, by its last chunk, or with the connection."""
        coding: list[str] = []
        self._until_eof = True
        for name, value in self._fields:
            field = name.lower()
            if field == "transfer-encoding":
                coding.append(value.strip().lower())
            elif field == "content-length":
                self._until_eof = False
        if coding:
            self._until_eof = False
            if coding != ["chunked"]:
                raise ValueError("a transfer coding that nobody asked for")

    async def _more(self) -> None:
        self._reader = self._loop.create_future()
        await self._reader

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
        if self.failure is not None and self._writer is not None and not self._writer.done():
            self._writing_paused = False
            self._writer.set_result(None)

    def _fail(self, sentence: str) -> None:
        if self._complete:
            self._reusable = False  # the answer stands; what came after it is the connection's end
        self.abort(self._error(sentence))

    def _error(self, sentence: str) -> RelayError:
        return StreamClosed(sentence) if self._head is not None else RelayUnavailable(0, sentence)

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _resume_reading(self) -> None:
        self._reading_paused = False
        if self.open:
            self._socket().resume_reading()

    def _socket(self) -> asyncio.Transport:
        return cast(asyncio.Transport, self._transport)


_BODILESS: Final = frozenset({204, 304})


def _text(data: bytes) -> str:
    """Header text: UTF-8 is what the relay makes of a listener's JSON; what is none is taken byte for byte."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
