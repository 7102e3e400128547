"""``JournalReader``: the alarms of a DeltaV Edge node, rebuilt by replaying its journal of alarms and events.

The node tells what happened, never what is. So the newest row of each alarm says how it stands: listed while it is
active or unacknowledged. An alarm older than the journal's span that nothing happened to since is not seen.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from relay_bridge.agent.drivers.abilities import AlarmEvent, AlarmRef
from relay_bridge.agent.drivers.foreign_text import MAX_WORDS, foreign_text
from relay_bridge.agent.drivers.rest.alarms import MAX_ALARMS, AlarmNews
from relay_bridge.agent.drivers.rest.conversation import Conversation
from relay_bridge.agent.drivers.rest.pointers import find
from relay_bridge.agent.drivers.rest.problems import Trouble
from relay_bridge.agent.drivers.rest.templates import fill_path
from relay_bridge.agent.drivers.rest.times import format_time, parse_time
from relay_bridge.agent.drivers.rest.units import OTHER_SHAPE
from relay_bridge.agent.drivers.rest.values import scalar_text

PAGE: Final = 1000  # rows asked for at once; the node takes up to 10 000
MAX_PAGES: Final = 200
OVERLAP: Final = 60_000  # ms that are read again: rows come in late, and not in order
AHEAD: Final = 3_600_000  # ms after now to ask for: the node's clock may be ahead of this machine's
_PATH: Final = "/edge/api/v1/ae?StartTime={from}&EndTime={to}&PS={size}&PN={page}&eventType=ALARM"
_TIMES: Final = ("dateTime", "timeOfLastChange", "timeSent", "timeOfOccurrence")  # v1 has the first, v2 the others
# Level by its first letters ("ADV-5" is an advisory), else by DeltaV's priorities.
_LEVELS: Final = {"CRIT": 900, "WARN": 700, "ADV": 500, "LOG": 200}
_PRIORITIES: Final = ((12, 900), (8, 700), (5, 500), (0, 200))
_UNKNOWN_LEVEL: Final = 900  # better too high in the list than too low
_HIDDEN: Final = ("SUPP", "SHELV", "DISAB", "OOS")


class JournalReader:
    """What is listed, over all connections. ``hours``: how far back the first reading goes."""

    def __init__(self, source: str, hours: int, nodes: Iterable[str], clock: Callable[[], float] | None = None) -> None:
        self._source = source
        self._span = hours * 3_600_000
        self._clock = clock or time.time
        self._node_of: dict[str, str] = {}
        for node in nodes:  # SYSTEM/MODULE/...: the first tag of a module stands for its alarms
            parts = node.split("/")
            if len(parts) > 2:
                self._node_of.setdefault(parts[1], node)
        self._states: dict[str, AlarmEvent] = {}  # the newest of each alarm; closed ones only while they may matter
        self._seen: dict[bytes, int] = {}  # rows by their hash, and their time
        self._newest: int | None = None

    async def read(self, talk: Conversation) -> AlarmNews:
        """Read on from where the last reading ended. ``Trouble``, and then nothing has changed here."""
        now = int(self._clock() * 1000)
        start = now - self._span
        if self._newest is not None:
            start = max(start, self._read_from())
        rows = await self._rows(talk, start, now + AHEAD)
        passed = self.replay(rows)
        return AlarmNews({name: alarm for name, alarm in self._states.items() if alarm.retain}, passed)

    def replay(self, rows: Iterable[Mapping[str, Any]]) -> list[AlarmEvent]:
        """Take rows as the node sends them, newest first; the changes they make, oldest first."""
        timed = [(_time_of(row), row) for row in rows]
        timed.reverse()
        timed.sort(key=lambda pair: pair[0])  # stable: rows of one millisecond keep their order
        passed = []
        for moment, row in timed:
            mark = hashlib.sha256(json.dumps(row, sort_keys=True).encode()).digest()[:16]
            if mark in self._seen:
                continue
            self._seen[mark] = moment
            self._newest = max(self._newest or 0, moment)
            alarm = self._alarm(row, moment, mark)
            known = self._states.get(alarm.ref.condition)
            if known is not None and known.time > moment:
                continue  # it came in late, and is history already
            self._states[alarm.ref.condition] = alarm
            passed.append(alarm)
        self._forget()
        return passed

    def _read_from(self) -> int:
        """Where the next reading begins. One row from the future must not hide what happens until then."""
        return min(self._newest or 0, int(self._clock() * 1000)) - OVERLAP

    def _forget(self) -> None:
        """Rows that will not be read again, and closed alarms that no late row can concern."""
        if self._newest is None:
            return
        before = self._read_from() - OVERLAP
        self._seen = {mark: moment for mark, moment in self._seen.items() if moment >= before}
        self._states = {name: alarm for name, alarm in self._states.items() if alarm.retain or alarm.time >= before}

    async def _rows(self, talk: Conversation, start: int, end: int) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        values = {"from": format_time(start, "iso"), "to": format_time(end, "iso"), "size": str(PAGE)}
        for page in range(1, MAX_PAGES + 1):
            document = await talk.document("GET", fill_path(_PATH, {**values, "page": str(page)}), urgent=True)
            part = find(document, ("alarmsAndEvents",))
            if not isinstance(part, list) or not all(isinstance(row, dict) for row in part):
                raise Trouble(OTHER_SHAPE)
            rows += part
            if not part or not _has_next(document):
                return rows
        raise Trouble(f"the journal has more than {MAX_PAGES * PAGE} rows to replay; lower alarm_hours")

    def _alarm(self, row: Mapping[str, Any], moment: int, mark: bytes) -> AlarmEvent:
        module, parameter = _text(row, "module"), _text(row, "parameter")
        condition = "/".join((_text(row, "area"), _text(row, "unit"), module, parameter))
        if len(self._states) >= MAX_ALARMS and condition not in self._states:
            raise Trouble(f"the journal speaks of more than {MAX_ALARMS} alarms")
        state = _text(row, "state").upper()
        first, _, second = state.partition("/")
        is_known = first in {"ACT", "INACT"} and second in {"ACK", "UNACK"}
        # A state that is not understood is shown as a new alarm: hiding it would be worse.
        active, acknowledged = (first == "ACT", second == "ACK") if is_known else (True, False)
        hidden = any(word in state for word in _HIDDEN)
        return AlarmEvent(
            ref=AlarmRef(self._source, condition),
            event=mark,
            time=moment,
            severity=_severity(row),
            active=active,
            acknowledged=acknowledged,
            retain=active or not acknowledged,
            name=foreign_text("/".join(part for part in (module, parameter) if part) or condition, MAX_WORDS),
            condition_type=foreign_text(_text(row, "category")),
            node=self._node_of.get(module, ""),
            message=foreign_text(_text(row, "desc2") or _text(row, "desc1")),
            suppressed=hidden,
            limit_state=foreign_text(_text(row, "desc1")),
        )


def _time_of(row: Mapping[str, Any]) -> int:
    for name in _TIMES:
        moment = parse_time(row.get(name), "iso")
        if moment is not None:
            return moment
    raise Trouble(OTHER_SHAPE)


def _has_next(document: Any) -> bool:
    """Whether there is another page. Only whether: the link itself names a host, and is not followed.

    A node that says nothing of pages is asked for the next one until it is empty.
    """
    links = find(document, ("paging", "links"))
    if not isinstance(links, list):
        return True
    return any(isinstance(link, dict) and link.get("name") == "next" for link in links)


def _severity(row: Mapping[str, Any]) -> int:
    level = _text(row, "level").upper()
    for prefix, severity in _LEVELS.items():
        if level.startswith(prefix):
            return severity
    priority = row.get("priority")
    if isinstance(priority, int) and not isinstance(priority, bool) and priority >= 0:
        return next(severity for least, severity in _PRIORITIES if priority >= least)
    return _UNKNOWN_LEVEL


def _text(row: Mapping[str, Any], name: str) -> str:
    return (scalar_text(row.get(name)) or "")[:MAX_WORDS]
