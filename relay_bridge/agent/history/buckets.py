"""Samples into buckets of minimum, maximum and average, so that a spike survives any zoom.

A process server tells a value when it changes, so between two samples the older one holds (stepped interpolation,
OPC 10000-11, 5.1). It holds until the next sample, good or bad: a bad one, or the note of a gap, ends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from relay_bridge.contract.history import BUCKET_BAD, BUCKET_EMPTY, BUCKET_GOOD, BUCKET_UNCERTAIN
from relay_bridge.contract.readings import Reading, quality_class

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
# Widths in ms that people read an axis by. All divide a day, so edges fall on whole hours and days (UTC).
WIDTHS = (
    100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE,
    5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR,
)  # fmt: skip
_DIGIT = {"good": BUCKET_GOOD, "uncertain": BUCKET_UNCERTAIN, "bad": BUCKET_BAD}


class Plan(NamedTuple):
    """``n`` buckets of ``width`` ms; the first begins at ``start`` (epoch ms), a multiple of the width."""

    start: int
    width: int
    n: int

    @property
    def end(self) -> int:
        return self.start + self.width * self.n


def plan_buckets(start: int, end: int, most: int) -> Plan:
    """The narrowest buckets that cover [start, end) with at most ``most`` of them, edges on multiples of their width.

    Such edges stay where they are when a screen moves on, so that buckets can be kept and appended to. Beyond a day's
    width it goes on in whole days.
    """
    for width in WIDTHS:
        plan = _plan(start, end, width)
        if plan.n <= most:
            return plan
    day = WIDTHS[-1]
    days = 2
    while (plan := _plan(start, end, days * day)).n > most:
        days += 1
    return plan


def _plan(start: int, end: int, width: int) -> Plan:
    first = start // width
    last = -(-end // width)
    return Plan(first * width, width, max(last - first, 1))


class Columns(NamedTuple):
    """The buckets as columns, as they travel."""

    lo: list[float | None]
    hi: list[float | None]
    av: list[float | None]
    q: str


class _Bucket:
    """One bucket being filled."""

    __slots__ = ("area", "digit", "hi", "last", "lo", "span")

    def __init__(self) -> None:
        self.lo = self.hi = self.last = None  # type: float | None
        self.area = 0.0  # of value over ms
        self.span = 0  # ms for which a usable value stood
        self.digit = BUCKET_EMPTY

    def meet(self, reading: Reading) -> None:
        """``reading`` stood in this bucket at some moment."""
        digit = digit_of(reading.quality)
        self.digit = digit if self.digit == BUCKET_EMPTY else max(self.digit, digit)
        value = usable(reading)
        if value is not None:
            self.last = value
            self.lo = value if self.lo is None else min(self.lo, value)
            self.hi = value if self.hi is None else max(self.hi, value)

    def hold(self, value: float, milliseconds: int) -> None:
        self.area += value * milliseconds
        self.span += milliseconds

    @property
    def average(self) -> float | None:
        return self.area / self.span if self.span else self.last


def digit_of(quality: int) -> str:
    """The bucket's digit for one sample of this quality."""
    return _DIGIT[quality_class(quality)]


def usable(reading: Reading) -> float | None:
    """The number that may be drawn; ``None`` for a bad reading, a text, or no value."""
    if quality_class(reading.quality) == "bad" or isinstance(reading.value, str) or reading.value is None:
        return None
    return float(reading.value)


def fill_buckets(plan: Plan, readings: Iterable[Reading], before: Reading | None, until: int) -> Columns:
    """Fill the buckets of ``plan`` with ``readings`` (oldest first; those outside of it are passed over).

    ``before`` is the last reading before the plan's start, which still holds there; ``None`` when nothing is known.
    ``until``: epoch ms up to which the last reading holds (now, or where the samples were cut off). Averages are
    weighted by time. A value that holds in from a bucket before is met there too: it is what the tag was.
    """
    buckets = [_Bucket() for _ in range(plan.n)]
    until = min(until, plan.end)
    held = before
    at = plan.start
    for reading in readings:
        if reading.time < plan.start:
            held = reading
            continue
        if reading.time >= plan.end:
            break
        _hold(buckets, plan, held, at, min(reading.time, until))
        buckets[(reading.time - plan.start) // plan.width].meet(reading)
        held, at = reading, reading.time
    _hold(buckets, plan, held, at, until)
    return Columns(
        [bucket.lo for bucket in buckets],
        [bucket.hi for bucket in buckets],
        [bucket.average for bucket in buckets],
        "".join(bucket.digit for bucket in buckets),
    )


def hold_in(columns: Columns, plan: Plan, before: Reading | None, until: int) -> Columns:
    """``columns`` of a source that counts samples alone, with ``before`` in the empty buckets at their beginning.

    Aggregates of a bucket without a sample are empty (OPC 10000-13, 5.4.3), so a setpoint that nobody touched for an
    hour would have no trend; but what held when the plan starts, holds until the first sample. ``until``: as above.
    """
    if before is None:
        return columns
    lead = len(columns.q) - len(columns.q.lstrip(BUCKET_EMPTY))
    lead = min(lead, max(0, -(-(until - plan.start) // plan.width)))
    value = usable(before)
    return Columns(
        [value] * lead + columns.lo[lead:],
        [value] * lead + columns.hi[lead:],
        [value] * lead + columns.av[lead:],
        digit_of(before.quality) * lead + columns.q[lead:],
    )


def _hold(buckets: list[_Bucket], plan: Plan, held: Reading | None, start: int, end: int) -> None:
    """``held`` stands from ``start`` to ``end``, both inside the plan."""
    if held is None:
        return
    value = usable(held)
    while start < end:
        number = (start - plan.start) // plan.width
        stop = min(plan.start + (number + 1) * plan.width, end)
        buckets[number].meet(held)
        if value is not None:
            buckets[number].hold(value, stop - start)
        start = stop
