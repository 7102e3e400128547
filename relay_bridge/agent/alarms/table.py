"""``AlarmTable``: every alarm of the site that stands, in bounded room, with those who want to hear of changes.

A source that goes down changes nothing here: its rows stay as they were, its state tells that they may be old, and the
refresh after its return decides which of them still stand.

When the table is full the least important goes: first what is cleared and acknowledged, then the lowest severity, then
the oldest. That is counted, said in the log, and told to every receiver (``AlarmCounts.dropped``).
"""

from __future__ import annotations

import heapq
import itertools
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from relay_bridge.agent.alarms.identity import alarm_id
from relay_bridge.agent.alarms.rows import RowMaker, is_doubted, transitions, when
from relay_bridge.agent.drivers.abilities import AlarmEvent, AlarmRef
from relay_bridge.contract.alarms import AlarmRow, JournalKind

MOST = 10_000  # alarms: about 15 MB
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """One alarm that stands: its row, and what its source calls it and this occurrence."""

    row: AlarmRow
    ref: AlarmRef
    event: bytes
    version: int


class Listener(Protocol):
    """Who hears of changes. Called synchronously; must neither wait nor raise."""

    def alarm_changed(self, before: AlarmRow | None, after: AlarmRow | None) -> None:
        """A row is new (``before`` None), changed, or left the list (``after`` None)."""

    def dropped_changed(self) -> None:
        """``AlarmTable.dropped`` changed."""


class AlarmTable:
    """The ``AlarmSink`` of every driver. ``note`` gets every event for the journal, with its time in epoch ms."""

    def __init__(
        self,
        rows: RowMaker,
        wall_ms: Callable[[], int],
        note: Callable[[JournalKind, AlarmRow, int], None],
        *,
        most: int = MOST,
    ) -> None:
        self._rows = rows
        self._wall_ms = wall_ms
        self._note = note
        self._most = most
        self._standing: dict[str, Standing] = {}
        self._versions = itertools.count(1)
        self._order: list[tuple[bool, int, int, str]] = []  # (matters, severity, version, id): the first goes first
        self._listeners: set[Listener] = set()
        self._repeated: dict[str, set[str]] = {}  # by source: what the running refresh told
        self._dropped: dict[str, int] = {}

    # --- looking --------------------------------------------------------------------------------------------------

    def rows(self) -> list[AlarmRow]:
        return [standing.row for standing in self._standing.values()]

    def find(self, alarm: str) -> Standing | None:
        return self._standing.get(alarm)

    def __len__(self) -> int:
        return len(self._standing)

    @property
    def dropped(self) -> int:
        """How many alarms found no room since their sources last told everything."""
        return sum(self._dropped.values())

    def join(self, listener: Listener) -> None:
        self._listeners.add(listener)

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    # --- AlarmSink ------------------------------------------------------------------------------------------------

    def alarm(self, event: AlarmEvent) -> None:
        self.put(event)

    def put(self, event: AlarmEvent, *, agent: bool = False, quiet: bool = False) -> None:
        """Take one change of state. ``agent``: made by this agent. ``quiet``: already in the journal."""
        name = alarm_id(event.ref)
        source = event.ref.source
        known = self._standing.get(name)
        before = known.row if known is not None else None
        repeated = self._repeated.get(source)
        if repeated is not None and event.retain:
            repeated.add(name)
        if before is None and not event.retain:
            return
        after = self._rows.row(event, before, agent=agent)
        if not event.retain and not is_doubted(event, before):
            self._journal(before, after)
            self._remove(name)
            return
        if known is not None and after == before:
            self._standing[name] = Standing(after, event.ref, event.event, known.version)
            return
        # An alarm that was acknowledged long ago and is only now seen became active at a time that nobody knows.
        if not quiet and not (before is None and repeated is not None and after.ack and not event.since):
            self._journal(before, after)
        if before is None and len(self._standing) >= self._most and not self._make_room(after):
            self._count_dropped(source)
            return
        standing = Standing(after, event.ref, event.event, next(self._versions))
        self._standing[name] = standing
        self._remember_order(standing)
        self._tell(before, after)

    def refresh_began(self, source: str) -> None:
        self._repeated[source] = set()
        self._set_dropped(source, 0)

    def refresh_ended(self, source: str) -> None:
        repeated = self._repeated.pop(source, None)
        if repeated is None:
            return
        lost = [name for name, s in self._standing.items() if s.ref.source == source and not s.row.agent]
        for name in lost:
            if name not in repeated:
                self._note("gone", self._standing[name].row, self._wall_ms())
                self._remove(name)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _journal(self, before: AlarmRow | None, after: AlarmRow) -> None:
        now = self._wall_ms()
        for kind in transitions(before, after):
            self._note(kind, after, when(kind, after, now))

    def _remove(self, name: str) -> None:
        standing = self._standing.pop(name)
        self._tell(standing.row, None)

    def _tell(self, before: AlarmRow | None, after: AlarmRow | None) -> None:
        for listener in self._listeners:
            listener.alarm_changed(before, after)

    def _make_room(self, newcomer: AlarmRow) -> bool:
        """Let the least important go; False when that is ``newcomer`` itself."""
        while self._order:
            matters, severity, version, name = self._order[0]
            standing = self._standing.get(name)
            if standing is None or standing.version != version:
                heapq.heappop(self._order)  # it changed since, and stands elsewhere in the order
                continue
            if (matters, severity) > (_matters(newcomer), newcomer.sev):
                return False
            heapq.heappop(self._order)
            self._note("gone", standing.row, self._wall_ms())
            self._remove(name)
            self._count_dropped(standing.ref.source)
            return True
        return False

    def _remember_order(self, standing: Standing) -> None:
        row = standing.row
        heapq.heappush(self._order, (_matters(row), row.sev, standing.version, row.id))
        if len(self._order) > 4 * max(len(self._standing), 256):
            self._order = _ordered(self._standing.values())

    def _count_dropped(self, source: str) -> None:
        count = self._dropped.get(source, 0)
        if not count:
            logger.error(
                "The alarm list is full (%d): the least important alarms of %s are left out.", self._most, source
            )
        self._set_dropped(source, count + 1)

    def _set_dropped(self, source: str, count: int) -> None:
        if self._dropped.get(source, 0) != count:
            self._dropped[source] = count
            for listener in self._listeners:
                listener.dropped_changed()


def _matters(row: AlarmRow) -> bool:
    return row.act or not row.ack


def _ordered(standing: Iterable[Standing]) -> list[tuple[bool, int, int, str]]:
    order = [(_matters(s.row), s.row.sev, s.version, s.row.id) for s in standing]
    heapq.heapify(order)
    return order
