"""``Demand``: how many requests a second the configuration asks of a source, held against how many it allows."""

from __future__ import annotations

from collections.abc import Iterable

from relay_bridge.agent.config_rest import RestSource
from relay_bridge.agent.drivers.base import Load
from relay_bridge.agent.drivers.rest.alarms import AlarmPolling
from relay_bridge.agent.drivers.rest.units import Unit


class Demand:
    """``beat``: the heartbeat's unit, which is asked for in any case, as alarms are."""

    def __init__(self, settings: RestSource, beat: Unit | None, alarms: AlarmPolling | None) -> None:
        self._settings = settings
        self._beat = [beat] if beat is not None else []
        self._alarms = alarms

    def of(self, units: Iterable[Unit]) -> Load:
        """What it takes to read ``units`` as often as their groups say."""
        alarms = self._alarms.load if self._alarms is not None else 0.0
        wanted = sum(1 / unit.group.interval_s for unit in {*units, *self._beat})
        return Load(wanted + alarms, self._settings.requests_per_second)

    def notes(self, units: Iterable[Unit]) -> list[str]:
        """What it means that all ``units`` may be watched, in sentences for ``check``."""
        units = list(units)
        load = self.of(units)
        lines = [
            f"at most {load.allowed:g} requests a second over {self._settings.connections} connections; "
            f"all tags watched, {len(units)} requests are to be made again and again, {load.wanted:.1f} a second"
        ]
        if load.is_too_much:
            lines.append(
                f"that is more than allowed: with all watched at once each value is read "
                f"{load.wanted / load.allowed:.1f} times less often, and marked while it is more than "
                f"{self._settings.stale_s:g} s late"
            )
        return lines

    def warnings(self, watched: Iterable[Unit]) -> list[str]:
        """Why values come late while ``watched`` is, and what to do."""
        load = self.of(watched)
        if load.is_too_much:
            why = f"more is watched than {load.allowed:g} requests a second can read: raise requests_per_second"
        else:
            why = "its answers take too long for all that is watched: raise connections"
        return [f"{why}, or read groups less often; what comes late is marked"]
