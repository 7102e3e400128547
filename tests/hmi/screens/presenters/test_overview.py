"""The overview: areas as laid out, the abnormal first on request, nothing hidden by the choice of an area."""

from __future__ import annotations

import dataclasses
import zoneinfo

import pytest

from hmi.screens.presenters.overview import ShownOverview, show_overview
from hmi.screens.presenters.values import Scene
from relay_bridge.contract.messages import SourceState
from tests.hmi.screens.sample import NOW, sample_catalog, sample_readings

AUX_DOWN = {"main": SourceState(), "aux": SourceState(2, NOW, "no answer")}
SCENE = Scene(now=NOW, zone=zoneinfo.ZoneInfo("Europe/Oslo"), sources=AUX_DOWN)


@pytest.fixture
def overview() -> ShownOverview:
    return show_overview(sample_catalog(), sample_readings(), SCENE, "north")


def ids(overview: ShownOverview, area: int) -> list[str]:
    return [asset.id for asset in overview.areas[area].assets]


def test_areas_and_tanks_stand_as_the_site_laid_them_out(overview: ShownOverview) -> None:
    assert [(area.name, area.tanks, area.others) for area in overview.areas] == [
        ("North farm", 8, 1),
        ("South farm", 6, 0),
    ]
    assert ids(overview, 0)[:3] == ["TK-101", "TK-102", "TK-103"]
    assert [(area.alarms, area.stale) for area in overview.areas] == [(2, 0), (0, 1)]


def test_row_has_level_rate_bar_badge_product_and_address(overview: ShownOverview) -> None:
    high = overview.areas[0].assets[2]
    assert (high.main.text, high.main.unit, high.badge.letters) == ("14.612", "m", "HH")
    assert high.badge.words == "Alarm: level high-high"
    assert (high.rate.text, high.rate.unit) == ("+4.1", "mm/min")
    assert (high.rate.move, high.rate.arrow) == ("receiving", "\u25b2")
    assert high.product.text == "Jet A-1"
    assert high.href == "/sites/north/tanks/TK-103/"
    assert high.gauge_plain
    pump = overview.areas[0].assets[-1]
    assert (pump.href, pump.main.text, pump.second.text) == ("/sites/north/units/P-101/", "412.0", "running")
    assert pump.bar is None


def test_alarm_on_a_bad_level_is_not_cleared_but_unknown(overview: ShownOverview) -> None:
    bad = next(asset for asset in overview.areas[0].assets if asset.id == "TK-105")
    assert (bad.main.text, bad.badge.shown) == ("\u2014", True)
    assert not bad.gauge_plain
    assert not next(asset for asset in overview.areas[1].assets if asset.id == "TK-202").badge.shown


def test_alarm_of_a_silent_site_is_doubtful() -> None:
    silent = dataclasses.replace(SCENE, stale=True)
    overview = show_overview(sample_catalog(), sample_readings(), silent, "north")
    high = overview.areas[0].assets[2]
    assert (high.badge.letters, high.badge.doubtful, high.stale) == ("HH", True, True)


def test_abnormal_first_gathers_them_by_urgency() -> None:
    overview = show_overview(sample_catalog(), sample_readings(), SCENE, "north", order="abnormal")
    assert [area.name for area in overview.areas] == ["Needs attention", "North farm", "South farm"]
    assert ids(overview, 0) == ["TK-103", "TK-107", "TK-105", "TK-202", "TK-206"]
    assert "TK-103" not in ids(overview, 1)


def test_nothing_abnormal_needs_no_attention() -> None:
    readings = sample_readings(trouble=False)
    scene = dataclasses.replace(SCENE, sources={})
    overview = show_overview(sample_catalog(), readings, scene, "north", order="abnormal")
    assert [area.name for area in overview.areas] == ["North farm", "South farm"]


def test_choosing_an_area_folds_the_others_with_their_alarms_counted() -> None:
    overview = show_overview(sample_catalog(), sample_readings(), SCENE, "north", area="South farm")
    assert [(area.name, area.folded, area.alarms) for area in overview.areas] == [
        ("North farm", True, 2),
        ("South farm", False, 0),
    ]
    unknown = show_overview(sample_catalog(), sample_readings(), SCENE, "north", area="<script>")
    assert unknown.chosen_area == ""


def test_filters_keep_what_matches_and_count_everything() -> None:
    shown = show_overview(sample_catalog(), sample_readings(), SCENE, "north", show="moving")
    assert [asset.id for area in shown.areas for asset in area.assets] == [
        "TK-101", "TK-103", "TK-104", "TK-107", "P-101", "TK-201", "TK-204", "TK-205",
    ]  # fmt: skip
    assert (shown.shown, shown.total) == (8, 15)
    assert [(choice.key, choice.count) for choice in shown.shows] == [
        ("all", None), ("alarm", 2), ("stale", 1), ("moving", 8),
    ]  # fmt: skip
    assert [(area.name, area.alarms, area.tanks) for area in shown.areas] == [
        ("North farm", 2, 8),
        ("South farm", 0, 6),
    ]
    alarms = show_overview(sample_catalog(), sample_readings(), SCENE, "north", show="alarm", area="South farm")
    assert [(area.name, area.folded) for area in alarms.areas] == [("North farm", True)]
    assert alarms.shown == 0


def test_soonest_first_puts_the_next_limit_on_top() -> None:
    shown = show_overview(sample_catalog(), sample_readings(), SCENE, "north", order="soonest")
    first, rest = shown.areas
    assert [(asset.id, asset.next.text) for asset in first.assets][:2] == [
        ("TK-204", "H in 1\u00a0h\u00a016\u00a0min"), ("TK-101", "H in 1\u00a0h\u00a033\u00a0min"),
    ]  # fmt: skip
    assert [asset.next.minutes for asset in first.assets] == sorted(asset.next.minutes for asset in first.assets)
    assert all(asset.next.text == "" for asset in rest.assets)
    assert sum(len(area.assets) for area in shown.areas) == 15


def test_choices_keep_each_other_in_the_address() -> None:
    shown = show_overview(sample_catalog(), sample_readings(), SCENE, "north", show="moving", area="North farm")
    assert [choice.query for choice in shown.orders][1] == "?order=abnormal&area=North+farm&show=moving"
    assert next(choice.query for choice in shown.shows) == "?order=laid-out&area=North+farm"
    assert shown.all_areas_query == "?order=laid-out&show=moving"
