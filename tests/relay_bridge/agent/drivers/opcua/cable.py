"""A TCP cable between the driver and a server, which can be cut, or go dead without a word."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self


class Cable:
    """``async with Cable(port) as cable: cable.url``. ``cut()`` resets what is connected; ``dead`` swallows all."""

    def __init__(self, port: int) -> None:
        self._far = port
        self.port = 0
        self.url = ""
        self.dead = False
        self.connections = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"opc.tcp://127.0.0.1:{self.port}/UA/Farm"
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection, as a router does that was restarted."""
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(near)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._far)
            self._writers.add(far)
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await asyncio.gather(self._pump(near_reader, far), self._pump(far_reader, near))
            far.transport.abort()
            self._writers.discard(far)
        finally:
            near.transport.abort()
            self._writers.discard(near)
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not self.dead:
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
