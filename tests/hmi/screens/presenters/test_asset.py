"""A tank's page speaks the trade's words, and only those that the site has."""

from __future__ import annotations

import dataclasses
import zoneinfo

from hmi.screens.presenters.asset import ShownAssetPage, show_asset_page
from hmi.screens.presenters.values import Scene
from tests.hmi.screens.sample import NOW, sample_catalog, sample_readings

SCENE = Scene(now=NOW, zone=zoneinfo.ZoneInfo("Europe/Oslo"))


def page(asset: str, scene: Scene = SCENE) -> ShownAssetPage:
    catalog = sample_catalog()
    return show_asset_page(catalog, catalog.asset(asset), sample_readings(), scene, "north")


def test_tank_page_has_the_groups_in_the_trades_order() -> None:
    shown = page("TK-101")
    assert [group.name for group in shown.groups] == [
        "Status", "Level", "Volume", "Flow", "Temperature", "Pressure", "Quantity",
    ]  # fmt: skip
    volumes = shown.groups[2]
    assert [value.tag for value in volumes.values] == ["TK-101.gov", "TK-101.gsv", "TK-101.tov", "TK-101.fwv"]
    assert volumes.volumes
    assert shown.main.tag == "TK-101.level"
    assert "TK-101.level" not in [value.tag for group in shown.groups for value in group.values]
    assert (shown.product.text, shown.working_range) == ("Gasoline 95", "2.000 to 13.500\u00a0m")


def test_limits_have_the_time_until_they_are_reached_at_the_present_rate() -> None:
    shown = page("TK-101")  # 12.345 m rising 12.3 mm/min
    assert [(limit.letters, limit.text, limit.time) for limit in shown.limits] == [
        ("HH", "14.500", "2\u00a0h\u00a055\u00a0min"),
        ("H", "13.500", "1\u00a0h\u00a033\u00a0min"),
        ("L", "2.000", ""),
        ("LL", "1.000", ""),
        ("", "0.000", ""),
    ]
    assert shown.next.text == "H in 1\u00a0h\u00a033\u00a0min"
    assert [(limit.key, limit.time) for limit in page("TK-104").limits if limit.time] == [
        ("l", "15\u00a0h\u00a004\u00a0min"),
        ("ll", "16\u00a0h\u00a059\u00a0min"),
        ("empty", "18\u00a0h\u00a054\u00a0min"),
    ]


def test_stale_level_has_no_forecast() -> None:
    assert [limit.time for limit in page("TK-101", dataclasses.replace(SCENE, stale=True)).limits] == [""] * 5
    assert page("TK-101", dataclasses.replace(SCENE, stale=True)).next.text == ""


def test_neighbours_follow_the_overview() -> None:
    assert page("TK-101").previous is None
    assert page("TK-101").following.href == "/sites/north/tanks/TK-102/"
    assert page("TK-108").following.href == "/sites/north/units/P-101/"
    assert page("P-101").following.name == "TK-201"
    assert page("TK-206").following is None


def test_pump_page_shows_flow_setpoint_and_state() -> None:
    shown = page("P-101")
    assert (shown.kind, shown.bar, shown.limits, shown.main.text) == ("pump", None, (), "412.0")
    assert shown.groups == ()
    assert [(value.name, value.text) for value in shown.tiles] == [
        ("Running", "running"),
        ("Mode", "automatic"),
        ("Setpoint", "420.0"),
    ]


def test_tank_gauged_by_hand_says_so_in_a_sentence() -> None:
    assert page("TK-202").gauge_words == "Entered by hand: these figures are not measured."
    assert page("TK-101").gauge_words == ""


def test_movement_stands_on_its_own_with_only_what_the_site_has() -> None:
    shown = page("TK-101")
    assert [value.text for value in shown.movement] == ["receiving"]
    assert not shown.has_plan
