"""An event loop that does not wait: when nothing is ready, its clock jumps to the next timer.

Real sockets work as long as both ends live in this process: what one writes to loopback the other can read at once, so
an empty poll means that only time can bring the next event. Time stands still while code runs. What runs in threads
takes no time at all on this clock; do not jump over it.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")

PAUSE: Final = 0.0001  # real seconds between two looks for what the kernel still carries
# Looks before each jump since the latest event: some at first, then fewer, then none, for nothing is on its way.
LOOKS: Final = (3, 1, 1, 1)
THREADS: Final = 0.1  # real seconds to wait for threads, when there is no timer at all
MIDNIGHT: Final = 1_800_000_000.0  # Unix seconds at which the wall clock begins


class JumpingSelector(selectors.BaseSelector):
    """The real selector; ``elapsed`` counts the seconds that were jumped over."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self._quiet = 0  # jumps since the latest event
        self.elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if timeout == 0:
            return ready
        for _ in range(LOOKS[self._quiet] if self._quiet < len(LOOKS) else 0):
            if ready:
                break
            time.sleep(PAUSE)
            ready = self._real.select(0)
        if ready:
            self._quiet = 0
        elif timeout is None:
            ready = self._real.select(THREADS)
        else:
            self._quiet += 1
            self.elapsed += max(0.0, timeout)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._quiet = 0
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class AutojumpLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.elapsed

    def wall_clock(self) -> float:
        """Unix seconds of the same clock, for whatever asks what day it is."""
        return MIDNIGHT + self._jumping.elapsed


def wall_clock() -> float:
    """Unix seconds on the running loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, AutojumpLoop)
    return loop.wall_clock()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Like ``asyncio.run``, without the waiting."""
    with asyncio.Runner(loop_factory=AutojumpLoop) as runner:
        return runner.run(main)


def in_virtual_time(scenario: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Makes a test of a coroutine function without arguments, run on this loop."""

    def test() -> None:
        run(scenario())

    test.__name__, test.__doc__ = scenario.__name__, scenario.__doc__
    return test
