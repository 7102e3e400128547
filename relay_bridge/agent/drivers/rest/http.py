"""One HTTP/1.1 connection to a source (RFC 9112): a request, its answer within bounds, and perhaps another one.

An answer is bounded while it comes in: head, bytes as sent, bytes as unpacked. What goes over a bound ends the
connection at once, so a source that sends too much costs what the bound says and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import httptools

from relay_bridge.agent.drivers.rest.problems import Trouble
from relay_bridge.agent.drivers.rest.tls import SourceTls

MAX_HEAD: Final = 32_768  # bytes of status line and headers, interim answers and trailers included
MAX_CHUNKS: Final = 65_536  # pieces of one body: a source that sends byte by byte is not worth the work
_BODILESS: Final = frozenset({204, 304})
_CODINGS: Final = {"gzip", "x-gzip", "deflate"}
_EITHER_WRAPPER: Final = 47  # zlib: gzip or zlib, told by its first bytes


@dataclass(frozen=True)
class Answer:
    """A whole answer; ``body`` is unpacked."""

    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """One socket. ``lost`` is called once, when it is gone. Whoever asks sets deadlines and calls ``abort``."""

    def __init__(self, tls: SourceTls | None, max_body: int, lost: Callable[[Connection], None]) -> None:
        self.trouble: Trouble | None = None
        self.served = 0
        self.answering = False  # something of the present answer has come
        self._tls = tls
        self._max_body = max_body
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._head: asyncio.Future[int] | None = None
        self._done: asyncio.Future[Answer] | None = None
        self._reusable = True
        self._clear()

    def _clear(self) -> None:
        self._head_bytes = 0
        self._wire_bytes = 0
        self._body_bytes = 0
        self._chunks: list[bytes] = []
        self._fields: list[tuple[str, str]] = []
        self._status = 0
        self._ends_with_socket = False
        self._unpack: Any = None

    @property
    def idle(self) -> bool:
        """Another request may be sent on it."""
        is_open = self.trouble is None and self._transport is not None and not self._transport.is_closing()
        return is_open and self._done is None and self._reusable

    def send(self, request: bytes) -> tuple[asyncio.Future[int], asyncio.Future[Answer]]:
        """Send a whole request; the futures of its status and of its answer. Both may raise ``Trouble``."""
        loop = asyncio.get_running_loop()
        self._clear()
        self.answering = False
        self._parser = httptools.HttpResponseParser(self)
        self._head, self._done = loop.create_future(), loop.create_future()
        for future in (self._head, self._done):
            future.add_done_callback(_seen)
        if self.trouble is not None:
            self._fail(self.trouble)
        else:
            cast(asyncio.Transport, self._transport).write(request)
        return self._head, self._done

    def abort(self) -> None:
        """Drop the socket at once."""
        self._fail(Trouble("the request was given up", reach="wire"))

    # --- what the transport tells ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._tls is not None:
            secured = transport.get_extra_info("ssl_object")
            try:
                self._tls.check(secured.getpeercert(binary_form=True) if secured is not None else None)
            except Trouble as trouble:
                self._fail(trouble)

    def data_received(self, data: bytes) -> None:
        if self.trouble is not None:
            return
        if self._done is None or self._parser is None:
            # Nobody asked: it may be the answer to somebody else's question.
            self._fail(Trouble("the process server sent an answer to no request", reach="wire"))
            return
        self.answering = True
        self._head_bytes += len(data)
        # ``on_body`` takes its bytes off again; what is left over is head, trailers and what stands between chunks.
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            # Also when a callback has failed on purpose: the first reason stays.
            self._fail(Trouble("what answers in the process server's place speaks no proper HTTP", reach="wire"))
            return
        if self._done is not None and self._head_bytes > MAX_HEAD:
            self._fail(Trouble(f"the process server sent more than {MAX_HEAD} bytes of headers"))

    def eof_received(self) -> bool:
        return False  # the transport closes itself

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ends_with_socket and exc is None and self.trouble is None and self._done is not None:
            self._reusable = False
            with contextlib.suppress(ValueError):  # told to whoever waits; the owner must still hear of the loss
                self._complete()
        words = "broke off in the middle of its answer" if self.answering else "closed the connection without an answer"
        self._fail(Trouble(f"the process server {words}", reach="wire"))
        self._lost(self)

    # --- what the parser tells ------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._done is None:
            # Behind a whole answer stands another one: the next request must not be given it.
            raise ValueError("an answer to no request")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._status == 0:  # later ones are trailers
            self._fields.append((name.decode("latin-1").lower(), value.decode("latin-1").strip()))

    def on_headers_complete(self) -> None:
        parser = cast(httptools.HttpResponseParser, self._parser)
        status = parser.get_status_code()
        if 100 <= status < 200:
            if status == 101:
                raise ValueError("nobody asked for another protocol")
            self._fields = []
            return
        self._status = status
        self._reusable = parser.should_keep_alive()
        if status not in _BODILESS:
            self._check_framing()
        if self._head is not None and not self._head.done():
            self._head.set_result(status)

    def on_body(self, data: bytes) -> None:
        self._head_bytes -= len(data)
        self._wire_bytes += len(data)
        if self._wire_bytes > self._max_body or len(self._chunks) >= MAX_CHUNKS:
            self._too_large()
        if self._unpack is not None:
            try:
                data = self._unpack.decompress(data, self._max_body - self._body_bytes + 1)
            except zlib.error:
                self._refuse(Trouble("the process server's answer cannot be unpacked"))
            if self._unpack.unused_data:
                self._refuse(Trouble("the process server's answer cannot be unpacked"))
        self._body_bytes += len(data)
        if self._body_bytes > self._max_body:
            self._too_large()
        # What stands between two chunks (a length in hexadecimal) is no header.
        self._head_bytes = max(0, self._head_bytes - 16)
        if data:
            self._chunks.append(bytes(data))

    def on_message_complete(self) -> None:
        if self._status:
            self._complete()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _check_framing(self) -> None:
        """How the body ends (RFC 9112, 6.3) and how it is packed; anything unusual is refused."""
        transfer = [value.lower() for name, value in self._fields if name == "transfer-encoding"]
        lengths = {value for name, value in self._fields if name == "content-length"}
        codings = [value.lower() for name, value in self._fields if name == "content-encoding"]
        if transfer not in ([], ["chunked"]) or len(lengths) > 1:
            raise ValueError("a framing that has no sure meaning")
        self._ends_with_socket = not transfer and not lengths
        if lengths and int(next(iter(lengths))) > self._max_body:
            self._too_large()
        if codings and codings != ["identity"]:
            if len(codings) > 1 or codings[0] not in _CODINGS:
                self._refuse(Trouble("the process server packed its answer in a way that nobody asked for"))
            self._unpack = zlib.decompressobj(_EITHER_WRAPPER)

    def _complete(self) -> None:
        done, self._done = self._done, None
        if self._unpack is not None and not self._unpack.eof and self._wire_bytes:
            self._done = done
            self._refuse(Trouble("the process server's answer cannot be unpacked"))
        self.served += 1
        body = b"".join(self._chunks)
        self._chunks = []
        if done is not None and not done.done():
            done.set_result(Answer(self._status, body))
        if not self._reusable and self._transport is not None:
            self._transport.abort()

    def _too_large(self) -> None:
        self._refuse(Trouble(f"the process server's answer is too large (over {self._max_body} bytes)"))

    def _refuse(self, trouble: Trouble) -> None:
        """End the connection and what the parser is doing."""
        self._fail(trouble)
        raise ValueError(trouble.reason)

    def _fail(self, trouble: Trouble) -> None:
        if self.trouble is None:
            self.trouble = trouble
            self._parser = None  # it holds this object, and this object holds it
            self._chunks, self._unpack = [], None
            if self._transport is not None:
                self._transport.abort()
        for future in (self._head, self._done):
            if future is not None and not future.done():
                future.set_exception(self.trouble)
        self._head = self._done = None


def _seen(future: asyncio.Future[Any]) -> None:
    """An answer that nobody waits for any more is no news."""
    if not future.cancelled():
        future.exception()
