"""The bar of a level or a flow: where value, water, setpoint, normal band and limits stand in the drawing.

Everything is a share of the drawing's height from the bottom, 0 to 1, so that a small bar in a list and the big tank
drawing use the same sums; ``static/js/bars.js`` moves the same rectangles live.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from hmi.languages.unit_choice import AS_SENT
from hmi.screens.presenters.values import UNCERTAIN_ENGINEERING_UNITS_EXCEEDED, shown_tag
from hmi.sites.units import length_rate
from relay_bridge.contract.messages import CatalogTag, Limits

LIMIT_WORDS: dict[str, str | Promise] = {
    "ll": gettext_lazy("low-low"),
    "l": pgettext_lazy("limit", "low"),
    "h": pgettext_lazy("limit", "high"),
    "hh": gettext_lazy("high-high"),
}


@dataclass(frozen=True)
class Frame:
    """Where in a drawing the bar moves, in the drawing's own units; y grows downwards."""

    top: float
    height: float


@dataclass(frozen=True)
class Limit:
    """One limit: its key (``hh``), letters (``HH``), word, value as text, and its y in the drawing."""

    key: str
    letters: str
    word: str | Promise
    text: str
    y: str
    label_y: str

    @property
    def outer(self) -> bool:
        return self.key in {"hh", "ll"}

    @property
    def squeezed(self) -> bool:
        """Too long for the drawing's side: the label is drawn narrower."""
        return len(self.letters) + 1 + len(self.text) > LABEL_LENGTH


@dataclass(frozen=True)
class Box:
    """A rectangle's top and height, as attributes."""

    y: str
    height: str


@dataclass(frozen=True)
class ShownBar:
    """``over`` is "top" or "bottom" when the value lies beyond the range: the bar stops there and an arrow says so."""

    tag: str
    low: float
    high: float
    frame: Frame
    fill: Box | None
    band: Box | None
    limits: tuple[Limit, ...]
    over: str = ""
    water_tag: str = ""
    water_factor: str = ""  # level units in one of the water tag's
    water: Box | None = None
    setpoint_tag: str = ""
    setpoint_y: str = ""
    low_label: str = ""  # the ends of the range as the person reads them
    high_label: str = ""

    @property
    def inner_limits(self) -> tuple[Limit, ...]:
        return tuple(limit for limit in self.limits if not limit.outer)

    @property
    def outer_limits(self) -> tuple[Limit, ...]:
        return tuple(limit for limit in self.limits if limit.outer)

    @property
    def low_text(self) -> str:
        return repr(self.low)

    @property
    def high_text(self) -> str:
        return repr(self.high)


LIST_FRAME = Frame(top=3, height=58)
DRAWING_FRAME = Frame(top=34, height=236)
WATER_MIN = 4.0  # drawing units: any water at all is seen, as on a gauge's own display
LABEL_LENGTH = 11  # characters that fit beside the drawing
LABEL_SPACING = 17.0  # drawing units between the labels of two limits, so that they never overlap


def show_bar(
    level: CatalogTag | None,
    value: float | None,
    frame: Frame,
    water: CatalogTag | None = None,
    water_value: float | None = None,
    *,
    code: int = 0,
    setpoint: CatalogTag | None = None,
    setpoint_value: float | None = None,
    units: str = AS_SENT,
) -> ShownBar | None:
    """The bar of a tank's level or a unit's value; ``None`` without a range, because then nothing can be drawn.

    ``code`` is the value's StatusCode: one beyond the range is pinned at that end. A ``setpoint`` in another unit than
    the value is left out. Everything is drawn in the site's unit; ``units`` are those of the limits' labels.
    """
    if level is None or level.lo is None or level.hi is None or level.hi <= level.lo:
        return None
    low, high = level.lo, level.hi
    factor = _factor(water, level)
    shown = shown_tag(level, units)
    wet = None if water_value is None or factor is None else water_value * factor
    return ShownBar(
        tag=level.id,
        low=low,
        high=high,
        frame=frame,
        fill=None if value is None else _from_bottom(_share(value, low, high), frame),
        band=_band(level.lim, low, high, frame),
        limits=_limits(level, low, high, frame, units),
        over="" if value is None else _over(value, low, high, code),
        water_tag=water.id if water is not None and factor is not None else "",
        water_factor="" if factor is None else repr(factor),
        water=None if wet is None else _water(_share(low + wet, low, high), frame),
        setpoint_tag=setpoint.id if setpoint is not None and setpoint.unit == level.unit else "",
        setpoint_y="" if setpoint_value is None else _from_bottom(_share(setpoint_value, low, high), frame).y,
        low_label=shown.text(low),
        high_label=shown.text(high),
    )


def _over(value: float, low: float, high: float, code: int) -> str:
    """At which end the value lies beyond the range; the source may say so of a value that it cut off there itself."""
    if value > high:
        return "top"
    if value < low:
        return "bottom"
    if code & 0xFFFF0000 != UNCERTAIN_ENGINEERING_UNITS_EXCEEDED:
        return ""
    return "top" if value - low > high - value else "bottom"


def _share(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _from_bottom(share: float, frame: Frame) -> Box:
    height = share * frame.height
    return Box(y=_attribute(frame.top + frame.height - height), height=_attribute(height))


def _water(share: float, frame: Frame) -> Box:
    if share <= 0:
        return _from_bottom(0, frame)
    return _from_bottom(max(share, WATER_MIN / frame.height), frame)


def _band(limits: Limits | None, low: float, high: float, frame: Frame) -> Box | None:
    """Between L and H: where the level normally is."""
    if limits is None or (limits.l is None and limits.h is None):
        return None
    bottom = _share(low if limits.l is None else limits.l, low, high)
    top = _share(high if limits.h is None else limits.h, low, high)
    if top <= bottom:
        return None
    return Box(y=_attribute(frame.top + (1 - top) * frame.height), height=_attribute((top - bottom) * frame.height))


def _limits(level: CatalogTag, low: float, high: float, frame: Frame, units: str) -> tuple[Limit, ...]:
    """Top to bottom, labels pushed apart where two limits lie closer than a line of text."""
    places = []
    shown = shown_tag(level, units)
    for key in ("hh", "h", "l", "ll"):
        value = getattr(level.lim, key, None)
        if value is not None:
            places.append((key, value, frame.top + (1 - _share(value, low, high)) * frame.height))
    labels = _spread([y for _, _, y in places], frame)
    return tuple(
        Limit(
            key=key,
            letters=key.upper(),
            word=LIMIT_WORDS[key],
            text=shown.text(value),
            y=_attribute(y),
            label_y=_attribute(label + 5),
        )
        for (key, value, y), label in zip(places, labels, strict=True)
    )


def _spread(places: list[float], frame: Frame) -> list[float]:
    spread: list[float] = []
    for place in places:
        spread.append(max(place, spread[-1] + LABEL_SPACING) if spread else place)
    floor = frame.top + frame.height
    for index in range(len(spread) - 1, -1, -1):
        spread[index] = min(spread[index], floor)
        floor = spread[index] - LABEL_SPACING
    return spread


def _factor(water: CatalogTag | None, level: CatalogTag) -> float | None:
    """Level units in one unit of the water level; ``None`` when they cannot be compared."""
    if water is None:
        return None
    if water.unit == level.unit:
        return 1.0
    rate = length_rate(1.0, f"{water.unit}/min", level.unit)  # lengths per minute convert as lengths do
    return None if rate is None else rate.value


def _attribute(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
