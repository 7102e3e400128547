"""How often anybody may do something: token buckets of this process.

A bucket holds ``burst`` and fills with ``per_minute``. Several web processes each count for themselves: these limits
protect the processor and the disk, not a secret.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

MAX_BUCKETS = 10_000  # the longest unused goes first, and by then it is full again


class Buckets:
    """``clock`` in seconds, monotonic. Safe to use from several threads."""

    def __init__(self, per_minute: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_minute / 60.0
        self._burst = burst
        self._clock = clock
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: Hashable, cost: float = 1.0) -> int:
        """Take ``cost``; 0 when it was there, otherwise the whole seconds after which it will be."""
        cost = min(cost, self._burst)
        with self._lock:
            now = self._clock()
            level, since = self._levels.pop(key, (self._burst, now))
            level = min(self._burst, level + (now - since) * self._rate)
            enough = level >= cost
            self._levels[key] = (level - cost if enough else level, now)
            while len(self._levels) > MAX_BUCKETS:
                self._levels.popitem(last=False)
        return 0 if enough else max(1, math.ceil((cost - level) / self._rate))
