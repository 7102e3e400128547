"""How often a source is asked: never more than so many requests in any second, and people before polling."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable

URGENT_IN_A_ROW = 3  # then polling has its turn, or values would go stale under a person who reads a lot


class Pace:
    """At most ``rate`` requests a second, in whichever second one looks. Below 1: one in 1/rate seconds.

    Waiting has no deadline of its own. ``clock`` in seconds, the event loop's when left out.
    """

    def __init__(self, rate: float, clock: Callable[[], float] | None = None) -> None:
        self._count = max(1, int(rate))
        self._span = self._count / rate  # seconds
        self._clock = clock
        self._given: collections.deque[float] = collections.deque(maxlen=self._count)
        self._urgent: collections.deque[asyncio.Future[None]] = collections.deque()
        self._patient: collections.deque[asyncio.Future[None]] = collections.deque()
        self._in_a_row = 0
        self._timer: asyncio.TimerHandle | None = None

    async def turn(self, *, urgent: bool = False) -> None:
        """Return when the next request may be sent."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._patient).append(turn)
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            turn.cancel()
            raise

    def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while self._urgent and self._urgent[0].done():
                self._urgent.popleft()
            while self._patient and self._patient[0].done():
                self._patient.popleft()
            if not self._urgent and not self._patient:
                return
            now = self._clock() if self._clock is not None else loop.time()
            if len(self._given) == self._count and now - self._given[0] < self._span:
                if self._timer is None:
                    self._timer = loop.call_later(self._given[0] + self._span - now + 0.0005, self._again)
                return
            is_urgent = bool(self._urgent) and (not self._patient or self._in_a_row < URGENT_IN_A_ROW)
            self._in_a_row = self._in_a_row + 1 if is_urgent else 0
            turn = (self._urgent if is_urgent else self._patient).popleft()
            self._given.append(now)
            turn.set_result(None)

    def _again(self) -> None:
        self._timer = None
        self._serve()

    def close(self) -> None:
        """Forget the timer; whoever still waits is cancelled by its owner."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
