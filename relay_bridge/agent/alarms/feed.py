"""``AlarmFeed``: the alarm list of one session's stream: what its receiver has, and what it is to be sent next.

    turn_on, alarm_changed, acknowledge ...     something happened
    due(now)                                    the moment at which take() may have something to send, or None
    take(now, wall_ms, number)                  the next push, or None

A snapshot of at most ``MAX_ALARMS`` rows, the most severe and newest first, in as many parts as it needs; everything
else follows as changes, most severe first, until the receiver has the whole list. While a receiver is behind it is
sent nothing: a change waits as the name of its alarm, so one that changed a hundred times is sent once, as it is then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from relay_bridge.agent.alarms.pending import Pending
from relay_bridge.agent.alarms.table import AlarmTable
from relay_bridge.contract.alarms import MAX_ALARMS, AlarmCounts, AlarmDelta, AlarmRow, AlarmSnapshot, band_of
from relay_bridge.contract.messages import MAX_MESSAGE
from relay_bridge.contract.update_stream import MAX_UNANSWERED

TICK = 0.25  # seconds between two changes of the list, unless more waits than one message takes
GATHER = 0.02  # seconds: what a source tells in one breath leaves in one push
PUSH_BUDGET = MAX_MESSAGE - 2048  # bytes of rows and names in one push; the rest is for what stands around them
_NAME_COST = 43  # bytes of an alarm id in JSON, at most
_encoder = msgspec.json.Encoder()


class AlarmFeed:
    """The list of one stream; off until ``turn_on``. ``now`` is seconds of a monotonic clock everywhere."""

    def __init__(self, table: AlarmTable, woke: Callable[[], None] = lambda: None) -> None:
        self._table = table
        self.woke = woke  # called when there is something to send where there was nothing
        self._on = False
        self._area: str | None = None
        self._least = 1
        self._tally = _Tally()
        self._told: AlarmCounts | None = None
        self._known: dict[str, AlarmRow] = {}  # what the receiver has
        self._snapshot: deque[str] = deque()
        self._first = False  # the first part of a snapshot is due, with or without rows
        self._pending = Pending()
        self._gone: dict[str, None] = {}
        self._unanswered: list[int] = []
        self._sent_n = 0
        self._next = 0.0
        self._since: float | None = None

    @property
    def is_on(self) -> bool:
        return self._on

    def turn_on(self, area: str | None, least: int, now: float) -> None:
        """Begin, or begin anew: alarms of ``area`` (None: of all) of at least this severity. A snapshot is due now."""
        self.turn_off()
        self._on, self._area, self._least = True, area, least
        rows = [row for row in self._table.rows() if self._matches(row)]
        for row in rows:
            self._tally.add(row, 1)
        rows.sort(key=_importance)
        self._snapshot.extend(row.id for row in rows[:MAX_ALARMS])
        for row in rows[MAX_ALARMS:]:
            self._pending.put(row.id, row.sev)
        self._first = True
        self._next = now
        self._table.join(self)
        self.woke()

    def turn_off(self) -> None:
        """Hear of nothing any more and forget what the receiver has."""
        self._table.leave(self)
        self._on, self._first, self._told = False, False, None
        self._tally = _Tally()
        self._known.clear()
        self._snapshot.clear()
        self._pending.clear()
        self._gone.clear()
        self._unanswered.clear()
        self._since = None

    # --- Listener -------------------------------------------------------------------------------------------------

    def alarm_changed(self, before: AlarmRow | None, after: AlarmRow | None) -> None:
        was_waiting = self._waits()
        if before is not None and self._matches(before):
            self._tally.add(before, -1)
        if after is not None and self._matches(after):
            self._tally.add(after, 1)
            self._gone.pop(after.id, None)
            if self._known.get(after.id) == after:
                self._pending.discard(after.id)  # it is again as the receiver has it
            else:
                self._pending.put(after.id, after.sev)
        elif before is not None:
            self._pending.discard(before.id)
            if before.id in self._known:
                self._gone[before.id] = None
        if not was_waiting and self._waits():
            self.woke()

    def dropped_changed(self) -> None:
        self.woke()

    # --- sending --------------------------------------------------------------------------------------------------

    def acknowledge(self, n: int) -> None:
        """Take the receiver's credit: every push up to ``n`` is digested."""
        if n <= self._sent_n:
            self._unanswered = [sent for sent in self._unanswered if sent > n]

    def due(self, now: float) -> float | None:
        """When something may go (monotonic s); None while nothing waits or the receiver is behind."""
        if not self._on or len(self._unanswered) >= MAX_UNANSWERED or not self._waits():
            return None
        if self._first or self._snapshot:
            return now
        if self._since is None:
            self._since = now
        return max(self._next, self._since + GATHER)

    def take(self, now: float, wall_ms: int, number: Callable[[], int]) -> AlarmSnapshot | AlarmDelta | None:
        """The push that is due at ``now``; ``number`` gives the stream's next sequence number."""
        due = self.due(now)
        if due is None or due > now:
            return None
        counts = self._counts()
        push: AlarmSnapshot | AlarmDelta
        if self._first or self._snapshot:
            rows = self._snapshot_part()
            push = AlarmSnapshot(number(), wall_ms, rows, counts, first=self._first, more=bool(self._snapshot))
            self._first = False
        else:
            gone, rows = self._changes()
            push = AlarmDelta(number(), wall_ms, counts, rows, gone)
        self._told = counts
        self._sent_n = push.n
        self._unanswered.append(push.n)
        self._since = None
        # A backlog goes on as fast as the receiver answers.
        self._next = now if self._pending or self._gone else now + TICK
        return push

    def _waits(self) -> bool:
        return bool(self._first or self._snapshot or self._pending or self._gone or self._counts() != self._told)

    def _counts(self) -> AlarmCounts:
        return self._tally.counts(self._table.dropped)

    def _snapshot_part(self) -> list[AlarmRow]:
        rows: list[AlarmRow] = []
        room = PUSH_BUDGET
        while self._snapshot:
            row = self._row(self._snapshot[0])
            if row is not None:
                room -= len(_encoder.encode(row)) + 1
                if room < 0 and rows:
                    break
                self._send(row)
                rows.append(row)
            self._snapshot.popleft()
        return rows

    def _changes(self) -> tuple[list[str], list[AlarmRow]]:
        """What left the list goes first: it is short, and nobody must act on it."""
        room = PUSH_BUDGET
        gone: list[str] = []
        while self._gone and room > PUSH_BUDGET // 2:
            name = next(iter(self._gone))
            del self._gone[name]
            self._known.pop(name, None)
            gone.append(name)
            room -= _NAME_COST
        rows: list[AlarmRow] = []
        while (name_ := self._pending.first()) is not None:
            row = self._row(name_)
            if row is None:
                self._pending.discard(name_)
                continue
            room -= len(_encoder.encode(row)) + 1
            if room < 0 and (rows or gone):
                break
            self._send(row)
            rows.append(row)
        return gone, rows

    def _row(self, name: str) -> AlarmRow | None:
        standing = self._table.find(name)
        return standing.row if standing is not None and self._matches(standing.row) else None

    def _send(self, row: AlarmRow) -> None:
        self._pending.discard(row.id)
        self._known[row.id] = row

    def _matches(self, row: AlarmRow) -> bool:
        return row.sev >= self._least and (self._area is None or row.area == self._area)


class _Tally:
    """Counts that are kept up change by change: a list of thousands is never counted again."""

    def __init__(self) -> None:
        self._bands = {"crit": 0, "high": 0, "med": 0, "low": 0}
        self._unack = 0
        self._shelved = 0

    def add(self, row: AlarmRow, one: int) -> None:
        if row.shelf or row.suppressed:
            self._shelved += one
            return
        self._bands[band_of(row.sev)] += one
        if not row.ack:
            self._unack += one

    def counts(self, dropped: int) -> AlarmCounts:
        return AlarmCounts(**self._bands, unack=self._unack, shelved=self._shelved, dropped=dropped)


def _importance(row: AlarmRow) -> tuple[int, int]:
    """Sorts the most severe first, among equals the newest."""
    return -row.sev, -max(row.t_act, row.t_clr, row.t_ack)
