"""``Lateness``: whose next answer waits so long that the last one may not be taken for the present any more.

Where more is watched than ``requests_per_second`` allows, or answers take long, requests are made less often than their
group says. Nothing fails then, and the source is well; but a value that is not fresh must not look fresh.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from relay_bridge.agent.drivers.rest.units import Unit

LOOK_EVERY: Final = 0.5  # seconds
REMEMBERED: Final = 60.0  # seconds: lateness comes and goes with every answer, and is one state and not a hundred


class Lateness:
    """Times in seconds of the event loop's clock. ``interval``: how often a unit is wanted; ``stale``: how much later
    its answer may come."""

    def __init__(self, interval: Callable[[Unit], float], stale: float) -> None:
        self._interval = interval
        self._stale = stale
        self._answered: dict[Unit, float] = {}  # whose values look fresh, and since when
        self._last: float | None = None  # when something was late last

    def answered(self, unit: Unit, now: float) -> None:
        """Its values look fresh from now on."""
        self._answered[unit] = now

    def forget(self, unit: Unit) -> None:
        """Nobody watches it, or its values were marked for another reason: until its next answer it is not late."""
        self._answered.pop(unit, None)

    def clear(self) -> None:
        """The source is gone, and with it everything that looked fresh."""
        self._answered.clear()

    def look(self, now: float) -> list[Unit]:
        """Those whose values are to be marked now; each once until its next answer."""
        late = [
            unit for unit, since in self._answered.items() if now - since > self._interval(unit) + self._stale
        ]  # fmt: skip
        for unit in late:
            del self._answered[unit]
        if late:
            self._last = now
        return late

    def was_late(self, now: float) -> bool:
        """Whether something was late within ``REMEMBERED``."""
        return self._last is not None and now - self._last < REMEMBERED
