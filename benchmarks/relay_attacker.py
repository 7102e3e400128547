"""Bad days as a program: ``python -m benchmarks.relay_attacker``, then orders (worker.py).

    slow_heads    connections that send a request's head one byte a second
    half_open     connections that say nothing at all
    junk          so many connections a second that send bytes which are no HTTP, and go
    unread_streams, unread_answers, unread_requests
                  senders or listeners that take no more bytes while the other side has plenty

What the relay closes is opened again, so that the pressure stays. ``stop`` drops everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.programs import LOOPBACK
from benchmarks.worker import run
from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.protocol.errors import RelayError
from relay_bridge.transport import RelaySender
from relay_bridge.transport.credentials import credential_of

CONNECTING = 64  # connections that are being opened at once
AGAIN = 0.5  # seconds until a lost connection is opened again, at most
DRIP = 1.0  # seconds between two bytes of a head
JUNK_TICK = 0.02  # seconds between two handfuls of junk connections
JUNK_LIFE = 1.0  # seconds that a junk connection waits for its answer
PIECE = b"x" * 65_536
OPEN_TIMEOUT = 20.0  # seconds


class Held(asyncio.Protocol):
    """One connection that an attack holds."""

    def __init__(self, attack: Attack) -> None:
        self._attack = attack
        self.transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._attack.held.add(self)
        if self._attack.first:
            transport.write(self._attack.first)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._attack.held.discard(self)
        self._attack.lost += 1
        self._attack.missing.release()


class Attack:
    """Holds ``count`` connections that begin with ``first``, for as long as its task runs."""

    def __init__(self, port: int, count: int, first: bytes = b"", drip: bytes = b"") -> None:
        self.first = first
        self.held: set[Held] = set()
        self.missing = asyncio.Semaphore(count)
        self.lost = 0
        self._port = port
        self._drip = drip

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(CONNECTING):
                    tasks.create_task(self._open())
                if self._drip:
                    tasks.create_task(self._keep_dripping())
        finally:
            for held in list(self.held):
                held.transport.abort()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self.missing.acquire()
            if self.lost:
                await asyncio.sleep(random.uniform(0, AGAIN))
            try:
                await loop.create_connection(lambda: Held(self), LOOPBACK, self._port)
            except OSError:
                self.lost += 1
                self.missing.release()

    async def _keep_dripping(self) -> None:
        while True:
            await asyncio.sleep(DRIP)
            for held in list(self.held):
                held.transport.write(self._drip)


class Attacker:
    """What the orders work on. One attack at a time."""

    def __init__(self) -> None:
        self._connection: ConnectionString
        self._token = ""
        self._running: list[asyncio.Task[None]] = []
        self._attack: Attack | None = None
        self.carried = 0  # bytes that were taken off an unread attack

    async def begin(self, order: dict[str, Any]) -> dict[str, Any]:
        self._connection = parse_connection_string(order["connection"])
        credential = credential_of(self._connection)
        assert credential is not None
        self._token = credential.token()
        return {}

    async def start(self, order: dict[str, Any]) -> dict[str, Any]:
        """``kind``, and ``count``: how many connections, or how many a second."""
        kind, count = order["kind"], order["count"]
        host = self._connection.entity_path
        head = f"GET /{host} HTTP/1.1\r\nHost: {LOOPBACK}\r\nX-Slow: ".encode()
        self.carried = 0
        self._attack = None
        if kind == "slow_heads":
            self._attack = Attack(self._connection.port, count, head, b"x")
        elif kind == "half_open":
            self._attack = Attack(self._connection.port, count)
        if self._attack is not None:
            self._running = [asyncio.create_task(self._attack.run())]
        elif kind == "junk":
            self._running = [asyncio.create_task(self._junk(count))]
        else:
            once: Callable[[], Awaitable[None]] = getattr(self, f"_{kind}")
            self._running = [asyncio.create_task(self._again(once)) for _ in range(count)]
        return {}

    async def look(self, _: dict[str, Any]) -> dict[str, Any]:
        attack = self._attack
        for task in self._running:
            if task.done():
                task.result()
        return {
            "held": len(attack.held) if attack else len(self._running),
            "lost": attack.lost if attack else 0,
            "carried": self.carried,
        }

    async def stop(self, _: dict[str, Any]) -> dict[str, Any]:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running = []
        return {}

    async def _junk(self, each_second: int) -> None:
        due = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            while True:
                due += JUNK_TICK
                for _ in range(round(each_second * JUNK_TICK)):
                    tasks.create_task(self._one_junk())
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))

    async def _one_junk(self) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(JUNK_LIFE):
                reader, writer = await asyncio.open_connection(LOOPBACK, self._connection.port)
                try:
                    writer.write(random.randbytes(random.randint(1, 300)) + b"\r\n\r\n")
                    await reader.read(1024)
                finally:
                    writer.transport.abort()

    async def _again(self, once: Callable[[], Awaitable[None]]) -> None:
        while True:
            with contextlib.suppress(RelayError, OSError, TimeoutError):
                await once()
            await asyncio.sleep(AGAIN)

    async def _unread_streams(self) -> None:
        stream = await RelaySender(self._connection).connect(OPEN_TIMEOUT, suffix="silent")
        try:
            while True:
                await stream.send(PIECE)
                self.carried += len(PIECE)
        finally:
            stream.abort()

    async def _unread_answers(self) -> None:
        _, writer = await self._ask("GET", "endless", "")
        try:
            # Nobody reads: what the reader's own buffer does not take stays in the kernel, and then in the relay.
            await asyncio.Event().wait()
        finally:
            writer.transport.abort()

    async def _unread_requests(self) -> None:
        _, writer = await self._ask("POST", "silent", f"Content-Length: {1 << 34}\r\n")
        try:
            while True:
                writer.write(PIECE)
                await writer.drain()
                self.carried += len(PIECE)
        finally:
            writer.transport.abort()

    async def _ask(self, method: str, suffix: str, header: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(LOOPBACK, self._connection.port, limit=1)
        writer.write(
            f"{method} /{self._connection.entity_path}/{suffix} HTTP/1.1\r\nHost: {LOOPBACK}\r\n{header}"
            f"ServiceBusAuthorization: {self._token}\r\n\r\n".encode()
        )
        return reader, writer


if __name__ == "__main__":
    logging.basicConfig(level=logging.CRITICAL)
    attacker = Attacker()
    run({name: getattr(attacker, name) for name in ("begin", "start", "look", "stop")})
