"""Derived states of a tank: what follows from the readings, and that nothing is said which does not."""

from __future__ import annotations

from typing import Any

import pytest

from hmi.sites.catalog import Catalog
from hmi.sites.tanks import AssetState, alarm_state, asset_state
from relay_bridge.contract.messages import CatalogAsset, CatalogTag, Limits
from relay_bridge.contract.readings import BAD_NO_COMMUNICATION, UNCERTAIN_LAST_USABLE_VALUE, Reading

UNITS = {"level": "m", "flow": "m³/h", "tov": "m³", "level_rate": "mm/min", "available_room": "m³", "pumpable": "m³"}
LIMITS = Limits(ll=1.0, l=2.0, h=13.0, hh=14.0)


def tank(values: dict[str, Any], *, units: dict[str, str] | None = None, ranges: dict[str, Any] | None = None,
         limits: Limits | None = LIMITS, quality: dict[str, int] | None = None) -> AssetState:  # fmt: skip
    units, ranges, quality = {**UNITS, **(units or {})}, {"level": (0.0, 16.0), **(ranges or {})}, quality or {}
    tags = tuple(
        CatalogTag(
            id=f"T.{canon}", name=canon, asset="T", source="main", canon=canon, unit=units.get(canon, ""),
            lo=ranges.get(canon, (None, None))[0], hi=ranges.get(canon, (None, None))[1],
            lim=limits if canon == "level" else None,
        )
        for canon in values
    )  # fmt: skip
    catalog = Catalog("c", ("A",), (CatalogAsset(id="T", name="T", area="A", kind="tank"),), tags)
    readings = {
        f"T.{canon}": Reading(value, 1_000, quality.get(canon, 0))
        for canon, value in values.items()
        if value is not ...
    }
    return asset_state(catalog, "T", readings)


@pytest.mark.parametrize(
    ("level", "alarm"),
    [
        (0.99, "LL"), (1.0, "LL"), (1.01, "L"), (2.0, "L"), (2.01, ""), (12.99, ""), (13.0, "H"), (13.99, "H"),
        (14.0, "HH"), (15, "HH"),
    ],
)  # fmt: skip
def test_alarm_is_the_outermost_limit_that_the_level_reached(level: float, alarm: str) -> None:
    state = tank({"level": level})
    assert (state.alarm, state.doubtful) == (alarm, False)


def test_limits_that_are_not_set_raise_nothing() -> None:
    assert tank({"level": 15.0}, limits=Limits(ll=1.0)).alarm == ""
    assert tank({"level": 15.0}, limits=None) == AssetState()
    assert tank({"level": 0.0}, limits=Limits(l=0.5)).alarm == "L"


def test_bad_level_does_not_clear_an_alarm_but_makes_it_doubtful() -> None:
    assert tank({"level": 14.2}, quality={"level": UNCERTAIN_LAST_USABLE_VALUE}) == AssetState("HH", doubtful=True)
    assert tank({"level": 14.2}, quality={"level": BAD_NO_COMMUNICATION}).as_wire() == {
        "alarm": "HH", "move": "unknown", "doubtful": True,
    }  # fmt: skip


@pytest.mark.parametrize("value", [None, "n/a", True, ...])
def test_level_without_a_number_is_doubtful_and_not_normal(value: Any) -> None:
    assert tank({"level": value}) == AssetState("", doubtful=True)


def test_asset_without_a_level_has_no_alarm_and_no_doubt() -> None:
    assert alarm_state(None, None) == ("", False)
    assert tank({"flow": 10.0}).doubtful is False
    assert asset_state(Catalog("c"), "nowhere", {}) == AssetState()


@pytest.mark.parametrize(
    ("flow", "move"),
    [
        (600.0, "receiving"), (-600.0, "discharging"), (0.0, "still"), (0.4, "still"), (-0.5, "still"),
        (0.6, "receiving"), (None, "unknown"), (..., "unknown"),
    ],
)  # fmt: skip
def test_movement_is_the_flows_sign_beyond_the_deadband(flow: Any, move: str) -> None:
    assert tank({"level": 5.0, "flow": flow}).move == move


def test_deadband_is_a_thousandth_of_the_range() -> None:
    assert tank({"flow": 4.9}, ranges={"flow": (-5000.0, 5000.0)}).move == "still"
    assert tank({"flow": 5.1}, ranges={"flow": (-5000.0, 5000.0)}).move == "receiving"


def test_movement_falls_back_on_the_level_rate_and_then_on_nothing() -> None:
    assert tank({"level": 5.0, "flow": 90.0, "level_rate": -2.0}).move == "receiving"
    assert tank({"level": 5.0, "flow": 90.0, "level_rate": -2.0}, quality={"flow": BAD_NO_COMMUNICATION}).move == (
        "discharging"
    )
    assert tank({"level": 5.0, "level_rate": 0.4}).move == "still"
    assert tank({"level": 5.0, "level_rate": 0.06}, units={"level_rate": "m/h"}).move == "receiving"
    assert tank({"level": 5.0, "level_rate": 3.0}, units={"level_rate": "furlong/day"}).move == "unknown"
    assert tank({"level": 5.0}).move == "unknown"


def test_measured_rate_is_shown_in_the_trades_unit() -> None:
    state = tank({"level": 5.0, "level_rate": 0.6}, units={"level_rate": "m/h"})
    assert (state.rate, state.rate_unit, state.rate_basis) == (pytest.approx(10.0), "mm/min", "level_rate")


