"""Alarms by polling: what the source lists now is compared with what it listed before, and the changes are told."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from relay_bridge.agent.config_rest import RestAlarms
from relay_bridge.agent.drivers.abilities import AckRefused, AlarmEvent, AlarmRef, AlarmSink
from relay_bridge.agent.drivers.foreign_text import MAX_WORDS, foreign_text
from relay_bridge.agent.drivers.rest.conversation import Conversation
from relay_bridge.agent.drivers.rest.pointers import find, parse_pointer
from relay_bridge.agent.drivers.rest.problems import SettingsError, Trouble
from relay_bridge.agent.drivers.rest.templates import check_template
from relay_bridge.agent.drivers.rest.times import parse_time
from relay_bridge.agent.drivers.rest.units import OTHER_SHAPE
from relay_bridge.agent.drivers.rest.values import matches, scalar_text
from relay_bridge.contract.errors import RequestRefused

MAX_ALARMS: Final = 20_000  # in one list
MAX_ID: Final = 1000  # characters of an alarm's own id
NO_SEVERITY: Final = 500  # where the source tells none
UNKNOWN_SEVERITY: Final = 1000  # one that is told and not understood: better too high in the list than too low


@dataclass(frozen=True)
class AlarmNews:
    """``current``: what is to be listed, by condition. ``passed``: changes since the last time, oldest first."""

    current: Mapping[str, AlarmEvent]
    passed: list[AlarmEvent] = field(default_factory=list)


class AlarmReader(Protocol):
    """How a source's alarms are read."""

    async def read(self, talk: Conversation) -> AlarmNews:
        """Ask the source; ``Trouble``."""


class Acknowledger(Protocol):
    """How one of them is acknowledged; loaded only where the site allows it."""

    async def acknowledge(self, talk: Conversation, alarm: AlarmEvent, comment: str, deadline: float) -> None: ...


