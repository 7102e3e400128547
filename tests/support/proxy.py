"""A small HTTP proxy that knows CONNECT, for tests: it tunnels, asks for a password, refuses, or talks nonsense."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from dataclasses import dataclass
from typing import Self

DEADLINE = 5.0  # seconds to say CONNECT


@dataclass
class Asked:
    """One CONNECT that came in."""

    target: str
    headers: dict[str, str]


class ConnectProxy:
    """``async with ConnectProxy() as proxy: proxy.url``. Everything that came in before the tunnels is in ``heads``.

    ``login``: "name:password" that it wants. ``answer``: bytes to say instead of opening a tunnel (empty: nothing at
    all, it just hangs up). ``tail``: bytes put into the tunnel behind the answer. ``tls``: speak TLS with the client.
    """

    def __init__(
        self,
        *,
        login: str | None = None,
        answer: bytes | None = None,
        tail: bytes = b"",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.port = 0
        self.asked: list[Asked] = []
        self.heads: list[bytes] = []
        self.carried = b""  # what clients sent through tunnels
        self._login = login
        self._answer = answer
        self._tail = tail
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return self.url_for()

    def url_for(self, login: str = "") -> str:
        return f"http{'s' if self._tls else ''}://{login + '@' if login else ''}127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the proxy ends
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(DEADLINE):
            head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        line, *rest = head.decode().removesuffix("\r\n\r\n").split("\r\n")
        method, target, _ = line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in rest)}
        self.asked.append(Asked(target, headers))
        if self._answer is not None:
            writer.write(self._answer)
            await self._hang_up(writer)
            return
        if method != "CONNECT":
            writer.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            await self._hang_up(writer)
            return
        if self._login is not None:
            wanted = "Basic " + base64.b64encode(self._login.encode()).decode()
            if headers.get("proxy-authorization") != wanted:
                writer.write(
                    b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\n'
                    b"Content-Length: 6\r\n\r\nsorry\n"
                )
                await self._hang_up(writer)
                return
        host, _, port = target.rpartition(":")
        there, back = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n" + self._tail)
        try:
            await asyncio.gather(self._pump(reader, back, note=True), self._pump(there, writer))
        finally:
            back.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, note: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if note:
                    self.carried += data
                writer.write(data)
                await writer.drain()
        # One end is gone, so the other one goes: nothing that runs through here uses half a connection.
        writer.transport.abort() if writer.get_extra_info("sslcontext") else writer.close()

    @staticmethod
    async def _hang_up(writer: asyncio.StreamWriter) -> None:
        await writer.drain()
        writer.close()
        await writer.wait_closed()