def test_rate_from_flow_uses_the_mean_cross_section() -> None:
    # 1000 m3 in 10 m: 100 m2. 600 m3/h into it: 10 m3/min, so 100 mm/min.
    state = tank({"level": 10.0, "tov": 1000.0, "flow": 600.0})
    assert (state.rate, state.rate_unit, state.rate_basis) == (pytest.approx(100.0), "mm/min", "flow")
    assert state.to == {"h": pytest.approx(30.0), "hh": pytest.approx(40.0)}


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({"level": 10.0, "flow": 600.0}, {}),  # no volume: no cross-section
        ({"level": 10.0, "tov": 1000.0}, {}),  # no flow
        ({"level": 0.5, "tov": 50.0, "flow": 600.0}, {}),  # nearly empty: says nothing of the cross-section
        ({"level": 10.0, "tov": 0.0, "flow": 600.0}, {}),
        ({"level": 10.0, "tov": 1000.0, "flow": 600.0}, {"units": {"flow": "t/h"}}),  # a mass needs a density
        ({"level": 10.0, "tov": 1000.0, "flow": 600.0}, {"ranges": {"level": (None, None)}}),
        ({"level": 10.0, "tov": 1000.0, "flow": 600.0}, {"quality": {"tov": BAD_NO_COMMUNICATION}}),
        # The gauge has a rate of its own: when that is bad, no other is made up in its place.
        ({"level": 10.0, "tov": 1000.0, "flow": 600.0, "level_rate": None}, {}),
    ],
)
def test_rate_that_does_not_follow_is_not_invented(values: dict[str, Any], options: dict[str, Any]) -> None:
    state = tank(values, **options)
    assert (state.rate, state.rate_unit, state.to) == (None, "", {})


def test_times_are_for_limits_ahead_in_this_direction() -> None:
    rising = {"level": 12.0, "level_rate": 50.0, "flow": 300.0}
    assert tank(rising).to == {"h": pytest.approx(20.0), "hh": pytest.approx(40.0)}
    assert tank({**rising, "level": 13.5}).to == {"hh": pytest.approx(10.0)}
    falling = {"level": 3.0, "level_rate": -100.0, "flow": -300.0}
    assert tank(falling).to == {"l": pytest.approx(10.0), "ll": pytest.approx(20.0), "empty": pytest.approx(30.0)}


def test_no_forecast_for_a_still_tank_a_far_future_or_a_contradiction() -> None:
    assert tank({"level": 12.0, "level_rate": 0.1, "flow": 0.0}).to == {}
    assert tank({"level": 3.0, "level_rate": 1.0, "flow": 300.0}).to == {}  # 10 000 minutes
    assert tank({"level": 12.0, "level_rate": -50.0, "flow": 300.0}).to == {}
    assert tank({"level": 12.0, "level_rate": 50.0}, quality={"level": BAD_NO_COMMUNICATION}).to == {}


def test_room_and_pumpable_are_read_and_never_calculated() -> None:
    assert tank({"level": 5.0, "available_room": 900.0, "pumpable": 400.0}).as_wire() == {
        "alarm": "", "move": "unknown", "room": 900.0, "pumpable": 400.0,
    }  # fmt: skip
    assert tank({"level": 5.0}).room is None
    assert tank({"level": 5.0, "pumpable": 4.0}, quality={"pumpable": BAD_NO_COMMUNICATION}).pumpable is None


def test_wire_leaves_out_what_there_is_nothing_to_say_of() -> None:
    assert AssetState().as_wire() == {"alarm": "", "move": "unknown"}
    assert tank({"level": 12.0, "level_rate": 33.333}).as_wire() == {
        "alarm": "", "move": "receiving", "rate": 33.33, "rate_unit": "mm/min", "rate_basis": "level_rate",
        "to": {"h": 30.0, "hh": 60.0},
    }  # fmt: skip


HELD = 0x0700  # good, InfoType "data value", limit bits "constant"


def test_level_held_constant_while_product_flows_is_a_stuck_gauge_without_a_forecast() -> None:
    moving = {"level": 13.5, "flow": 300.0, "level_rate": 50.0}
    stuck = tank(moving, quality={"level": HELD})
    assert (stuck.stuck, stuck.alarm, stuck.doubtful, stuck.to) == (True, "H", True, {})
    assert stuck.as_wire()["stuck"] is True
    assert not tank(moving).stuck
    assert not tank({**moving, "flow": 0.0}, quality={"level": HELD}).stuck


@pytest.mark.parametrize(
    ("values", "minutes"),
    [
        ({"movement_planned": 500.0, "movement_done": 100.0, "flow": 240.0}, 100.0),
        ({"movement_planned": 500.0, "movement_done": 100.0, "flow": -240.0}, 100.0),
        ({"movement_planned": 500.0, "movement_done": 100.0, "flow": 0.2}, None),
        ({"movement_planned": 500.0, "movement_done": 500.0, "flow": 240.0}, None),
        ({"movement_done": 100.0, "flow": 240.0}, None),
    ],
)
def test_planned_quantity_is_reached_at_the_present_flow(values: dict[str, float], minutes: float | None) -> None:
    units = {"movement_planned": "m\u00b3", "movement_done": "m\u00b3"}
    assert tank({"level": 5.0, **values}, units=units).to.get("plan") == (minutes and pytest.approx(minutes))


def test_planned_mass_is_not_turned_into_a_volume() -> None:
    values = {"level": 5.0, "movement_planned": 500.0, "movement_done": 100.0, "flow": 240.0}
    assert "plan" not in tank(values, units={"movement_planned": "t", "movement_done": "t"}).to
