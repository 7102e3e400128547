"""What the plant said, as the recorder wrote it down: every reading, every state of every alarm, every sign of life."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

FOREVER = 1 << 62


@dataclass(frozen=True)
class Said:
    """One reading; ``at`` is when it was received, ``time`` what the source says. Epoch ms."""

    at: int
    time: int
    value: Any
    status: int


@dataclass
class Standing:
    """An alarm in one state, ``start`` to ``end`` (epoch ms; for ever while nothing else was said)."""

    condition: str
    event: str
    start: int
    active: bool
    acknowledged: bool
    severity: int
    message: str
    end: int = FOREVER


@dataclass
class Record:
    """``whole``: from when until when the recorder knew all that stands."""

    values: dict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))
    life: list[int] = field(default_factory=list)
    standings: dict[str, list[Standing]] = field(default_factory=lambda: defaultdict(list))  # by event
    whole: list[tuple[int, int]] = field(default_factory=list)
    _by_time: dict[str, dict[int, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, lines: Iterable[str]) -> Record:
        record, open_, since = cls(), {}, 0
        for line in lines:
            try:
                kind, at, *facts = json.loads(line)
            except ValueError:
                continue  # the last line of a recorder that was stopped
            if kind == "value":
                node, time, value, status = facts
                record.values[node].append(Said(at, time, value, status))
            elif kind == "life":
                record.life.append(at)
            elif kind == "event":
                record._event(at, facts, open_)
            elif kind == "whole":
                since = since or at
            elif kind == "down":
                if since:
                    record.whole.append((since, at))
                since = 0
                for standing in open_.values():
                    standing.end = at
                open_.clear()
        if since:
            record.whole.append((since, FOREVER))
        return record

    def _event(self, at: int, facts: list[Any], open_: dict[str, Standing]) -> None:
        condition, event, time, active, acknowledged, retained, severity, message = facts
        before = open_.get(condition)
        start = min(at, time)
        if before is not None and before.event == event:
            return  # told again by a refresh
        if before is not None:
            before.end = start
            del open_[condition]
        if retained:
            standing = Standing(condition, event, start, active, acknowledged, severity, message)
            open_[condition] = standing
            self.standings[event].append(standing)

    def find(self, node: str, time: int) -> int | None:
        """Where in ``values[node]`` the last reading of that source time stands."""
        found = self._by_time.get(node)
        if found is None:
            found = self._by_time[node] = {said.time: index for index, said in enumerate(self.values[node])}
        return found.get(time)

    def lived(self, start: int, end: int) -> bool:
        """Whether the plant's own clock moved then."""
        return bisect_left(self.life, start) < bisect_right(self.life, end)

    def knew_all(self, start: int, end: int) -> bool:
        return any(since <= start and end <= until for since, until in self.whole)
