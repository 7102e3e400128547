"""Numbers, ages, durations and moments as an operator reads them; ``static/js/words.js`` says the same ones live."""

from __future__ import annotations

import math
import zoneinfo
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from django.utils.translation import gettext

from hmi.languages.dates import date_text
from hmi.languages.numbers import localised

DASH = "\u2014"  # em dash: there is no value
MINUTE, HOUR, DAY = 60, 3600, 86400  # seconds
NO_BREAK = "\u00a0"  # no-break space: a number and its unit stay on one line
CLOCK_TOLERANCE = 5.0  # seconds; a source's clock further ahead is a clock warning, not an age


def number_text(value: float, decimals: int) -> str:
    """``value`` with fixed decimals as people read it: with the decimal mark of their language."""
    return localised(plain_number(value, decimals))


def plain_number(value: float, decimals: int) -> str:
    """``value`` with fixed decimals and a point, never ``-0.0``; rounds as ``Number.toFixed`` does."""
    if not math.isfinite(value):
        return DASH
    step = Decimal(1).scaleb(-decimals)
    rounded = Decimal(value).quantize(step, rounding=ROUND_HALF_UP) if abs(value) < 1e15 else Decimal(value)
    text = f"{rounded:.{decimals}f}"
    return text.removeprefix("-") if not float(text) else text


def age_text(seconds: float) -> str:
    """How old something is: ``12 s``, ``3 min 05 s``, ``2 h 14 min``, ``3 d``."""
    whole = max(0, int(seconds))
    if whole < MINUTE:
        text = gettext("{seconds} s").format(seconds=whole)
    elif whole < HOUR:
        text = gettext("{minutes} min {seconds} s").format(minutes=whole // MINUTE, seconds=f"{whole % MINUTE:02d}")
    elif whole < 2 * DAY:
        text = gettext("{hours} h {minutes} min").format(hours=whole // HOUR, minutes=f"{whole % HOUR // MINUTE:02d}")
    else:
        text = gettext("{days} d").format(days=whole // DAY)
    return unbroken(text)


def duration_text(minutes: float) -> str:
    """A time ahead, no finer than it can be known: ``42 min``, ``3 h 20 min``."""
    whole = max(0, int(minutes))
    if whole < 1:
        text = gettext("under 1 min")
    elif whole < 60:
        text = gettext("{minutes} min").format(minutes=whole)
    else:
        text = gettext("{hours} h {minutes} min").format(hours=whole // 60, minutes=f"{whole % 60:02d}")
    return unbroken(text)


def unbroken(text: str) -> str:
    """``text`` on one line wherever it stands: the translations write plain spaces, and a line must not end at one."""
    return text.replace(" ", NO_BREAK)


def moment_text(ms: int, zone: zoneinfo.ZoneInfo, now: int) -> str:
    """A moment in the site's time: ``14:02:03`` on the same day, else with the date."""
    moment, today = at(ms, zone), at(now, zone)
    if moment.date() == today.date():
        return moment.strftime("%H:%M:%S")
    return f"{date_text(moment)} {moment:%H:%M}"


def since_text(ms: int, zone: zoneinfo.ZoneInfo, now: int) -> str:
    """Since when something is so: ``14:02`` on the same day, else with the date; empty when it is not known."""
    if ms <= 0:
        return ""
    moment, today = at(ms, zone), at(now, zone)
    clock = moment.strftime("%H:%M")
    return clock if moment.date() == today.date() else f"{date_text(moment)} {clock}"


def until_text(moment: datetime, zone: zoneinfo.ZoneInfo, now: int) -> str:
    """The end of an access: with its hour when that is less than two days away."""
    local = moment.astimezone(zone)
    today = at(now, zone)
    if local.date() == today.date():
        return gettext("{clock} today").format(clock=f"{local:%H:%M}")
    if (local - today).total_seconds() < 2 * DAY:
        return f"{date_text(local)} {local:%H:%M}"
    return date_text(local)


def at(ms: int, zone: zoneinfo.ZoneInfo) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)
