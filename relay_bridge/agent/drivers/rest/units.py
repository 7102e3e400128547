"""Units: what one request fetches, and where in its answer each tag stands. Calculated from the configuration.

A group without ``{id}`` is one unit (or one for each ``batch`` of ids); a group with ``{id}`` is one unit a tag.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from relay_bridge.agent.config_rest import QualityMap, RestGroup, RestHistory
from relay_bridge.agent.drivers.base import CLOCK_TOLERANCE
from relay_bridge.agent.drivers.rest.pointers import MISSING, Tokens, find, parse_pointer
from relay_bridge.agent.drivers.rest.problems import SettingsError, Trouble
from relay_bridge.agent.drivers.rest.templates import MAX_PATH, check_template, fill_path, fill_pointer
from relay_bridge.agent.drivers.rest.times import parse_time
from relay_bridge.agent.drivers.rest.values import places_of, quality_from, value_from
from relay_bridge.contract.readings import (
    BAD_NODE_ID_UNKNOWN,
    GOOD,
    UNCERTAIN,
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE,
    Reading,
    quality_class,
)

BAD_CONFIGURATION_ERROR = 0x80890000
AHEAD = round(CLOCK_TOLERANCE * 1000)  # ms that a time may lie in the future: two clocks are never the same
HEARTBEAT = ""  # the heartbeat's place in its unit: no tag has this id
OTHER_SHAPE = "the process server's answer has another shape than the configured one"
Kind = Literal["number", "text", "bool"]
# What ``{...}`` stands for, from what stands behind the # of a node.
PlaceValues = Callable[[str], Mapping[str, str]]


@dataclass(frozen=True)
class RestTag:
    """One tag of the source. ``node`` is ``GROUP#PLACE``."""

    id: str
    node: str
    kind: Kind = "number"


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


class Found:
    """An answer, opened: the reading of any tag of its unit."""

    def __init__(self, unit: Unit, places: Callable[[str], Any], received: int) -> None:
        self._unit, self._places, self.received = unit, places, received

    def reading(self, tag: str) -> Reading:
        """What the answer says of ``tag``."""
        place = self._places(tag)
        if place is _TWICE:
            return Reading(None, self.received, BAD_CONFIGURATION_ERROR)
        if place is MISSING:
            return Reading(None, self.received, BAD_NODE_ID_UNKNOWN)
        fields, kind = self._unit.fields, self._unit.tags[tag].kind
        if kind == "number" and (places := places_of(fields.raw(place))) is not None:
            self._unit.digits[tag] = max(places, self._unit.digits.get(tag, 0))
        return fields.reading(place, kind, self.received)

    def beat(self) -> Any:
        """The raw value of the heartbeat; ``MISSING`` when it is not there."""
        place = self._places(HEARTBEAT)
        return MISSING if place is MISSING or place is _TWICE else self._unit.fields.raw(place)


class _Twice:
    """A row's id that two rows have: which of them is meant cannot be known."""


_TWICE = _Twice()


@dataclass(eq=False)
class Unit:
    """One request, its tags, and how it has been going. Times in seconds of the event loop's clock."""

    group: RestGroup
    path: str
    fields: Fields
    tags: dict[str, RestTag] = field(default_factory=dict)
    places: dict[str, Tokens] = field(default_factory=dict)  # by tag; where there are no rows
    row_ids: dict[str, str] = field(default_factory=dict)  # by tag; where there are
    digits: dict[str, int] = field(default_factory=dict)  # by tag: most places behind the point that were written
    due: float = 0.0
    is_busy: bool = False
    failures: int = 0
    trouble: Trouble | None = None
    sent: int = 0  # requests sent, and the newest whose answer was taken
    taken: int = 0
    waiting: asyncio.Task[Found] | None = None  # a request that has not gone out yet; whoever asks may share it

    @property
    def is_single(self) -> bool:
        """It fetches one tag alone."""
        return "{" in self.group.path

    @property
    def hangs(self) -> bool:
        """Its last request was not answered at all."""
        return self.trouble is not None and self.trouble.reach == "wire"

    def open(self, document: Any, received: int) -> Found:
        """The readings in ``document``; ``Trouble`` when its shape is not the configured one."""
        places = self._rows(document) if self.group.rows is not None else self._pointed(document)
        if not self.is_single and not any(_holds(self.fields, places(tag)) for tag in (*self.tags, HEARTBEAT)):
            raise Trouble(OTHER_SHAPE)
        return Found(self, places, received)

    def _pointed(self, document: Any) -> Callable[[str], Any]:
        return lambda tag: find(document, self.places[tag]) if tag in self.places else MISSING

    def _rows(self, document: Any) -> Callable[[str], Any]:
        rows = find(document, parse_pointer(self.group.rows or ""))
        if not isinstance(rows, list):
            raise Trouble(OTHER_SHAPE)
        pointer = parse_pointer(self.group.row_id or "")
        wanted = set(self.row_ids.values())
        by_id: dict[str, Any] = {}
        for row in rows:
            name = find(row, pointer)
            key = name if isinstance(name, str) else str(name) if type(name) is int else None
            if key in wanted:
                by_id[key] = _TWICE if key in by_id else row
        return lambda tag: by_id.get(self.row_ids.get(tag, "\0"), MISSING)


