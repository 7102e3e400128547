"""``Heartbeat``: a value that must keep changing, or nothing of its source may be believed.

A gauging system whose scanner has died goes on answering, every value in it good and frozen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from relay_bridge.agent.drivers.rest.pointers import MISSING
from relay_bridge.agent.drivers.rest.problems import SettingsError, Trouble
from relay_bridge.agent.drivers.rest.units import Unit


class Heartbeat:
    """What is seen of the heartbeat. ``stale`` in seconds, the longest it may stand still."""

    def __init__(self, unit: Unit, stale: float) -> None:
        if unit.group.interval_s * 2 > stale:
            raise SettingsError("heartbeat: its group must be read twice within stale_s; read it more often")
        self.unit = unit
        self._stale = stale
        self._value: Any = MISSING
        self._changed = asyncio.Event()
        self._since = 0.0

    def saw(self, value: Any) -> None:
        """An answer had this value."""
        if not isinstance(value, str | int | float) or value != value or value == self._value:  # noqa: PLR0124 - NaN
            return
        is_first = self._value is MISSING
        self._value = value
        self._since = asyncio.get_running_loop().time()
        if not is_first:  # the first value is merely the last that was written; a change is life
            self._changed.set()

    async def wait(self, ask: Callable[[Unit], Awaitable[Any]]) -> None:
        """Ask until the value has changed; ``Trouble`` when it does not."""
        loop = asyncio.get_running_loop()
        self._changed.clear()
        end = loop.time() + self._stale
        while not self._changed.is_set():
            began = loop.time()
            await ask(self.unit)
            if self._changed.is_set():
                break
            if loop.time() >= end:
                raise Trouble("the process server's heartbeat stands still", reach="source")
            await asyncio.sleep(max(0.0, began + self.unit.group.interval_s - loop.time()))
        self._since = loop.time()

    async def silence(self, clock: Callable[[], float]) -> Trouble:
        """Wait until the value has stood still for too long."""
        loop = asyncio.get_running_loop()
        rest = self._stale
        while rest > 0:
            await asyncio.sleep(rest)
            rest = self._since + self._stale - loop.time()
        since = datetime.fromtimestamp(clock() - (loop.time() - self._since), UTC)
        return Trouble(f"the process server's heartbeat stands still since {since:%H:%M:%S} UTC", reach="source")
