"""A trend as the templates draw it: one panel for each unit, with axes, pens, limits, and what is not plain good.

Up to eight pens, told apart by number and dash as well as by shade. Nothing is drawn across a gap, and a spike shows
as the band from minimum to maximum however many samples its bucket holds.
"""

from __future__ import annotations

import json
import math
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hmi.screens.presenters.trend_axes import Scale, Tick, fitted_scale, number_ticks, percent, time_ticks
from hmi.screens.presenters.trend_limits import ShownLimit, limits_of, show_limits
from hmi.screens.presenters.trend_paths import UNIT, band_path, line_path, stretches
from hmi.screens.presenters.trend_units import Reading
from hmi.screens.presenters.values import ShownValue, value_words
from hmi.sites.plain_text import apart
from hmi.sites.tag_names import tag_name
from hmi.trends.strips import Strip
from hmi.trends.windows import Window
from relay_bridge.contract.messages import CatalogTag

PENS = 8
LIMIT_REACH = 0.5  # a limit is drawn when it lies within this part of the values' range beyond them
APART = 11.0  # percent between two pens' numbers at the right edge
SOURCE_SHOWN = {
    "aggregate": gettext_lazy("the source's own aggregates"),
    "raw": gettext_lazy("the source's samples"),
    "ring": gettext_lazy("recorded by the site agent"),
}


@dataclass(frozen=True)
class Pen:
    """What is to be drawn; tag and strip in the unit that the person reads, and ``written`` says how.

    ``trouble``: why there is no strip, in words.
    """

    tag: CatalogTag
    asset: str
    strip: Strip | None = None
    value: ShownValue | None = None
    trouble: str = ""
    away: str = ""
    written: Reading | None = None

    @property
    def reading(self) -> Reading:
        return self.written or Reading(self.tag.unit, self.tag.dec)


@dataclass(frozen=True)
class ShownMark:
    """A stretch that is not plain good; places in percent, ``start`` and ``end`` in epoch ms."""

    x: str
    width: str
    kind: str
    start: str
    end: str


@dataclass(frozen=True)
class ShownPen:
    """``values``: JSON of minima, maxima and averages for the page's script; ``words``: JSON of number to word."""

    number: int
    tag: str
    source: str
    name: str
    unit: str
    decimals: str
    words: str
    band: str = ""
    line: str = ""
    values: str = ""
    quality: str = ""
    known_until: str = ""
    place: str = ""
    marks: tuple[ShownMark, ...] = ()
    origin: str = ""
    trouble: str = ""
    value: ShownValue | None = None
    away: str = ""  # the address without this pen
    factor: str = ""
    offset: str = ""
    form: str = ""

    @property
    def drawn(self) -> bool:
        return bool(self.line)


@dataclass(frozen=True)
class ShownPanel:
    title: str
    box: str
    low: str
    high: str
    ticks: tuple[Tick, ...]
    limits: tuple[ShownLimit, ...]
    pens: tuple[ShownPen, ...]
    states: bool = False  # its ticks are words: too long for the side

    @property
    def marked(self) -> tuple[ShownPen, ...]:
        """The pens with anything that is not plain good: each has a row below the panel."""
        return tuple(pen for pen in self.pens if pen.marks)


@dataclass(frozen=True)
class ShownTrend:
    """``as_of``: epoch ms up to which the site's answers reach; 0 when there is none."""

    start: str
    end: str
    width: str
    n: str
    now: str
    span: str
    refresh: str
    ticks: tuple[Tick, ...]
    panels: tuple[ShownPanel, ...]
    pens: tuple[ShownPen, ...]
    kinds: tuple[str, ...] = field(default=())
    as_of: int = 0


def show_trend(pens: Sequence[Pen], window: Window, zone: zoneinfo.ZoneInfo, now: int) -> ShownTrend:
    """``now`` is epoch ms by the agent's clock, as the buckets are."""
    numbered = list(enumerate(pens[:PENS], 1))
    groups: dict[str, list[tuple[int, Pen]]] = {}
    for number, pen in numbered:
        groups.setdefault(_panel_key(pen.tag), []).append((number, pen))
    panels = tuple(_panel(members, window, now) for members in groups.values())
    shown = sorted((pen for panel in panels for pen in panel.pens), key=lambda pen: pen.number)
    kinds = {mark.kind for pen in shown for mark in pen.marks}
    known = [pen.strip.known_until for pen in pens if pen.strip is not None]
    return ShownTrend(
        start=str(window.start),
        end=str(window.end),
        width=str(window.width),
        n=str(window.n),
        now=str(now),
        span=window.span,
        refresh=str(max(window.width, 60_000) if window.follows else 0),
        ticks=time_ticks(window.start, window.end, zone),
        panels=panels,
        pens=tuple(shown),
        kinds=tuple(kind for kind in ("uncertain", "bad", "empty", "unknown") if kind in kinds),
        as_of=min(known, default=0),
    )


def _panel_key(tag: CatalogTag) -> str:
    """Numbers of one unit share an axis; what has words for its values stands alone."""
    return f"tag {tag.id}" if _states(tag) else f"unit {tag.unit}"


