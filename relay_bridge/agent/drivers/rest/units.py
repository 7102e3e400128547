"""Units: what one request fetches, and where in its answer each tag stands. They are made in grouping.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from relay_bridge.agent.config_rest import RestGroup
from relay_bridge.agent.drivers.rest.fields import Fields, Kind
from relay_bridge.agent.drivers.rest.pointers import MISSING, Tokens, find, parse_pointer
from relay_bridge.agent.drivers.rest.problems import Trouble
from relay_bridge.agent.drivers.rest.values import places_of
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN, Reading

BAD_CONFIGURATION_ERROR = 0x80890000
HEARTBEAT = ""  # the heartbeat's place in its unit: no tag has this id
OTHER_SHAPE = "the process server's answer has another shape than the configured one"


@dataclass(frozen=True)
class RestTag:
    """One tag of the source. ``node`` is ``GROUP#PLACE``."""

    id: str
    node: str
    kind: Kind = "number"


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
