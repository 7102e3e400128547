"""Finished buckets, kept for whoever asks next: what was does not change. Bounded, and never older than 15 minutes.

Nothing here asks who may see it: only ``asking.py`` comes here, with an access that holds ``data:history`` now.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from hmi.trends.strips import Strip

SETTLED = 60_000  # ms after its end a bucket counts as finished: a historian writes late
AGE = 900.0  # seconds; then it is asked for anew, because a historian may fill a gap later
RUN = 1_200  # buckets of one tag and width
TOTAL = 500_000  # buckets of all, about 13 MB


class Key(NamedTuple):
    site: UUID
    tag: str
    width: int


@dataclass
class _Run:
    strip: Strip
    since: float  # monotonic

    @property
    def expired(self) -> bool:
        return time.monotonic() - self.since > AGE


class KeptBuckets:
    """One run of finished buckets for each site, tag and width. The longest unused goes first."""

    def __init__(self) -> None:
        self._runs: OrderedDict[Key, _Run] = OrderedDict()
        self._total = 0

    @property
    def total(self) -> int:
        return self._total

    def find(self, key: Key, start: int, end: int, *, old: bool = False) -> Strip | None:
        """What is kept of [start, end) from its beginning on; ``None`` when its first bucket is not.

        ``old``: also what ought to be asked for anew, for a site that cannot be asked.
        """
        run = self._runs.get(key)
        if run is None or (run.expired and not old):
            return None
        if not run.strip.start <= start < run.strip.end:
            return None
        self._runs.move_to_end(key)
        return run.strip.part(start, min(end, run.strip.end))

    def keep(self, key: Key, strip: Strip) -> None:
        """Keep the finished part of ``strip``; it goes on where an older run ends, or takes its place."""
        settled = (strip.known_until - SETTLED) // strip.width * strip.width
        end = min(settled, strip.end)
        if end <= strip.start:
            return
        fresh = strip.part(strip.start, end)
        run = self._runs.get(key)
        since = time.monotonic()
        if run is not None:
            old = run.strip
            if not run.expired and old.source == fresh.source and old.start <= fresh.start <= old.end:
                if fresh.end <= old.end:
                    return
                fresh = old.part(old.start, fresh.start).followed_by(fresh)
                since = run.since
            self._drop(key)
        if fresh.n > RUN:
            fresh = fresh.part(fresh.end - RUN * fresh.width, fresh.end)
        self._runs[key] = _Run(fresh, since)
        self._total += fresh.n
        while self._total > TOTAL:
            self._drop(next(iter(self._runs)))

    def _drop(self, key: Key) -> None:
        self._total -= self._runs.pop(key).strip.n