def _holds(fields: Fields, place: Any) -> bool:
    return place is not MISSING and (place is _TWICE or fields.has_value(place))


def _id_values(place: str) -> Mapping[str, str]:
    return {"id": place}


def split_node(node: str, groups: Mapping[str, RestGroup], where: str) -> tuple[RestGroup, str]:
    """Group and place of a node; ``SettingsError`` when there is no such group."""
    name, hash_, place = node.partition("#")
    group = groups.get(name)
    if not hash_ or group is None:
        known = ", ".join(groups) or "none"
        raise SettingsError(f"{where}: write its node as GROUP#PLACE; the groups are {known}")
    return group, place


def make_units(
    groups: Sequence[RestGroup],
    tags: Iterable[RestTag],
    heartbeat: str | None = None,
    place_values: PlaceValues = _id_values,
) -> tuple[list[Unit], Unit | None]:
    """Every unit that has a tag, and the one that has the heartbeat. ``SettingsError`` names what cannot be."""
    by_id: dict[str, RestGroup] = {}
    names = sorted(place_values("x"))
    for group in groups:
        if group.id in by_id:
            raise SettingsError(f'the group "{group.id}" is configured twice')
        _check_group(group, names)
        by_id[group.id] = group
    maker = _Maker(place_values)
    for tag in tags:
        group, place = split_node(tag.node, by_id, f'tag "{tag.id}"')
        maker.add(group, place, tag, f'tag "{tag.id}"')
    beating = None
    if heartbeat is not None:
        group, place = split_node(heartbeat, by_id, "heartbeat")
        beating = maker.add(group, place, None, "heartbeat")
    return maker.units, beating


class _Maker:
    """Puts tags into units, in the order of the configuration."""

    def __init__(self, place_values: PlaceValues) -> None:
        self.units: list[Unit] = []
        self._values = place_values
        self._open: dict[tuple[str, str], Unit] = {}
        self._filling: dict[str, tuple[Unit, int]] = {}  # by group: the newest unit, and how many ids it asks for

    def add(self, group: RestGroup, place: str, tag: RestTag | None, where: str) -> Unit:
        try:
            unit = self._unit(group, place)
            name = tag.id if tag is not None else HEARTBEAT
            if group.rows is not None:
                unit.row_ids[name] = place
            else:
                unit.places[name] = () if unit.is_single else parse_pointer(place)
        except SettingsError as error:
            raise SettingsError(f"{where}: {error}") from None
        if tag is not None:
            unit.tags[tag.id] = tag
        return unit

    def _unit(self, group: RestGroup, place: str) -> Unit:
        values = self._values(place) if "{" in group.path else {}
        path = fill_path(group.path, values)
        if group.ids is not None:
            return self._batch(group, place, path)
        # Two tags may stand in one entity: same request, same unit, unless their pointers differ.
        key = (group.id, repr((path, sorted(values.items()))))
        unit = self._open.get(key)
        if unit is None:
            unit = self._open[key] = self._new(group, path, values)
        return unit

    def _batch(self, group: RestGroup, place: str, path: str) -> Unit:
        """The unit that asks for this id, or the newest one of the group while it has room."""
        unit = self._open.get((group.id, place))
        if unit is not None:
            return unit
        asked = f"{group.ids}={quote(place, safe='')}"
        unit, count = self._filling.get(group.id, (None, 0))
        if unit is None or count >= group.batch or len(unit.path) + len(asked) >= MAX_PATH:
            unit, count = self._new(group, path + ("&" if "?" in path else "?") + asked, {}), 0
        else:
            unit.path += f"&{asked}"
        self._filling[group.id] = (unit, count + 1)
        self._open[group.id, place] = unit
        return unit

    def _new(self, group: RestGroup, path: str, values: Mapping[str, str]) -> Unit:
        unit = Unit(group, path, Fields(group, values, group.max_age_s))
        self.units.append(unit)
        return unit


def _check_group(group: RestGroup, names: Sequence[str]) -> None:
    where = f'group "{group.id}"'
    check_template(group.path, f"{where}: path", may=names)
    if (group.rows is None) != (group.row_id is None):
        raise SettingsError(f"{where}: rows and row_id go together")
    if group.ids is not None and group.rows is None:
        raise SettingsError(f"{where}: ids needs rows and row_id, which say whose value is whose")
    if "{" in group.path and group.rows is not None:
        raise SettingsError(f"{where}: a path with a placeholder asks for one tag, so it has no rows")
    if (group.body is not None) != (group.method == "POST"):
        raise SettingsError(f'{where}: body and method = "POST" go together')
    if group.max_age_s is not None and group.time is None:
        raise SettingsError(f"{where}: max_age_s needs time")
    check_quality(group.quality, group.quality_as, group.quality_map, where)
    for pointer in (group.rows, group.row_id, group.value, group.time, group.quality):
        if pointer is not None:
            parse_pointer(fill_pointer(pointer, {}))


def check_quality(pointer: str | None, how: str, table: QualityMap, where: str) -> None:
    """A quality whose meaning is not configured would be taken for bad for ever: said before the start."""
    if pointer is not None and how == "map" and not table:
        raise SettingsError(
            f"{where}: quality needs quality_map, or quality_as for the codes of opcua, opcda, fieldbus"
        )
    if pointer is None and table:
        raise SettingsError(f"{where}: quality_map needs quality, the pointer to it")
