"""Shift times: as they are written, and which shifts there are, summer time included."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from hmi.shifts.starts import parse_starts
from hmi.shifts.times import shifts_until, starts_at
from tests.hmi.live.people import make_site

OSLO = zoneinfo.ZoneInfo("Europe/Oslo")
THREE = parse_starts("06:00 14:00 22:00")


@pytest.mark.parametrize(
    "text", ["", "6:00", "24:00", "06:00 06:00", "06:00 soon", " ".join(f"0{n}:00" for n in range(9))]
)
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no shift times"):
        parse_starts(text)


def test_running_shift_comes_first_then_those_before() -> None:
    now = dt.datetime(2026, 11, 23, 5, 30, tzinfo=dt.UTC)  # 06:30 in Oslo
    shown = [(f"{one.start.astimezone(OSLO):%d %H:%M}", one.running) for one in shifts_until(now, THREE, OSLO)]
    assert shown == [("23 06:00", True), ("22 22:00", False), ("22 14:00", False), ("22 06:00", False)]


def test_night_shift_has_nine_hours_when_the_clock_is_set_back() -> None:
    now = dt.datetime(2026, 10, 25, 12, tzinfo=dt.UTC)
    nights = [one for one in shifts_until(now, THREE, OSLO) if one.start.astimezone(OSLO).hour == 22]
    assert [one.end - one.start for one in nights] == [dt.timedelta(hours=9)]


def test_one_shift_a_day_is_a_day() -> None:
    now = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
    first, second, *_ = shifts_until(now, parse_starts("07:00"), dt.UTC)  # type: ignore[arg-type]
    assert first.start - second.start == dt.timedelta(days=1) and second.end == first.start


@pytest.mark.django_db
def test_site_has_its_own_times() -> None:
    site = make_site()
    assert starts_at(site) == THREE
    out = StringIO()
    call_command("shift_times", "north", "18:00", "06:00", stdout=out)
    assert starts_at(site) == (dt.time(6), dt.time(18)) and "06:00 18:00" in out.getvalue()
    for bad in (["north", "late"], ["nowhere"]):
        with pytest.raises(CommandError):
            call_command("shift_times", *bad)
