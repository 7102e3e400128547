"""Which shifts there are at a site, by its own clock, summer time included. Sums on dates; one query for the times."""

from __future__ import annotations

import datetime as dt
import itertools
import zoneinfo
from collections.abc import Sequence
from typing import NamedTuple

from django.conf import settings

from hmi.shifts.models import ShiftTimes
from hmi.shifts.starts import parse_starts
from hmi.sites.models import Site

LONGEST = dt.timedelta(hours=36)  # that one hand-over covers


class Shift(NamedTuple):
    """From when until when, aware; ``running``: it has not ended yet."""

    start: dt.datetime
    end: dt.datetime
    running: bool


def starts_at(site: Site) -> tuple[dt.time, ...]:
    """The site's own times, or those of the setting."""
    row = ShiftTimes.objects.filter(site=site).first()
    return parse_starts(row.starts if row is not None else settings.SHIFT_STARTS)


def shifts_until(
    now: dt.datetime, starts: Sequence[dt.time], zone: zoneinfo.ZoneInfo, *, most: int = 4
) -> tuple[Shift, ...]:
    """The one that runs and those before it, newest first. Times that the clock skips or repeats are the first ones."""
    today = now.astimezone(zone).date()
    days = [today + dt.timedelta(days=shift) for shift in range(-most - 1, 3)]
    moments = sorted({dt.datetime.combine(day, start, zone).astimezone(dt.UTC) for day in days for start in starts})
    found = [Shift(start, end, running=end > now) for start, end in itertools.pairwise(moments) if start <= now]
    return tuple(found[::-1][:most])
