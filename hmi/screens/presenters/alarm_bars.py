"""The picture of how many alarms came in each ten minutes, as rectangles that a template draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 60.0  # units of the drawing
STEP = 5.0  # one stretch of ten minutes
LEAST_WIDE = 6  # stretches: an hour, so that the first ten minutes of a site do not fill the picture
LEAST_TOP = 15  # alarms up to which the scale always reaches, so that a quiet day does not look like a wild one


@dataclass(frozen=True)
class Bar:
    """One stretch; ``over``: more than the bound came."""

    x: str
    y: str
    height: str
    over: bool


@dataclass(frozen=True)
class ShownBars:
    """``limit_y`` is where the bound stands; ``most`` the highest number that was drawn. ``unknown``: how far from the
    left nothing is known, in percent; empty when all is."""

    bars: tuple[Bar, ...]
    width: str
    limit_y: str
    most: int
    hours: int
    unknown: str = ""


def show_bars(counts: Sequence[int], limit: int) -> ShownBars:
    """``counts`` by stretches of ten minutes, the newest last."""
    missing = max(0, LEAST_WIDE - len(counts))
    counts = [0] * missing + list(counts)
    top = max([LEAST_TOP, *counts])
    bars = tuple(
        Bar(_text(place * STEP), _text(HEIGHT - height), _text(height), count > limit)
        for place, count in enumerate(counts)
        if count and (height := HEIGHT * count / top)
    )
    hours = max(1, round(len(counts) / 6))
    return ShownBars(
        bars=bars,
        width=_text(len(counts) * STEP),
        limit_y=_text(HEIGHT * (1 - limit / top)),
        most=max(counts),
        hours=hours,
        unknown=f"{100 * missing / len(counts):.1f}%" if missing else "",
    )


def _text(number: float) -> str:
    """With a point in every language: it stands in a drawing, not in a sentence."""
    return f"{number:.1f}"