def _panel(members: Sequence[tuple[int, Pen]], window: Window, now: int) -> ShownPanel:
    first = members[0][1].tag
    words = _states(first)
    scale = _scale([pen for _, pen in members])
    shown = [_pen(number, pen, scale, window, now) for number, pen in members]
    ticks = number_ticks(scale)
    if words:
        ticks = tuple(
            Tick(percent(scale.height(float(key)), 1000), word)
            for key, word in words.items()
            if scale.shows(float(key))
        )
    unit = first.unit or _("no unit")
    alone = f"{members[0][1].asset} {tag_name(first)}".strip()
    title = unit if len(members) > 1 else alone if words else f"{alone}, {apart(unit)}"
    return ShownPanel(
        title=title,
        box=f"0 0 {window.n * UNIT} 1000",
        low=repr(scale.low),
        high=repr(scale.high),
        ticks=ticks,
        limits=tuple(show_limits(members, scale)),
        pens=tuple(_spread(shown)),
        states=bool(words),
    )


def _scale(pens: Iterable[Pen]) -> Scale:
    """The values and the limits near them; without a value the tags' own ranges."""
    pens = list(pens)
    drawn = [pen for pen in pens if pen.strip is not None]
    lows = [value for pen in drawn if pen.strip for value in pen.strip.low if not math.isnan(value)]
    highs = [value for pen in drawn if pen.strip for value in pen.strip.high if not math.isnan(value)]
    tag = pens[0].tag
    if not lows or not highs:
        low, high = tag.lo, tag.hi
        usable = low is not None and high is not None and low < high
        return Scale(low, high) if usable and low is not None and high is not None else Scale(0.0, 1.0)
    if _states(tag):
        return fitted_scale(min(lows), max(highs), 1.0)
    low, high = min(lows), max(highs)
    least = max((10.0 ** (1 - pen.tag.dec) for pen in pens), default=1.0)
    ranges = [pen.tag.hi - pen.tag.lo for pen in pens if pen.tag.hi is not None and pen.tag.lo is not None]
    least = max(least, 0.002 * max(ranges, default=0.0))
    reach = LIMIT_REACH * max(high - low, least)
    near = [value for pen in pens for _, value in limits_of(pen.tag) if low - reach <= value <= high + reach]
    return fitted_scale(min([low, *near]), max([high, *near]), least)


def _pen(number: int, pen: Pen, scale: Scale, window: Window, now: int) -> ShownPen:
    tag, strip = pen.tag, pen.strip
    words = _states(tag)
    name = f"{pen.asset} {tag_name(tag)}".strip()
    common = {
        "number": number,
        "tag": tag.id,
        "source": tag.source,
        "name": name,
        "unit": pen.reading.unit,
        "decimals": str(pen.reading.decimals),
        "factor": pen.reading.factor,
        "offset": pen.reading.offset,
        "form": pen.reading.form,
        "words": json.dumps(words, ensure_ascii=False) if words else "",
        "trouble": pen.trouble,
        "value": pen.value,
        "away": pen.away,
    }
    if strip is None:
        return ShownPen(**common)  # type: ignore[arg-type]
    last = next((value for value in reversed(strip.average) if not math.isnan(value)), None)
    return ShownPen(
        **common,  # type: ignore[arg-type]
        band=band_path(strip, scale),
        line=line_path(strip, scale, stepped=bool(words)),
        values=_values(strip, pen.reading.kept_decimals),
        quality=strip.quality,
        known_until=str(strip.known_until),
        place="" if last is None else percent(scale.height(last), 1000),
        marks=tuple(_marks(strip, window, now)),
        origin=str(SOURCE_SHOWN[strip.source]),
    )


def _marks(strip: Strip, window: Window, now: int) -> Iterable[ShownMark]:
    whole = window.n * UNIT
    for stretch in stretches(strip, now):
        start = window.start + stretch.x // UNIT * window.width
        end = start + stretch.width // UNIT * window.width
        x, width = percent(stretch.x, whole), percent(stretch.width, whole)
        yield ShownMark(x, width, stretch.kind, str(start), str(end))


def _spread(pens: Sequence[ShownPen]) -> list[ShownPen]:
    """The pens' numbers at the right edge, moved apart where lines end side by side."""
    placed = sorted((pen for pen in pens if pen.place), key=lambda pen: float(pen.place[:-1]))
    at = {}
    floor = 4.0
    for rank, pen in enumerate(placed):
        room_below = (len(placed) - 1 - rank) * APART
        place = min(max(float(pen.place[:-1]), floor), 96.0 - room_below)
        at[pen.number] = f"{place:.2f}%"
        floor = place + APART
    return [_at(pen, at.get(pen.number, "")) for pen in pens]


def _at(pen: ShownPen, place: str) -> ShownPen:
    return ShownPen(**{**pen.__dict__, "place": place})


def _states(tag: CatalogTag) -> Mapping[str, str]:
    """The words of what jumps between states, by the number that the history has for each."""
    words = value_words(tag)
    if tag.kind == "bool":
        return {"0": words.get("false", _("no")), "1": words.get("true", _("yes"))}
    return {key: word for key, word in words.items() if _is_number(key)}


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _values(strip: Strip, decimals: int) -> str:
    def column(values: Iterable[float], places: int) -> list[float | None]:
        return [None if math.isnan(value) else round(value, places) for value in values]

    columns = (column(strip.low, decimals), column(strip.high, decimals), column(strip.average, decimals + 1))
    return json.dumps(columns, separators=(",", ":"))
