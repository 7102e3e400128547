"""How often anybody may ask: token buckets of this process, and the limit on guessing a tablet's code.

A bucket holds ``burst`` and fills with ``per_minute``. Several web processes each count for themselves: the limits
protect the processor, not a secret. The limit on guessing protects one, so its rows are in the database.
"""

from __future__ import annotations

import datetime as dt
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from accounts.oauth.models import WrongCode

MAX_BUCKETS = 10_000  # the longest unused goes first, and by then it is full again
WRONG_CODES = 5  # RFC 8628, 5.1: tries in WRONG_CODE_WINDOW, per person and per source
WRONG_CODE_WINDOW = 15 * 60  # seconds


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


def wait_for_code(user: Any, source: str, now: dt.datetime) -> int:
    """Seconds until this person, or anybody at this source, may type a code again; 0 when they may now."""
    since = now - dt.timedelta(seconds=WRONG_CODE_WINDOW)
    waits = [0]
    for rows in (WrongCode.objects.filter(user=user), WrongCode.objects.filter(source=source)):
        newest = list(rows.filter(at__gt=since).order_by("-at").values_list("at", flat=True)[:WRONG_CODES])
        if len(newest) == WRONG_CODES:
            left = newest[-1] + dt.timedelta(seconds=WRONG_CODE_WINDOW) - now
            waits.append(int(left.total_seconds()) + 1)
    return max(waits)


def count_wrong_code(user: Any, source: str, now: dt.datetime) -> None:
    WrongCode.objects.create(user=user, source=source, at=now)
