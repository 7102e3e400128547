"""The cycle of movements: what leaves one tank arrives in another, and a cycle ends where it began."""

from __future__ import annotations

import pytest

from relay_bridge.simulator.farm import TANK_BY_ID, TANKS
from relay_bridge.simulator.movements import CYCLE, CYCLE_SECONDS, SLOT, SPEED, flow_into, moved_into


@pytest.mark.parametrize("movement", [m for m in CYCLE if m.source and m.target])
def test_a_transfer_moves_exactly_its_volume(movement):
    middle, end = movement.start + 300.0, movement.start + 900.0
    given = moved_into(movement.source, middle) - moved_into(movement.source, end)
    taken = moved_into(movement.target, end) - moved_into(movement.target, middle)
    assert given == pytest.approx(taken, abs=1e-6)
    assert given == pytest.approx(movement.rate * 600.0)


@pytest.mark.parametrize("tank", [tank.id for tank in TANKS])
def test_a_cycle_ends_where_it_began(tank):
    assert moved_into(tank, CYCLE_SECONDS) == pytest.approx(0.0, abs=1e-6)


def test_something_always_moves_by_a_millimetre_a_second():
    for slot in range(len(CYCLE)):
        phase = slot * SLOT + 1.0
        rates = [abs(flow_into(tank, phase)) / TANK_BY_ID[tank].section for tank in TANK_BY_ID]
        assert max(rates) >= SPEED - 1e-12


def test_flow_is_the_slope_of_what_was_moved():
    for tank in TANK_BY_ID:
        for phase in (600.0, 1800.0, 9000.0):
            slope = moved_into(tank, phase + 1.0) - moved_into(tank, phase)
            assert slope == pytest.approx(flow_into(tank, phase), abs=1e-6)
