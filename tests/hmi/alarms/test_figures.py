"""The figures of ISA-18.2 from a journal that one can count by hand."""

from __future__ import annotations

import zoneinfo

from hmi.alarms.figures import DAY, TEN_MINUTES, time_in_flood, work_out
from hmi.alarms.journal import csv_lines
from hmi.screens.presenters.alarm_bars import show_bars
from tests.hmi.alarms.rows import NOW, alarm, event

START = NOW - DAY


def test_counts_rates_and_the_worst_ten_minutes() -> None:
    burst = [event(START + TEN_MINUTES - 6_000 + 1_000 * n, f"a{n:03d}", sev=500) for n in range(12)]
    calm = [event(START + n * 3_600_000, "a100", sev=300) for n in range(2, 20)]
    ignored = [event(START + 5, kind="cleared"), event(START - 1)]
    found = work_out([*burst, *calm, *ignored], [], START, NOW)
    values = {figure.name: (figure.value, figure.within) for figure in found.rates}
    assert found.count == 30 and values["Alarms a day"] == ("30", True)
    # Twelve within 12 s, although the clock's ten minutes end among them.
    assert values["Most alarms in any 10 minutes"] == ("12", False)
    assert values["10-minute periods with more than 10 alarms"] == ("0.0 %", True)
    assert (found.top[0].id, found.top[0].count) == ("a100", 18) and len(found.top) == 10
    assert {share.band: share.count for share in found.split} == {"crit": 0, "high": 0, "med": 12, "low": 18}


def test_chattering_is_three_within_a_minute_from_one_alarm() -> None:
    chatters = [event(START + n * 29_000, "a001") for n in range(3)]
    slow = [event(START + n * 31_000, "a002") for n in range(3)]
    assert [each.id for each in work_out([*chatters, *slow], [], START, NOW).chattering] == ["a001"]


def test_standing_and_stale_come_from_the_list_and_short_times_are_not_judged() -> None:
    rows = [alarm(1, t_act=START), alarm(2), alarm(3, act=False), alarm(4, shelf=-1), alarm(5, suppressed=True)]
    found = work_out([], rows, NOW - TEN_MINUTES, NOW)
    assert [figure.value for figure in found.standing] == ["2", "1", "1"]
    assert [(each.id, each.since) for each in found.stale] == [("a001", START)]
    values = {figure.name: figure.within for figure in found.rates}
    assert values["Alarms a day"] is None and values["Alarms in the last 10 minutes"] is True
    shown = {figure.name: figure.value for figure in found.rates}
    assert shown["Alarms a day"] == shown["Alarms an hour, on average"] == "\u2013", "ten minutes give no average"


def test_time_in_flood_begins_with_the_tenth_and_ends_when_fewer_than_five_are_left() -> None:
    minute = 60_000
    burst = [START + n * 1_000 for n in range(10)]
    # Fewer than five are left ten minutes after the fifth newest, which came at 5 s; the flood began at 9 s.
    assert time_in_flood(burst, NOW) == TEN_MINUTES - 4_000
    # One more each two minutes keeps five in the window, so that it goes on until they stop.
    slow = [START + 9_000 + n * 2 * minute for n in range(1, 11)]
    assert time_in_flood([*burst, *slow], NOW) == slow[-5] + TEN_MINUTES - (START + 9_000)
    assert time_in_flood(burst[:9], NOW) == 0 and time_in_flood([], NOW) == 0
    assert time_in_flood(burst, START + minute) == minute - 9_000, "it lasts still"


def test_bars_are_stretches_that_end_now() -> None:
    found = work_out([event(NOW - 1), event(NOW - TEN_MINUTES), event(START)], [], START, NOW)
    assert len(found.bars) == 144 and sum(found.bars) == 3 and (found.bars[-1], found.bars[0]) == (2, 1)
    drawn = show_bars(found.bars, 10)
    assert len(drawn.bars) == 2 and drawn.limit_y == "20.0" and drawn.most == 2 and drawn.hours == 24


def test_csv_cell_of_the_plant_is_no_formula_and_people_have_names() -> None:
    rows = [event(NOW, msg="=HYPERLINK(1)", by="7d8c", comment='say "hi",\nthen', area="@north")]
    head, line = csv_lines(rows, zoneinfo.ZoneInfo("Europe/Oslo"), {"7d8c": "alice"})
    assert head.startswith(b"time,event,alarm")
    text = line.decode()
    assert (
        text.startswith("2026-11-22T18:53:20.000+01:00,active,")
        and ",'=HYPERLINK(1),alice," in text
        and ",'@north," in text
    )
