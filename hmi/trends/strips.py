"""One tag's buckets over a window, put together from what is kept and what was just answered."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

from hmi.trends.windows import Window
from relay_bridge.contract.history import BUCKET_EMPTY, Buckets, HistorySource

NOTHING = math.nan


@dataclass(frozen=True, eq=False)
class Strip:
    """Columns of buckets of ``width`` ms from ``start`` (epoch ms) on; NaN where a bucket has no usable value.

    ``quality``: one digit a bucket (contract/history.py). ``source`` says where they come from. ``known_until``: epoch
    ms; what lies behind it was not received, so its buckets say nothing.
    """

    start: int
    width: int
    low: array[float]
    high: array[float]
    average: array[float]
    quality: str
    source: HistorySource
    known_until: int

    @property
    def n(self) -> int:
        return len(self.quality)

    @property
    def end(self) -> int:
        return self.start + self.n * self.width

    def part(self, start: int, end: int) -> Strip:
        """The buckets of [start, end), both inside and on edges."""
        first, last = (start - self.start) // self.width, (end - self.start) // self.width
        return Strip(
            start, self.width, self.low[first:last], self.high[first:last], self.average[first:last],
            self.quality[first:last], self.source, min(self.known_until, end),
        )  # fmt: skip

    def followed_by(self, later: Strip) -> Strip:
        """This one and ``later``, which begins where it ends."""
        return Strip(
            self.start, self.width, self.low + later.low, self.high + later.high, self.average + later.average,
            self.quality + later.quality, later.source, later.known_until,
        )  # fmt: skip

    def filled_to(self, end: int) -> Strip:
        """With empty buckets up to ``end``, of which nothing was received."""
        more = (end - self.end) // self.width
        empty = array("d", [NOTHING]) * more
        return Strip(
            self.start, self.width, self.low + empty, self.high + empty, self.average + empty,
            self.quality + BUCKET_EMPTY * more, self.source, self.known_until,
        )  # fmt: skip


def strip_of(buckets: Buckets, asked: Window, answered: int) -> Strip:
    """What the agent answered at ``answered`` (epoch ms); ``ValueError`` when that is not what was asked for."""
    columns = (buckets.lo, buckets.hi, buckets.av)
    fits = (buckets.t0, buckets.dt) == (asked.start, asked.width)
    if not fits or any(len(column) != asked.n for column in (*columns, buckets.q)) or set(buckets.q) - set("0123"):
        raise ValueError("the agent's buckets are not those that were asked for")
    known_until = min(answered, asked.end)
    if buckets.cut:
        filled = len(buckets.q.rstrip(BUCKET_EMPTY))
        known_until = min(known_until, asked.start + filled * asked.width)
    low, high, average = (array("d", [_number(value) for value in column]) for column in columns)
    return Strip(asked.start, asked.width, low, high, average, buckets.q, buckets.src, known_until)


def _number(value: float | None) -> float:
    return NOTHING if value is None or not math.isfinite(value) else float(value)
