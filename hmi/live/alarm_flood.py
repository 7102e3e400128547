"""When alarms become a flood (ISA-18.2): it begins at 10 in 10 minutes and ends when fewer than 5 came."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from relay_bridge.contract.alarms import AlarmRow

WINDOW = 600_000  # ms
BEGINS, ENDS = 10, 5  # activations within the window
MOST = 10_000  # activations that are remembered: by then it has been a flood for long


class FloodMeter:
    """Counts activations of one site; all times in epoch ms by the agent's clock."""

    def __init__(self) -> None:
        # Alarm and when it became active, and when that counts: a source whose clock is ahead counts as now, or its
        # alarms would hold up a flood for as long as the clock is wrong.
        self._seen: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._first: tuple[int, str] | None = None
        self.on = False

    def count(self, rows: Iterable[AlarmRow], now: int) -> None:
        """Take rows as they are now: each that became active within the window counts once."""
        for row in rows:
            if row.t_act > now - WINDOW and not row.shelf and not row.suppressed and not row.branch:
                self._seen.setdefault((row.id, row.t_act), min(row.t_act, now))
        while len(self._seen) > MOST:
            self._seen.popitem(last=False)
        self.judge(now)

    def judge(self, now: int) -> bool:
        """Forget what is older than the window; True when the flood began or ended with that."""
        for key in [key for key, moment in self._seen.items() if moment <= now - WINDOW]:
            del self._seen[key]
        before = self.on
        if len(self._seen) >= BEGINS:
            self.on = True
        elif len(self._seen) < ENDS:
            self.on = False
        self._keep_first()
        return self.on != before

    @property
    def recent(self) -> int:
        """Activations within the last 10 minutes."""
        return len(self._seen)

    @property
    def first_out(self) -> str:
        """The alarm that came first in this flood, however long ago; empty when there is no flood."""
        return self._first[1] if self._first is not None else ""

    def _keep_first(self) -> None:
        """A flood may last for hours: what began it must not change when it leaves the window."""
        if not self.on:
            self._first = None
            return
        earliest = min(((moment, key[0]) for key, moment in self._seen.items()), default=None)
        if earliest is not None and (self._first is None or earliest < self._first):
            self._first = earliest
