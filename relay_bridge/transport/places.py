"""The places that requests take at a listener: how many there are, and for how long a handler may hold one."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from relay_bridge.protocol.limits import RESPONSE_DEADLINE

CHECK_EVERY: Final = 5.0  # seconds between looks for late handlers: one timer for all is cheaper than one for each


class Place:
    """Held from the arrival of a request until its answer has left."""

    __slots__ = ("answering", "key", "late", "since", "task")

    def __init__(self, key: str, since: float, task: asyncio.Task[Any] | None) -> None:
        self.key = key
        self.since = since  # seconds of the loop's clock
        self.task = task
        self.answering = False  # the handler has returned in time; its answer may take as long as it likes
        self.late = False  # it was cancelled because it took too long


class Places:
    """At most ``limit`` places. A handler that has not answered after ``RESPONSE_DEADLINE`` seconds is cancelled: the
    relay has told the sender 504, and what would still come reaches nobody."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: dict[str, Place] = {}  # in the order of arrival
        self._check: asyncio.TimerHandle | None = None
        self.empty = asyncio.Event()
        self.empty.set()

    def __len__(self) -> int:
        return len(self._taken)

    def __contains__(self, key: str) -> bool:
        return key in self._taken

    @property
    def full(self) -> bool:
        return len(self._taken) >= self._limit

    def take(self, key: str, task: asyncio.Task[Any] | None = None) -> Place:
        loop = asyncio.get_running_loop()
        place = self._taken[key] = Place(key, loop.time(), task)
        self.empty.clear()
        if self._check is None:
            self._check = loop.call_later(CHECK_EVERY, self._end_late_handlers)
        return place

    def release(self, place: Place) -> None:
        """Give it back; again is no error."""
        if self._taken.get(place.key) is place:
            del self._taken[place.key]
            if not self._taken:
                self.empty.set()

    def stop(self) -> None:
        """No timer is left behind."""
        if self._check is not None:
            self._check.cancel()
            self._check = None

    def _end_late_handlers(self) -> None:
        loop = asyncio.get_running_loop()
        latest = loop.time() - RESPONSE_DEADLINE
        for place in self._taken.values():
            if place.since > latest:
                break
            if not place.answering and not place.late and place.task is not None:
                place.late = True
                place.task.cancel()
        self._check = loop.call_later(CHECK_EVERY, self._end_late_handlers) if self._taken else None
