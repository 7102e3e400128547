"""``Fields``: value, time and quality inside one place of an answer, as the configuration points at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from relay_bridge.agent.config_rest import QualityMap, RestGroup, RestHistory
from relay_bridge.agent.drivers.base import CLOCK_TOLERANCE
from relay_bridge.agent.drivers.rest.pointers import MISSING, Tokens, find, parse_pointer
from relay_bridge.agent.drivers.rest.problems import SettingsError
from relay_bridge.agent.drivers.rest.templates import fill_pointer
from relay_bridge.agent.drivers.rest.times import parse_time
from relay_bridge.agent.drivers.rest.values import quality_from, value_from
from relay_bridge.contract.readings import (
    GOOD,
    UNCERTAIN,
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE,
    Reading,
    quality_class,
)

AHEAD = round(CLOCK_TOLERANCE * 1000)  # ms that a time may lie in the future: two clocks are never the same
Kind = Literal["number", "text", "bool"]


class Fields:
    """Value, time and quality inside one place of an answer."""

    def __init__(
        self, section: RestGroup | RestHistory, values: Mapping[str, str], max_age_s: float | None = None
    ) -> None:
        def tokens(pointer: str) -> Tokens:
            return parse_pointer(fill_pointer(pointer, values))

        self._value = tokens(section.value)
        self._time = tokens(section.time) if section.time is not None else None
        self._form = section.time_format
        self._quality = tokens(section.quality) if section.quality is not None else None
        self._how, self._table = section.quality_as, section.quality_map
        self._max_age = max_age_s * 1000 if max_age_s is not None else None

    def has_value(self, place: Any) -> bool:
        return find(place, self._value) is not MISSING

    def raw(self, place: Any) -> Any:
        return find(place, self._value)

    def time(self, place: Any) -> int | None:
        """Epoch ms of the sample, ``None`` when there is none to be read."""
        return parse_time(find(place, self._time), self._form) if self._time is not None else None

    def reading(self, place: Any, kind: Kind, received: int) -> Reading:
        """The reading in ``place``. ``received`` (epoch ms) is its time when the source tells none."""
        status = self._status(place)
        value, status = value_from(find(place, self._value), kind, status)
        time = received
        if self._time is not None and value is not None:
            told = self.time(place)
            if told is not None and told <= received + AHEAD:
                time = min(told, received)
                if self._max_age is not None and received - told > self._max_age and quality_class(status) == "good":
                    status = UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE
            elif quality_class(status) == "good":
                # How old it is cannot be told, so it must not look sure: asked again and again, it would look new.
                status = UNCERTAIN
        return Reading(value, time, status)

    def _status(self, place: Any) -> int:
        if self._quality is None:
            return GOOD
        raw = find(place, self._quality)
        if raw is MISSING and self._how == "fieldbus":
            return GOOD  # a parameter without a status has none to be bad
        return quality_from(raw, self._how, self._table)


def check_quality(pointer: str | None, how: str, table: QualityMap, where: str) -> None:
    """A quality whose meaning is not configured would be taken for bad for ever: said before the start."""
    if pointer is not None and how == "map" and not table:
        raise SettingsError(
            f"{where}: quality needs quality_map, or quality_as for the codes of opcua, opcda, fieldbus"
        )
    if pointer is None and table:
        raise SettingsError(f"{where}: quality_map needs quality, the pointer to it")
