"""The plant as a calculation: coherent, deterministic, moving, and abnormal in exactly two places."""

from __future__ import annotations

import pytest

from relay_bridge.simulator.farm import TANKS, VARIABLES
from relay_bridge.simulator.model import PlantModel, volume_correction

T = 1_800_000_000.0
MOMENTS = [T + n * 613 for n in range(60)]


def test_the_same_seed_and_moment_give_the_same_plant():
    assert PlantModel(7).values(T) == PlantModel(7).values(T)
    assert PlantModel(7).values(T) != PlantModel(8).values(T)


def test_every_variable_has_a_value_and_no_other():
    assert PlantModel(1).values(T).keys() == VARIABLES.keys()


@pytest.mark.parametrize("seed", [1, 2, 99])
def test_volumes_agree_with_each_other(seed):
    model = PlantModel(seed)
    for t in MOMENTS:
        values = model.values(t)
        for tank in TANKS:
            of = {name: values[f"{tank.id}.{name}"] for name in ("Level", "Ullage", "TOV", "FWV", "GOV", "GSV", "VCF")}
            assert of["TOV"] == pytest.approx(of["FWV"] + of["GOV"], abs=0.11)
            assert of["GSV"] == pytest.approx(of["GOV"] * of["VCF"], abs=0.2)
            assert of["Level"] + of["Ullage"] == pytest.approx(tank.height, abs=0.0011)
            assert of["TOV"] == pytest.approx(of["Level"] * tank.section, abs=0.0005 * tank.section + 0.1)


@pytest.mark.parametrize("seed", [1, 2, 99])
def test_numbers_stay_inside_their_ranges(seed):
    model = PlantModel(seed)
    for t in MOMENTS:
        for node, value in model.values(t).items():
            variable = VARIABLES[node]
            if variable.kind == "number":
                assert variable.low <= value <= variable.high, node


@pytest.mark.parametrize("seed", [1, 2, 99])
def test_exactly_two_tanks_stand_outside_their_limits(seed):
    model = PlantModel(seed)
    for t in MOMENTS:
        v = model.values(t)
        outside = [tank.id for tank in TANKS if not v[f"{tank.id}.L"] <= v[f"{tank.id}.Level"] <= v[f"{tank.id}.H"]]
        assert outside == ["TK-107", "TK-204"]


@pytest.mark.parametrize("seed", [1, 2, 99])
def test_two_to_four_tanks_move_and_one_is_seen_to(seed):
    model = PlantModel(seed)
    for t in MOMENTS:
        now, later = model.values(t), model.values(t + 1)
        moving = [tank.id for tank in TANKS if now[f"{tank.id}.Movement"] != "idle"]
        assert 2 <= len(moving) <= 4
        steps = [abs(later[f"{tank.id}.Level"] - now[f"{tank.id}.Level"]) for tank in TANKS]
        assert max(steps) >= 0.001 - 1e-9


def test_the_sign_of_the_flow_is_the_direction_of_the_level():
    model = PlantModel(1)
    for t in MOMENTS:
        now, later = model.values(t), model.values(t + 60)
        for tank in TANKS:
            flow = now[f"{tank.id}.Flow"]
            if flow == later[f"{tank.id}.Flow"]:
                rise = later[f"{tank.id}.Level"] - now[f"{tank.id}.Level"]
                assert rise * 1000 == pytest.approx(now[f"{tank.id}.LevelRate"], abs=1.2)
                assert rise * flow >= 0


def test_the_setpoint_drives_the_transfer():
    slow, fast = PlantModel(1), PlantModel(1)
    fast.pump.change_setpoint(120.0, T)
    assert fast.values(T)["TK-206.Level"] == slow.values(T)["TK-206.Level"]
    moved = {m: abs(m.values(T + 600)["TK-206.TOV"] - m.values(T)["TK-206.TOV"]) for m in (slow, fast)}
    assert moved[fast] == pytest.approx(2 * moved[slow], abs=0.3)


def test_a_forced_level_takes_everything_with_it():
    values = PlantModel(1).values(T, {"TK-101": 15.0})
    assert values["TK-101.Level"] == 15.0
    assert values["TK-101.Ullage"] == 1.0
    assert values["TK-101.TOV"] == pytest.approx(values["TK-101.GOV"] + values["TK-101.FWV"], abs=0.11)


def test_volume_correction_is_one_at_reference_and_falls_with_heat():
    assert volume_correction(0.001, 15.0) == 1.0
    assert volume_correction(0.001, 25.0) == pytest.approx(0.98998, abs=5e-5)
    assert volume_correction(0.001, 5.0) > 1.0
