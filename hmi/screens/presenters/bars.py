"""The level bar: where the level, the water, the normal band and the limits stand in the drawing.

Everything is a share of the drawing's height from the bottom, 0 to 1, so that a small bar in a list and the big tank
drawing use the same sums; ``static/js/bars.js`` moves the same rectangles live.
"""

from __future__ import annotations

from dataclasses import dataclass

from hmi.screens.presenters.words import number_text
from hmi.sites.units import length_rate
from relay_bridge.contract.messages import CatalogTag, Limits

LIMIT_WORDS = {"ll": "low-low", "l": "low", "h": "high", "hh": "high-high"}


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
    word: str
    text: str
    y: str
    label_y: str


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

    @property
    def low_text(self) -> str:
        return repr(self.low)

    @property
    def high_text(self) -> str:
        return repr(self.high)


LIST_FRAME = Frame(top=3, height=58)
DRAWING_FRAME = Frame(top=34, height=236)
WATER_MIN = 4.0  # drawing units: any water at all is seen, as on a gauge's own display
LABEL_SPACING = 17.0  # drawing units between the labels of two limits, so that they never overlap


def show_bar(
    level: CatalogTag | None,
    value: float | None,
    frame: Frame,
    water: CatalogTag | None = None,
    water_value: float | None = None,
) -> ShownBar | None:
    """The bar of a tank; ``None`` when the catalog gives the level no range, because then nothing can be drawn."""
    if level is None or level.lo is None or level.hi is None or level.hi <= level.lo:
        return None
    low, high = level.lo, level.hi
    factor = _factor(water, level)
    wet = None if water_value is None or factor is None else water_value * factor
    return ShownBar(
        tag=level.id,
        low=low,
        high=high,
        frame=frame,
        fill=None if value is None else _from_bottom(_share(value, low, high), frame),
        band=_band(level.lim, low, high, frame),
        limits=_limits(level, low, high, frame),
        over="" if value is None else "top" if value > high else "bottom" if value < low else "",
        water_tag=water.id if water is not None and factor is not None else "",
        water_factor="" if factor is None else repr(factor),
        water=None if wet is None else _water(_share(low + wet, low, high), frame),
    )


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


def _limits(level: CatalogTag, low: float, high: float, frame: Frame) -> tuple[Limit, ...]:
    """Top to bottom, labels pushed apart where two limits lie closer than a line of text."""
    places = []
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
            text=number_text(value, level.dec),
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
