"""What stands in the plant, and the facts that every variable carries."""

from __future__ import annotations

from relay_bridge.simulator.farm import NORTH, SOUTH, TANKS, VARIABLES


def test_two_farms_of_tanks_as_they_are_named_on_the_screens():
    assert [tank.id for tank in TANKS if tank.area == NORTH] == [f"TK-10{n}" for n in range(1, 9)]
    assert [tank.id for tank in TANKS if tank.area == SOUTH] == [f"TK-20{n}" for n in range(1, 7)]


def test_limits_rise_in_every_tank():
    for tank in TANKS:
        assert 0 < tank.low_low < tank.low < tank.high < tank.high_high < tank.height


def test_only_the_setpoint_can_be_written():
    assert [node for node, variable in VARIABLES.items() if variable.writable] == ["P-101.Setpoint"]


def test_every_number_has_a_range_and_a_unit_code():
    for variable in VARIABLES.values():
        if variable.kind == "number":
            assert variable.low < variable.high
            assert len(variable.unit_code) == 3
