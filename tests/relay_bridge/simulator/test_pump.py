"""P-101: the setpoint's past is integrated, and can be asked for."""

from __future__ import annotations

import pytest

from relay_bridge.simulator.pump import MAX_CHANGES, SWING, PumpLine, pump_flow

T = 1_800_000_000.0


def test_a_changed_setpoint_changes_the_slope_and_nothing_else():
    pump = PumpLine(phase=0.0, setpoint=60.0)
    before = pump.pumped(T)
    pump.change_setpoint(90.0, T)
    assert pump.pumped(T) == pytest.approx(before)
    assert pump.pumped(T + 3600) - before == pytest.approx(90.0)
    assert pump.setpoint(T - 1) == 60.0
    assert pump.setpoint(T) == 90.0


def test_the_past_stays_as_it_was():
    pump = PumpLine(phase=0.0)
    before = pump.pumped(T - 100)
    pump.change_setpoint(20.0, T)
    assert pump.pumped(T - 100) == before


def test_a_pump_below_its_minimum_stands():
    assert pump_flow(4.9) == 0.0
    pump = PumpLine(phase=0.0)
    pump.change_setpoint(0.0, T)
    assert pump.flow(T) == 0.0
    assert pump.pumped(T + 3600) == pump.pumped(T)


def test_the_swing_volume_goes_over_and_back():
    pump = PumpLine(phase=0.0, setpoint=100.0)  # one swing an hour
    assert pump.in_second_tank(1800.0) == pytest.approx(SWING / 2)
    assert pump.direction(1800.0) == 1
    assert pump.in_second_tank(5400.0) == pytest.approx(SWING / 2)
    assert pump.direction(5400.0) == -1


@pytest.mark.parametrize("setpoint", [-1.0, 120.1, float("nan"), float("inf")])
def test_a_setpoint_off_the_scale_is_refused(setpoint):
    with pytest.raises(ValueError, match="between 0 and 120"):
        PumpLine(phase=0.0).change_setpoint(setpoint, T)


def test_the_memory_of_changes_is_bounded():
    pump = PumpLine(phase=0.0)
    for n in range(MAX_CHANGES + 50):
        pump.change_setpoint(50.0 + n % 10, T + n)
    assert len(pump._changes) == MAX_CHANGES


def test_a_clock_that_steps_back_undoes_nothing():
    pump = PumpLine(phase=0.0)
    pump.change_setpoint(90.0, T)
    pump.change_setpoint(30.0, T - 50)
    assert pump.setpoint(T) == 30.0
    assert pump.setpoint(T - 50) == 60.0


def test_a_stopped_pump_stands_and_keeps_its_setpoint_for_the_next_start():
    pump = PumpLine(phase=0.0, setpoint=60.0)
    pump.stop(T)
    assert (pump.flow(T), pump.setpoint(T)) == (0.0, 60.0)
    pump.change_setpoint(90.0, T + 10)  # a stopped pump may be set, and does not start by that
    assert pump.flow(T + 10) == 0.0
    assert pump.pumped(T + 3600) == pump.pumped(T)
    pump.start(T + 3600)
    assert pump.pumped(T + 7200) - pump.pumped(T) == pytest.approx(90.0)
    assert pump.flow(T - 1) == 60.0


def test_a_pump_does_not_start_at_a_setpoint_at_which_it_would_stand():
    pump = PumpLine(phase=0.0, setpoint=60.0)
    pump.stop(T)
    pump.change_setpoint(4.0, T)
    with pytest.raises(ValueError, match="raise its setpoint"):
        pump.start(T)
    assert pump.flow(T + 1) == 0.0
