"""``Polling``: keeps what is watched current, as far as the pace allows, and marks what waits too long for its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from relay_bridge.agent.config_rest import RestSource
from relay_bridge.agent.drivers.rest.lateness import LOOK_EVERY, Lateness
from relay_bridge.agent.drivers.rest.present import Present
from relay_bridge.agent.drivers.rest.requests import Requests
from relay_bridge.agent.drivers.rest.schedule import most_overdue, pause_after
from relay_bridge.agent.drivers.rest.units import Unit

ALIVE: Final = 2.0  # seconds between two looks at a source that nobody watches
PREFERRED_IN_A_ROW: Final = 3  # then whatever waits longest has its turn


class Polling:
    """``start`` for every life of the source; whoever starts it ends its tasks. ``beat``: the heartbeat's unit."""

    def __init__(
        self,
        settings: RestSource,
        units: Sequence[Unit],
        beat: Unit | None,
        *,
        present: Present,
        requests: Requests,
        chance: Callable[[], float],
    ) -> None:
        self._units = units
        self._beat = beat
        self._present = present
        self._requests = requests
        self._connections = settings.connections
        self._chance = chance
        self._wake = asyncio.Event()
        self._looked_at = 0.0
        self._in_a_row = 0
        self.lateness = Lateness(self.interval, settings.stale_s)

    @property
    def was_late(self) -> bool:
        """Whether values had to be marked because their turn did not come, within the last minute."""
        return self.lateness.was_late(self._looked_at)

    def start(self) -> list[asyncio.Task[Any]]:
        """The tasks of one life: a worker for each connection, and the look at what is late."""
        workers = [asyncio.create_task(self._work()) for _ in range(self._connections)]
        return [*workers, asyncio.create_task(self._watch_lateness())]

    def wake(self) -> None:
        """Something is due earlier than it was."""
        self._wake.set()

    def active(self) -> list[Unit]:
        """What must be polled: the heartbeat, what is watched, and one unit at least."""
        active = self._present.units
        if self._beat is not None and self._beat not in self._present:
            active.append(self._beat)
        return active or list(self._units[:1])

    def interval(self, unit: Unit) -> float:
        """Seconds between two requests of ``unit`` as they are wanted now."""
        is_wanted = unit in self._present or unit is self._beat
        return unit.group.interval_s if is_wanted else max(unit.group.interval_s, ALIVE)

    def _next(self, now: float) -> Unit | None:
        """What is due next: what people look at first, but not always, or nothing would be recorded meanwhile."""
        active = self.active()
        if self._in_a_row < PREFERRED_IN_A_ROW:
            unit = most_overdue(active, now, self.interval, first=self._beat, among=self._present.preferred)
            if unit is not None and unit.due <= now:
                self._in_a_row += 1
                return unit
        self._in_a_row = 0
        return most_overdue(active, now, self.interval, first=self._beat)

    async def _watch_lateness(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self._looked_at = asyncio.get_running_loop().time()
            self._present.mark_stale(self.lateness.look(self._looked_at), waiting=False)

    async def _work(self) -> None:
        """Poll whatever is most overdue in proportion to how often it is wanted, the heartbeat before anything else."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            unit = self._next(loop.time())
            if unit is None or unit.due > loop.time():
                rest = unit.due - loop.time() if unit is not None else ALIVE
                try:
                    async with asyncio.timeout(max(rest, 0.001)):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                continue
            unit.is_busy = True
            began = loop.time()
            unit.due = began + self.interval(unit)
            try:
                await asyncio.wait([self._requests.ask(unit)])
            finally:
                unit.is_busy = False
            if unit.failures:
                unit.due = max(unit.due, began + pause_after(unit, self.interval(unit), self._chance()))
