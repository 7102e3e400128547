"""Where level, water, band and limits stand in a drawing."""

from __future__ import annotations

import itertools

from hmi.screens.presenters.bars import Frame, show_bar
from relay_bridge.contract.messages import CatalogTag, Limits

FRAME = Frame(top=10, height=100)
LIMITS = Limits(ll=1.0, l=2.0, h=8.0, hh=9.0)


def level(lo: float | None = 0.0, hi: float | None = 10.0, lim: Limits | None = LIMITS) -> CatalogTag:
    return CatalogTag(id="T.level", name="Level", asset="T", source="main", unit="m", dec=1, lo=lo, hi=hi, lim=lim)


def test_level_fills_from_the_bottom() -> None:
    bar = show_bar(level(), 2.5, FRAME)
    assert bar is not None
    assert (bar.fill.y, bar.fill.height) == ("85", "25")
    assert (bar.band.y, bar.band.height) == ("30", "60")
    assert [(limit.letters, limit.text, limit.y) for limit in bar.limits] == [
        ("HH", "9.0", "20"),
        ("H", "8.0", "30"),
        ("L", "2.0", "90"),
        ("LL", "1.0", "100"),
    ]


def test_labels_of_close_limits_do_not_overlap_and_stay_in_the_drawing() -> None:
    bar = show_bar(level(), 2.5, FRAME)
    places = [float(limit.label_y) for limit in bar.limits]
    assert all(b - a >= 17 for a, b in itertools.pairwise(places))
    assert places[-1] <= FRAME.top + FRAME.height + 5


def test_value_beyond_the_range_stops_at_the_end_and_says_so() -> None:
    assert show_bar(level(), 12.0, FRAME).over == "top"
    assert show_bar(level(), 12.0, FRAME).fill.height == "100"
    assert show_bar(level(), -1.0, FRAME).over == "bottom"
    assert show_bar(level(), -1.0, FRAME).fill.height == "0"


def test_without_a_value_there_is_no_fill_and_without_a_range_no_bar() -> None:
    assert show_bar(level(), None, FRAME).fill is None
    assert show_bar(level(lo=None), 1.0, FRAME) is None
    assert show_bar(level(hi=0.0), 1.0, FRAME) is None
    assert show_bar(None, 1.0, FRAME) is None


def test_missing_limits_are_left_out_not_invented() -> None:
    bar = show_bar(level(lim=Limits(h=8.0)), 1.0, FRAME)
    assert [limit.letters for limit in bar.limits] == ["H"]
    assert (bar.band.y, bar.band.height) == ("30", "80")
    assert show_bar(level(lim=None), 1.0, FRAME).band is None


def test_water_is_converted_to_the_levels_unit_and_always_seen() -> None:
    water = CatalogTag(id="T.water", name="Water", asset="T", source="main", unit="mm")
    assert show_bar(level(), 5.0, FRAME, water, 2000.0).water.height == "20"
    assert show_bar(level(), 5.0, FRAME, water, 1.0).water.height == "4"
    assert show_bar(level(), 5.0, FRAME, water, 0.0).water.height == "0"
    mass = CatalogTag(id="T.water", name="Water", asset="T", source="main", unit="kg")
    assert show_bar(level(), 5.0, FRAME, mass, 1.0).water_tag == ""


def test_value_that_the_source_cut_off_is_pinned_at_that_end() -> None:
    exceeded = 0x40940000
    assert show_bar(level(), 10.0, FRAME, code=exceeded).over == "top"
    assert show_bar(level(), 0.0, FRAME, code=exceeded).over == "bottom"
    assert show_bar(level(), 10.0, FRAME).over == ""


def test_setpoint_stands_beside_the_bar_in_the_same_unit_only() -> None:
    setpoint = CatalogTag(id="T.sp", name="Setpoint", asset="T", source="main", unit="m")
    bar = show_bar(level(), 5.0, FRAME, setpoint=setpoint, setpoint_value=7.5)
    assert (bar.setpoint_tag, bar.setpoint_y) == ("T.sp", "35")
    other = CatalogTag(id="T.sp", name="Setpoint", asset="T", source="main", unit="%")
    assert show_bar(level(), 5.0, FRAME, setpoint=other, setpoint_value=7.5).setpoint_tag == ""
