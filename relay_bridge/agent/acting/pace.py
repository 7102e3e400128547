"""Rule 5: one action at a time on a tag, not too often, and not too many of one person or of the whole site."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from relay_bridge.agent.acting.key_store import Recent
from relay_bridge.agent.acting_config import Entry
from relay_bridge.contract.errors import RequestRefused

MINUTE = 60.0  # seconds
MEMORY_MS = 3_600_000  # the longest interval that can be configured: what is taken up from before a restart


class Pace:
    """Counted in monotonic seconds. ``reserve`` and ``release`` go together."""

    def __init__(self, *, per_user: int, per_site: int, monotonic: Callable[[], float]) -> None:
        self._per_user = per_user
        self._per_site = per_site
        self._monotonic = monotonic
        self._busy: set[str] = set()
        self._last: dict[str, float] = {}  # by target
        self._begun: deque[tuple[float, str]] = deque()  # of the last minute: when, and by whom

    def take_up(self, recent: Iterable[Recent], now_ms: int) -> None:
        """What was begun before the restart counts on; oldest first."""
        now = self._monotonic()
        for sub, target, at in recent:
            when = now - max(0.0, (now_ms - at) / 1000)
            self._last[target] = max(when, self._last.get(target, when))
            self._begun.append((when, sub))

    def reserve(self, entry: Entry, sub: str) -> None:
        """Take the turn on the entry's tag; ``RequestRefused`` ``busy`` or ``rate``, both worth another try later."""
        now = self._monotonic()
        if entry.tag.id in self._busy:
            raise RequestRefused("busy", "Somebody is changing this just now.")
        last = self._last.get(entry.id)
        if last is not None and now - last < entry.min_interval:
            wait = entry.min_interval - (now - last)
            raise RequestRefused("rate", f"This was changed just now: wait {wait:.1f} s.", detail={"wait_s": wait})
        while self._begun and now - self._begun[0][0] >= MINUTE:
            self._begun.popleft()
        if len(self._begun) >= self._per_site:
            raise RequestRefused("rate", f"This site takes {self._per_site} changes a minute.")
        if sum(1 for _, who in self._begun if who == sub) >= self._per_user:
            raise RequestRefused("rate", f"One person may make {self._per_user} changes a minute here.")
        self._busy.add(entry.tag.id)
        self._last[entry.id] = now
        self._begun.append((now, sub))

    def release(self, entry: Entry) -> None:
        """The turn is over, whatever came of it."""
        self._busy.discard(entry.tag.id)
