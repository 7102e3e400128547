"""One pen's buckets as SVG paths: the band from minimum to maximum, and the line of averages, broken at every gap.

A picture is 10 units wide for each bucket and 1000 high; the browser stretches it and keeps the strokes as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hmi.screens.presenters.trend_axes import Scale
from hmi.trends.strips import Strip
from relay_bridge.contract.history import BUCKET_EMPTY, BUCKET_GOOD

UNIT = 10  # of a bucket's width
KINDS = {"1": "uncertain", "2": "bad", "3": "empty", "4": "unknown"}
_NOT_RECEIVED = "4"


class Stretch(NamedTuple):
    """Buckets in a row that are not plain good. ``x`` and ``width`` in units of the picture."""

    x: int
    width: int
    kind: str


def band_path(strip: Strip, scale: Scale) -> str:
    """A closed outline for each run of buckets that have a minimum and a maximum, as wide as the buckets are."""
    parts = []
    for first, last in runs(strip.low):
        upper = _steps((scale.height(value) for value in strip.high[first:last]), first, 1)
        lower = _steps((scale.height(value) for value in reversed(strip.low[first:last])), last, -1)
        parts.append(f"M{upper}L{lower}Z")
    return "".join(parts)


def line_path(strip: Strip, scale: Scale, *, stepped: bool) -> str:
    """The averages, from middle to middle of neighbours; ``stepped`` for what jumps between states."""
    parts = []
    for first, last in runs(strip.average):
        heights = [scale.height(value) for value in strip.average[first:last]]
        if stepped or last - first == 1:
            parts.append(f"M{_steps(iter(heights), first, 1)}")
            continue
        points = [f"{(first + place) * UNIT + UNIT // 2} {height}" for place, height in enumerate(heights)]
        parts.append("M" + "L".join(_without_middles(points, heights)))
    return "".join(parts)


def stretches(strip: Strip, now: int) -> tuple[Stretch, ...]:
    """What is uncertain, bad, missing or was not received, up to ``now`` (epoch ms)."""
    found: list[Stretch] = []
    for place, digit in enumerate(strip.quality):
        start = strip.start + place * strip.width
        if start >= now:
            break
        kind = _NOT_RECEIVED if start >= strip.known_until else digit
        if kind == BUCKET_EMPTY and start + strip.width > strip.known_until:
            continue  # the bucket that is only just beginning
        if kind == BUCKET_GOOD:
            continue
        if found and found[-1].kind == KINDS[kind] and found[-1].x + found[-1].width == place * UNIT:
            found[-1] = found[-1]._replace(width=found[-1].width + UNIT)
        else:
            found.append(Stretch(place * UNIT, UNIT, KINDS[kind]))
    return tuple(found)


def runs(values: Sequence[float]) -> Iterator[tuple[int, int]]:
    """[first, last) of each row of neighbours that are numbers."""
    first = None
    for place, value in enumerate(values):
        if math.isnan(value):
            if first is not None:
                yield first, place
            first = None
        elif first is None:
            first = place
    if first is not None:
        yield first, len(values)


def _steps(heights: Iterator[int], edge: int, direction: int) -> str:
    """A staircase from the bucket edge ``edge`` on, forward or backward; flat parts are one stroke."""
    x, before = edge * UNIT, next(heights)
    text = f"{x} {before}"
    for height in heights:
        x += direction * UNIT
        if height != before:
            text += f"H{x}V{height}"
            before = height
    return f"{text}H{x + direction * UNIT}"


def _without_middles(points: list[str], heights: list[int]) -> Iterator[str]:
    """A level that stands still is two points, not three hundred."""
    last = len(points) - 1
    for place, point in enumerate(points):
        if 0 < place < last and heights[place - 1] == heights[place] == heights[place + 1]:
            continue
        yield point
