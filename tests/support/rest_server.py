"""A process server that speaks JSON over HTTP on a real socket, and misbehaves in every way that it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import ssl
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.certificates import Identity, make_server_certificate

HUGE = 200 * 1024 * 1024  # bytes that a flood would send, were it let


@dataclass(frozen=True)
class Asked:
    """One request as it came. ``path`` is unquoted and has no query; ``target`` is what stood on the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def json(self) -> Any:
        return json.loads(self.body)


Speak = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]
Answering = Callable[[Asked], Any]


class Raw(bytes):
    """Bytes that go out as they are, and then the connection ends."""


@dataclass(frozen=True)
class Status:
    """An answer with another status than 200."""

    code: int
    body: Any = None
    headers: str = ""


class RestServer:
    """``answers[path]`` is a document, a function of the request, a ``Raw``, a ``Status`` or a misbehaviour below."""

    def __init__(self, *, identity: Identity | None = None, folder: Path | None = None) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[Asked] = []
        self.connections = 0
        self.port = 0
        self.news = asyncio.Event()
        self.identity = identity
        self._folder = folder
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"{'https' if self.identity is not None else 'http'}://127.0.0.1:{self.port}"

    def asked_for(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    async def until(self, condition: Callable[[], bool], deadline: float = 30.0) -> None:
        """Wait for requests until ``condition`` holds."""
        async with asyncio.timeout(deadline):
            while not condition():
                self.news.clear()
                await self.news.wait()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut()

    async def open(self) -> None:
        """Listen; on the same port again after ``shut``."""
        tls = None
        if self.identity is not None:
            assert self._folder is not None
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*self.identity.write(self._folder))
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Stop listening and cut every connection."""
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def stop_listening(self) -> None:
        """Take no further connection; those that there are stay."""
        assert self._server is not None
        self._server.close()

    def cut(self) -> None:
        """Reset every connection that there is."""
        for writer in self._writers:
            _reset(writer)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, EOFError, ValueError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            writer.close()
            try:
                with contextlib.suppress(OSError):
                    # How it ended is taken note of: else the loop reports it at some time, with every source file.
                    await writer.wait_closed()
            finally:
                self._tasks.discard(task)
                self._writers.discard(writer)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(method, target, headers, body)
        self.asked.append(asked)
        self.news.set()
        answer = self.answers.get(asked.path, Status(404, {"error": "no such thing"}))
        if isinstance(answer, Misbehaviour):
            await answer.speak(asked, writer)
            return False
        if callable(answer):
            answer = answer(asked)
            if isinstance(answer, Awaitable):
                answer = await answer
        if isinstance(answer, Misbehaviour):
            await answer.speak(asked, writer)
            return False
        if isinstance(answer, Raw):
            writer.write(answer)
            await writer.drain()
            return False
        status = answer if isinstance(answer, Status) else Status(200, answer)
        data = status.body if isinstance(status.body, bytes) else json.dumps(status.body).encode()
        writer.write(
            f"HTTP/1.1 {status.code} X\r\n{status.headers}Content-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        await writer.drain()
        return True


# --- misbehaviour ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Misbehaviour:
    """Something that no server should do."""

    name: str
    speak: Speak = field(repr=False)  # its address is another one in each process


def _misbehaviour(speak: Speak) -> Misbehaviour:
    return Misbehaviour(speak.__name__, speak)


def packed(data: bytes) -> Raw:
    """An answer packed with gzip."""
    body = gzip.compress(data)
    return Raw(b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def text(data: bytes) -> Raw:
    """Bytes as the body of an answer."""
    return Raw(b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n" % len(data) + data)


@_misbehaviour
async def silent(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Never a byte."""
    await _gone(writer)


@_misbehaviour
async def slow_headers(_: Asked, writer: asyncio.StreamWriter) -> None:
    """A header every 50 ms, for ever."""
    writer.write(b"HTTP/1.1 200 X\r\n")
    while True:
        writer.write(b"X-Slow: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


@_misbehaviour
async def slow_body(_: Asked, writer: asyncio.StreamWriter) -> None:
    """A byte every 50 ms."""
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n[")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


@_misbehaviour
async def many_headers(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Headers without an end, as fast as they are taken."""
    writer.write(b"HTTP/1.1 200 X\r\n")
    line = b"X-Much: " + b"y" * 1000 + b"\r\n"
    for _step in range(HUGE // len(line)):
        writer.write(line)
        await writer.drain()


@_misbehaviour
async def huge(_: Asked, writer: asyncio.StreamWriter) -> None:
    """200 MB in chunks."""
    writer.write(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"[" * 0x10000 + b"\r\n"
    for _step in range(HUGE // 0x10000):
        writer.write(chunk)
        await writer.drain()


@_misbehaviour
async def huge_by_length(_: Asked, writer: asyncio.StreamWriter) -> None:
    """A length of 200 MB, and silence."""
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n[" % HUGE)
    await _gone(writer)


@_misbehaviour
async def bomb(_: Asked, writer: asyncio.StreamWriter) -> None:
    """200 MB of blanks in 200 kB."""
    # Blocks behind a full flush know nothing of those before them, so one does for all.
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflate.compress(b" ")
    deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(b" " * 1024 * 1024) + deflate.flush(zlib.Z_FULL_FLUSH)
    body = gzip.compress(b"")[:10] + block * (HUGE // (1024 * 1024))
    writer.write(b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await _gone(writer)


@_misbehaviour
async def reset(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Half an answer, then a reset."""
    writer.write(b'HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n{"level":')
    await writer.drain()
    _reset(writer)


@_misbehaviour
async def hang_up(_: Asked, writer: asyncio.StreamWriter) -> None:
    """No answer, the connection closed in good order."""
    writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    socket = writer.get_extra_info("socket")
    if socket is not None:
        with contextlib.suppress(OSError):
            # SO_LINGER with 0 s: closing sends RST
            socket.setsockopt(1, 13, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _gone(writer: asyncio.StreamWriter) -> None:
    """Wait until the client has hung up."""
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.contextmanager
def certificate_files(folder: Path) -> Iterator[tuple[Identity, Path]]:
    """A server's identity for 127.0.0.1, and the file of its certificate."""
    identity = make_server_certificate("127.0.0.1")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pinned.pem"
    path.write_text(identity.cert_pem)
    yield identity, path
