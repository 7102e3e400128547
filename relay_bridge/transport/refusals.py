"""Saying no to many at once: every refusal needs a socket of its own, so they are made a few at a time."""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from relay_bridge.protocol.limits import ACCEPT_DEADLINE

logger = logging.getLogger(__name__)

AT_ONCE: Final = 20  # refusals being dialled
MAX_WAITING: Final = 2_000  # refusals waiting for their turn; who comes on top is left to the relay's own timeout


class Refusals:
    """A bounded queue of refusals. Those that waited for ``ACCEPT_DEADLINE`` are dropped: their address has expired."""

    def __init__(self, place: str, *, at_once: int = AT_ONCE, max_waiting: int = MAX_WAITING) -> None:
        self._place = place
        self._at_once = at_once
        self._max_waiting = max_waiting
        self._waiting: collections.deque[tuple[float, Callable[[], Awaitable[None]]]] = collections.deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._overflowing = False

    def add(self, refuse: Callable[[], Awaitable[None]]) -> bool:
        """Call and await ``refuse`` soon; False when there are too many already. It must not raise, nor take long."""
        if len(self._waiting) >= self._max_waiting:
            if not self._overflowing:
                logger.warning("%s: too many callers at once; some are left to time out", self._place)
            self._overflowing = True  # said once, until the queue has been empty again
            return False
        self._waiting.append((asyncio.get_running_loop().time() + ACCEPT_DEADLINE, refuse))
        if len(self._workers) < self._at_once:
            task = asyncio.create_task(self._work(), name="relay-refusal")
            self._workers.add(task)
            task.add_done_callback(self._workers.discard)
        return True

    async def wait_idle(self) -> None:
        """Return when everybody has been told. No deadline."""
        while self._workers:
            await asyncio.wait(self._workers)

    async def stop(self) -> None:
        """Drop what waits, cancel what runs."""
        self._waiting.clear()
        workers = list(self._workers)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._waiting:
            deadline, refuse = self._waiting.popleft()
            if clock() < deadline:
                await refuse()
        self._overflowing = False
