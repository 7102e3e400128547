"""Our sender as a program that makes load: ``python -m benchmarks.relay_sender``, then orders (worker.py).

Every order but the idle ones is a closed loop: ``in_flight`` tasks, each with one thing under way, for ``seconds``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.figures import percentile
from benchmarks.multiplex import Asker
from benchmarks.programs import LOOPBACK
from benchmarks.worker import run
from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.protocol.errors import RelayError
from relay_bridge.transport import InnerTls, RelaySender, RelayStream, SecureSession

OPENING = 32  # streams that are being opened at once when many are wanted
OPEN_TIMEOUT = 20.0  # seconds
MESSAGE = b"x" * 200
BIG = b"x" * 1_000_000


async def closed_loop(once: Callable[[], Awaitable[None]], in_flight: int, seconds: float) -> dict[str, Any]:
    """Figures of ``once`` called over and over by ``in_flight`` tasks. Delays in ms."""
    delays: list[float] = []
    troubles: list[str] = []
    begun = time.perf_counter()
    end = begun + seconds

    async def again() -> None:
        while (asked := time.perf_counter()) < end:
            try:
                await once()
            except RelayError as error:
                troubles.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.001)
            else:
                delays.append((time.perf_counter() - asked) * 1000)

    await asyncio.gather(*(again() for _ in range(in_flight)))
    took = time.perf_counter() - begun
    return {
        "done": len(delays),
        "failed": len(troubles),
        "trouble": troubles[0] if troubles else "",
        "seconds": took,
        "p50": percentile(delays, 0.50),
        "p95": percentile(delays, 0.95),
        "p99": percentile(delays, 0.99),
    }


class Sending:
    """What the orders work on: one sender, one plain stream for messages, one session, and many idle streams."""

    def __init__(self) -> None:
        self._connection: ConnectionString
        self._relay: RelaySender
        self._direct: RelaySender
        self._seal: dict[str, Any] = {}
        self._idle: list[RelayStream] = []

    async def begin(self, order: dict[str, Any]) -> dict[str, Any]:
        self._connection = parse_connection_string(order["connection"])
        self._relay = RelaySender(self._connection)
        door = ConnectionString(LOOPBACK, order["direct"], self._connection.entity_path, None, None, use_tls=False)
        self._direct = RelaySender(door)
        self._seal = order
        return {}

    async def get(self, order: dict[str, Any]) -> dict[str, Any]:
        sender = self._direct if order.get("direct") else self._relay
        suffix, wanted = order.get("suffix", ""), order.get("bytes", len(MESSAGE))

        async def once() -> None:
            async with sender.request("GET", suffix) as response:
                _check(response.status, len(await response.read()) == wanted)

        return await closed_loop(once, order["in_flight"], order["seconds"])

    async def post(self, order: dict[str, Any]) -> dict[str, Any]:
        sender = self._direct if order.get("direct") else self._relay
        expected = b"%d" % len(BIG)

        async def once() -> None:
            async with sender.request("POST", body=BIG) as response:
                _check(response.status, await response.read() == expected)

        return await closed_loop(once, order["in_flight"], order["seconds"])

    async def first_byte(self, order: dict[str, Any]) -> dict[str, Any]:
        """A new connection for every request."""

        async def once() -> None:
            async with RelaySender(self._connection) as sender, sender.request("GET") as response:
                _check(response.status, len(await response.read()) == len(MESSAGE))

        return await closed_loop(once, order["in_flight"], order["seconds"])

    async def first_message(self, order: dict[str, Any]) -> dict[str, Any]:
        """A new stream for every message."""

        async def once() -> None:
            stream = await self._relay.connect(OPEN_TIMEOUT, suffix="echo")
            try:
                await stream.send(MESSAGE)
                await stream.receive()
            finally:
                stream.abort()

        return await closed_loop(once, order["in_flight"], order["seconds"])

    async def messages(self, order: dict[str, Any]) -> dict[str, Any]:
        """Messages to and fro on one stream; so many under way."""
        stream = await self._relay.connect(suffix="echo")
        waiting: deque[asyncio.Future[bytes]] = deque()
        loop = asyncio.get_running_loop()

        async def read() -> None:
            try:
                while True:
                    message = await stream.receive()
                    waiting.popleft().set_result(message)
            except RelayError as error:
                for answer in waiting:
                    answer.set_exception(error)

        async def once() -> None:
            answer = loop.create_future()
            waiting.append(answer)
            await stream.send(MESSAGE)
            await answer

        reading = asyncio.create_task(read())
        try:
            return await closed_loop(once, order["in_flight"], order["seconds"])
        finally:
            await stream.close()
            await reading

    async def session(self, order: dict[str, Any]) -> dict[str, Any]:
        """Requests and answers, many at once over one sealed session."""
        tls = InnerTls("client", self._seal["certificate"], self._seal["key"], self._seal["peer"])
        asker = Asker(await SecureSession.connect(await self._relay.connect(suffix="session"), tls))

        async def once() -> None:
            _check(200, await asker.ask(MESSAGE) == MESSAGE)

        try:
            return await closed_loop(once, order["in_flight"], order["seconds"])
        finally:
            await asker.close()

    async def open_idle(self, order: dict[str, Any]) -> dict[str, Any]:
        """Have ``sockets`` streams open that nobody uses."""
        free = asyncio.Semaphore(OPENING)

        async def open_one() -> None:
            async with free:
                self._idle.append(await self._relay.connect(OPEN_TIMEOUT, suffix="idle"))

        await asyncio.gather(*(open_one() for _ in range(order["sockets"] - len(self._idle))))
        return {"sockets": len(self._idle)}

    async def close_idle(self, _: dict[str, Any]) -> dict[str, Any]:
        for stream in self._idle:
            stream.abort()
        self._idle.clear()
        return {}


def _check(status: int, good: bool) -> None:
    if status != 200 or not good:
        raise RelayError(f"a wrong answer with status {status}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    sending = Sending()
    orders = ("begin", "get", "post", "first_byte", "first_message", "messages", "session", "open_idle", "close_idle")
    run({name: getattr(sending, name) for name in orders})
