"""A trend in numbers, for who does not see the picture or has no script: a dozen rows, the newest first."""

from __future__ import annotations

import math
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hmi.screens.presenters.trend import Pen
from hmi.screens.presenters.words import DASH, at, date_text
from hmi.trends.strips import Strip
from hmi.trends.windows import DAY, Window
from relay_bridge.contract.history import BUCKET_EMPTY

ROWS = 12
QUALITY_SHOWN = {
    "0": gettext_lazy("good"), "1": gettext_lazy("uncertain"), "2": gettext_lazy("bad"), "3": gettext_lazy("no data"),
}  # fmt: skip
IN_PART = {
    "1": gettext_lazy("in part uncertain"), "2": gettext_lazy("in part bad"), "3": gettext_lazy("in part no data"),
}  # fmt: skip


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
        time = _("%(start)s to %(end)s") % {"start": _moment(start, window, zone), "end": _moment(end, window, zone)}
        slices.append(ShownSlice(time, tuple(_cell(pen, first, last) for pen in pens)))
    return tuple(reversed(slices))


def _cell(pen: Pen, first: int, last: int) -> ShownCell:
    strip = pen.strip
    if strip is None:
        return ShownCell(DASH, "", pen.trouble or _("no history"))
    usable = [place for place in range(first, last) if not math.isnan(strip.average[place])]
    note = _note(strip, first, last)
    if not usable:
        return ShownCell(DASH, "", note or str(QUALITY_SHOWN[BUCKET_EMPTY]))
    low = pen.reading.text(min(strip.low[place] for place in usable))
    high = pen.reading.text(max(strip.high[place] for place in usable))
    average = math.fsum(strip.average[place] / len(usable) for place in usable)
    span = "" if low == high else _("%(low)s to %(high)s") % {"low": low, "high": high}
    return ShownCell(pen.reading.text(average), span, note)


def _note(strip: Strip, first: int, last: int) -> str:
    """The worst that is in it; a part that was not received says so."""
    if strip.start + first * strip.width >= strip.known_until:
        return _("not received")
    whole = [place for place in range(first, last) if strip.start + (place + 1) * strip.width <= strip.known_until]
    digits = {strip.quality[place] for place in whole}
    worst = max(digits, default="0")
    if worst == "0":
        return ""
    return str(QUALITY_SHOWN[worst] if digits == {worst} else IN_PART[worst])


def _moment(ms: int, window: Window, zone: zoneinfo.ZoneInfo) -> str:
    local = at(ms, zone)
    clock = f"{local:%H:%M:%S}" if window.width < 5000 else f"{local:%H:%M}"
    return f"{date_text(local)} {clock}" if window.end - window.start > DAY else clock
