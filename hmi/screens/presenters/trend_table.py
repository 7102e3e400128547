"""A trend in numbers, for who does not see the picture or has no script: a dozen rows, the newest first."""

from __future__ import annotations

import math
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass

from hmi.screens.presenters.trend import Pen
from hmi.screens.presenters.words import DASH, at, date_text, number_text
from hmi.trends.csv_lines import NOT_RECEIVED, QUALITY_WORDS
from hmi.trends.strips import Strip
from hmi.trends.windows import DAY, Window
from relay_bridge.contract.history import BUCKET_EMPTY

ROWS = 12


@dataclass(frozen=True)
class ShownCell:
    """``text``: average, or a dash; ``span``: from minimum to maximum when they differ; ``note``: unless good."""

    text: str
    span: str
    note: str


@dataclass(frozen=True)
class ShownSlice:
    time: str
    cells: tuple[ShownCell, ...]


def show_table(pens: Sequence[Pen], window: Window, zone: zoneinfo.ZoneInfo, now: int) -> tuple[ShownSlice, ...]:
    """Neighbouring buckets are put together; minimum and maximum are those of all of them."""
    several = -(-window.n // ROWS)
    slices = []
    for first in range(0, window.n, several):
        start = window.start + first * window.width
        if start >= now:
            break
        last = min(first + several, window.n)
        end = window.start + last * window.width
        time = f"{_moment(start, window, zone)} to {_moment(end, window, zone)}"
        slices.append(ShownSlice(time, tuple(_cell(pen, first, last) for pen in pens)))
    return tuple(reversed(slices))


def _cell(pen: Pen, first: int, last: int) -> ShownCell:
    strip = pen.strip
    if strip is None:
        return ShownCell(DASH, "", pen.trouble or "no history")
    usable = [place for place in range(first, last) if not math.isnan(strip.average[place])]
    note = _note(strip, first, last)
    if not usable:
        return ShownCell(DASH, "", note or QUALITY_WORDS[BUCKET_EMPTY])
    low = number_text(min(strip.low[place] for place in usable), pen.tag.dec)
    high = number_text(max(strip.high[place] for place in usable), pen.tag.dec)
    average = math.fsum(strip.average[place] for place in usable) / len(usable)
    span = "" if low == high else f"{low} to {high}"
    return ShownCell(number_text(average, pen.tag.dec), span, note)


def _note(strip: Strip, first: int, last: int) -> str:
    """The worst that is in it; a part that was not received says so."""
    if strip.start + first * strip.width >= strip.known_until:
        return NOT_RECEIVED
    whole = [place for place in range(first, last) if strip.start + (place + 1) * strip.width <= strip.known_until]
    digits = {strip.quality[place] for place in whole}
    worst = max(digits, default="0")
    if worst == "0":
        return ""
    words = QUALITY_WORDS[worst]
    return words if digits == {worst} else f"in part {words}"


def _moment(ms: int, window: Window, zone: zoneinfo.ZoneInfo) -> str:
    local = at(ms, zone)
    clock = f"{local:%H:%M:%S}" if window.width < 5000 else f"{local:%H:%M}"
    return f"{date_text(local)} {clock}" if window.end - window.start > DAY else clock
