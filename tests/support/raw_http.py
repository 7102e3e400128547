"""A server that says exactly what a test tells it, on real sockets: for every byte of the wire and for bad servers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Self

DEADLINE = 5.0  # seconds; no single wait of a script takes longer
_LIMIT = 1_048_576  # bytes of a head


class RawConnection:
    """One connection of a ``RawServer``; ``number`` counts from 1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number

    async def head(self) -> bytes:
        """The next request's head with its empty line; EOFError when the client has gone."""
        async with asyncio.timeout(DEADLINE):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def exactly(self, count: int) -> bytes:
        async with asyncio.timeout(DEADLINE):
            return await self.reader.readexactly(count)

    async def chunked(self) -> bytes:
        """A chunked body, as it stands on the wire."""
        async with asyncio.timeout(DEADLINE):
            return await self.reader.readuntil(b"0\r\n\r\n")

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ended(self) -> bool:
        """Wait for the client to hang up; what it still sends is thrown away."""
        async with asyncio.timeout(DEADLINE):
            try:
                while await self.reader.read(65_536):
                    pass
            except OSError:
                pass
        return True

    def hang_up(self) -> None:
        self.writer.close()


Script = Callable[[RawConnection], Awaitable[None]]


class RawServer:
    """Runs ``script(connection)`` for each connection; the connection is closed when it returns."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.connections = 0
        self.errors: list[BaseException] = []
        self._script = script
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=self._tls, limit=_LIMIT)
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
        self.connections += 1
        try:
            await self._script(RawConnection(reader, writer, self.connections))
            with contextlib.suppress(OSError):
                await writer.drain()
        except (OSError, EOFError):
            pass  # the client has gone
        except asyncio.CancelledError:
            pass  # the test is over
        except BaseException as error:
            self.errors.append(error)
            raise
        finally:
            self._tasks.discard(task)
            writer.close()


def answer(body: bytes = b"", *, status: str = "200 OK", headers: str = "", via: bool = True) -> bytes:
    """An answer with a length. ``via``: as if a listener had made it."""
    made_by = "Via: 1.1 ns\r\n" if via else ""
    return f"HTTP/1.1 {status}\r\n{made_by}{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body