class AlarmPolling:
    """Reads alarms every ``interval`` seconds while somebody wants them. ``trouble``: why it cannot."""

    def __init__(
        self, source: str, reader: AlarmReader, interval: float, acknowledger: Acknowledger | None = None
    ) -> None:
        self.trouble: Trouble | None = None
        self._source = source
        self._reader = reader
        self._interval = interval
        self._acknowledger = acknowledger
        self._sink: AlarmSink | None = None
        self._told: dict[str, AlarmEvent] | None = None  # None: begin with a refresh
        self._wanted = asyncio.Event()

    @property
    def capabilities(self) -> set[str]:
        return {"alarms", "ack"} if self._acknowledger is not None else {"alarms"}

    @property
    def load(self) -> float:
        """Requests a second that it takes while somebody wants alarms."""
        return 1 / self._interval

    def watch(self, sink: AlarmSink | None) -> None:
        """From now on tell ``sink``, beginning with everything there is."""
        self._sink = sink
        self._told = None
        if sink is not None:
            self._wanted.set()
        else:
            self._wanted.clear()
            self.trouble = None

    async def run(self, talk: Conversation, judge: Callable[[], None]) -> None:
        """Poll until cancelled; ``judge`` is called when ``trouble`` may have changed."""
        self._told = None
        loop = asyncio.get_running_loop()
        while True:
            await self._wanted.wait()
            began = loop.time()
            try:
                news = await self._reader.read(talk)
            except Trouble as trouble:
                self.trouble = trouble
            else:
                self.trouble = None
                self._tell(news)
            judge()
            await asyncio.sleep(max(self._interval - (loop.time() - began), self._interval / 4))

    async def acknowledge(self, talk: Conversation, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None:
        """Acknowledge what was seen, if it is still what is there."""
        if self._acknowledger is None:
            raise AckRefused("denied", "This source's alarms cannot be acknowledged from here.")
        if self.trouble is not None:
            # The list is as old as the trouble, and what was shown may be another occurrence by now.
            raise RequestRefused("source_down", f"The source's alarms cannot be read now: {self.trouble.reason}.")
        alarm = (self._told or {}).get(ref.condition)
        if alarm is None:
            raise AckRefused("gone", "The alarm is not in the source's list any more.")
        if alarm.event != event:
            raise AckRefused("stale", "The alarm has changed since it was shown.")
        if alarm.acknowledged:
            raise AckRefused("already", "The alarm is acknowledged already.")
        await self._acknowledger.acknowledge(talk, alarm, comment, deadline)

    def _tell(self, news: AlarmNews) -> None:
        sink = self._sink
        if sink is None:
            return
        if self._told is None:
            sink.refresh_began(self._source)
            for alarm in news.current.values():
                sink.alarm(alarm)
            sink.refresh_ended(self._source)
            self._told = dict(news.current)
            return
        told = self._told
        for alarm in news.passed:
            sink.alarm(alarm)
            told[alarm.ref.condition] = alarm
        for condition, alarm in news.current.items():
            if told.get(condition) != alarm:
                sink.alarm(alarm)
        for condition, alarm in told.items():
            if condition not in news.current and alarm.retain:
                sink.alarm(replace(alarm, active=False, retain=False))
        self._told = dict(news.current)


class ListReader:
    """A source that lists its current alarms. ``nodes``: the node of a tag, by its place at the source."""

    def __init__(self, source: str, settings: RestAlarms, nodes: Mapping[str, str]) -> None:
        check_template(settings.path, "alarms.path", may=())
        self._source = source
        self._settings = settings
        self._nodes = nodes
        self._rows = parse_pointer(settings.rows)
        names = ("row_id", "event", "name", "node", "message", "time", "severity", "active", "acknowledged")
        self._at = {name: parse_pointer(pointer) for name in names if (pointer := getattr(settings, name)) is not None}
        if settings.severity_map and settings.severity is None:
            raise SettingsError("alarms: severity_map needs severity, the pointer to it")

    async def read(self, talk: Conversation) -> AlarmNews:
        rows = find(await talk.document("GET", self._settings.path, urgent=True), self._rows)
        if not isinstance(rows, list):
            raise Trouble(OTHER_SHAPE)
        if len(rows) > MAX_ALARMS:
            raise Trouble(f"the process server lists more than {MAX_ALARMS} alarms")
        current: dict[str, AlarmEvent] = {}
        for row in rows:
            alarm = self._alarm(row)
            if alarm.ref.condition in current:
                raise Trouble("the process server lists two alarms under one id")
            current[alarm.ref.condition] = alarm
        return AlarmNews(current)

    def _alarm(self, row: Any) -> AlarmEvent:
        condition = self._id(row, "row_id")
        if not condition:
            raise Trouble(OTHER_SHAPE)
        time = parse_time(self._find(row, "time"), self._settings.time_format) or 0 if "time" in self._at else 0
        active = "active" not in self._at or matches(self._find(row, "active"), self._settings.active_is)
        event = self._id(row, "event") or hashlib.sha256(repr((condition, time, active)).encode()).hexdigest()[:32]
        place = self._text(row, "node")
        return AlarmEvent(
            ref=AlarmRef(self._source, condition),
            event=event.encode(),
            time=time,
            severity=self._severity(row),
            active=active,
            acknowledged="acknowledged" in self._at
            and matches(self._find(row, "acknowledged"), self._settings.acknowledged_is),
            retain=True,
            name=foreign_text(self._text(row, "name") or condition),
            node=self._nodes.get(place, place),
            message=foreign_text(self._text(row, "message")),
        )

    def _severity(self, row: Any) -> int:
        if "severity" not in self._at:
            return NO_SEVERITY
        raw = self._find(row, "severity")
        mapped = self._settings.severity_map.get(scalar_text(raw) or "")
        if mapped is not None:
            return mapped
        is_number = isinstance(raw, int) and not isinstance(raw, bool) and not self._settings.severity_map
        return raw if is_number and 1 <= raw <= 1000 else UNKNOWN_SEVERITY

    def _find(self, row: Any, name: str) -> Any:
        return find(row, self._at[name])

    def _id(self, row: Any, name: str) -> str:
        """Whole or not at all: one that was cut off could be another alarm's when it is acknowledged."""
        text = (scalar_text(self._find(row, name)) or "") if name in self._at else ""
        if len(text) > MAX_ID:
            raise Trouble(f"the process server names an alarm with more than {MAX_ID} characters")
        return text

    def _text(self, row: Any, name: str) -> str:
        return (scalar_text(self._find(row, name)) or "")[:MAX_WORDS] if name in self._at else ""
