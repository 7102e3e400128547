"""The two axes of a trend: round numbers up the side, round times by the site's clock along the foot."""

from __future__ import annotations

import math
import zoneinfo
from dataclasses import dataclass
from datetime import datetime

from hmi.languages.dates import day_text
from hmi.screens.presenters.words import at, number_text

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
TIME_STEPS = (
    5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE,
    30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
)  # fmt: skip
TIMES = 5  # labels at most: as many as stand side by side on a phone
NUMBERS = 5
MARGIN = 0.06  # of the range, above and below
UTMOST = 1e300  # beyond it a difference of two numbers may be none


@dataclass(frozen=True)
class Tick:
    """``place`` in percent from the left, or from the top."""

    place: str
    text: str
    moment: str = ""  # epoch ms of a time


@dataclass(frozen=True)
class Scale:
    """The values at the foot and at the top of a panel."""

    low: float
    high: float

    def height(self, value: float) -> int:
        """Thousandths from the top, cut to the panel."""
        return round(1000 * (1 - min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)))

    def shows(self, value: float) -> bool:
        return self.low <= value <= self.high


def fitted_scale(low: float, high: float, least: float) -> Scale:
    """Around [low, high] with a margin, at least ``least`` high, so that the noise of a still tank stays small."""
    low, high = (min(max(value, -UTMOST), UTMOST) for value in (low, high))
    missing = max(least - (high - low), 0.0) / 2
    low, high = low - missing, high + missing
    margin = (high - low) * MARGIN or max(abs(high), 1.0) * MARGIN
    return Scale(low - margin, high + margin)


def number_ticks(scale: Scale) -> tuple[Tick, ...]:
    rough = (scale.high - scale.low) / NUMBERS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= rough)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
    return tuple(
        Tick(percent(scale.height(number * step), 1000), number_text(number * step, decimals))
        for number in range(first, last + 1)
    )


def time_ticks(start: int, end: int, zone: zoneinfo.ZoneInfo) -> tuple[Tick, ...]:
    """Whole hours, days or what fits, by the site's clock also across a change to or from summer time."""
    step = next((step for step in TIME_STEPS if end - start <= step * TIMES), TIME_STEPS[-1])
    grain = min(step, 15 * MINUTE)  # offsets of time zones are multiples of it
    ticks = []
    for moment in range(-(-start // grain) * grain, end, grain):
        local = at(moment, zone)
        if _on_the_clock(local, step) and _apart(moment, start, end):
            ticks.append(Tick(percent(moment - start, end - start), _time_text(local, step), str(moment)))
    return tuple(ticks)


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}%"


def _on_the_clock(local: datetime, step: int) -> bool:
    if step > DAY:
        return local.toordinal() % (step // DAY) == 0 and not (local.hour or local.minute)
    since_midnight = ((local.hour * 60 + local.minute) * 60 + local.second) * SECOND
    return since_midnight % step == 0


def _apart(moment: int, start: int, end: int) -> bool:
    """A label at the very edge would be cut off."""
    return 0.03 <= (moment - start) / (end - start) <= 0.97


def _time_text(local: datetime, step: int) -> str:
    if step >= DAY or not (local.hour or local.minute or local.second):
        return day_text(local)
    return f"{local:%H:%M:%S}" if step < MINUTE else f"{local:%H:%M}"
