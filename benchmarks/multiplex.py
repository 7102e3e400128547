"""Requests and answers over one sealed session: a number of four bytes, then the body; answers come in any order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from relay_bridge.transport import SecureSession, SessionClosed

MAX_AT_ONCE = 256  # requests that one session may have running at the listener
_NUMBER = 4  # bytes


class Asker:
    """The asking end. Many tasks may ``ask`` at once."""

    def __init__(self, session: SecureSession) -> None:
        self._session = session
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}
        self._last = 0
        self._loop = asyncio.get_running_loop()
        self._reading = asyncio.create_task(self._read())

    async def ask(self, body: bytes) -> bytes:
        self._last += 1
        number = (self._last & 0xFFFFFFFF).to_bytes(_NUMBER, "big")
        answer = self._waiting[number] = self._loop.create_future()
        try:
            await self._session.send(number + body)
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def _read(self) -> None:
        try:
            while True:
                message = await self._session.receive()
                if (answer := self._waiting.get(message[:_NUMBER])) is not None and not answer.done():
                    answer.set_result(message[_NUMBER:])
        except SessionClosed as error:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(error)

    async def close(self) -> None:
        await self._session.close()
        await self._reading


async def answer_all(session: SecureSession, handler: Callable[[bytes], Awaitable[bytes]]) -> None:
    """The answering end, until the session ends: each request is a task of its own, as in the listener for HTTP."""
    running: set[asyncio.Task[None]] = set()

    async def answer(message: bytes) -> None:
        await session.send(message[:_NUMBER] + await handler(message[_NUMBER:]))

    try:
        while True:
            message = await session.receive()
            while len(running) >= MAX_AT_ONCE:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(answer(message))
            running.add(task)
            task.add_done_callback(running.discard)
    except SessionClosed:
        pass
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
