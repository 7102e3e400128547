"""Tanks and pumps among the variables of a server, by their names; and nothing that is only likely."""

from __future__ import annotations

import random

import pytest

from relay_bridge.agent.importing.recognise import Recognition, recognise
from relay_bridge.agent.importing.synonyms import _TABLE, key_of
from relay_bridge.agent.vocabulary import CANON
from tests.relay_bridge.agent.importing.support import node, tank


def keys(found: Recognition) -> dict[str, dict[str, str]]:
    return {
        "/".join(asset.path): {key: one.path.rpartition("/")[2] for key, one in asset.keys.items()}
        for asset in found.assets
    }


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Level", "level"),
        ("PV_Level", "level"),
        ("LevelMeas", "level"),
        ("Product Level", "level"),
        ("AvgTemp", "temp_avg"),
        ("FreeWater", "water_level"),
        ("TOV", "tov"),
        ("Füllstand", "level"),
        ("Temp_Point_3", "temp_point_3"),
        ("SpotTemp12", "temp_point_12"),
        ("HiHi", "lim_hh"),
        ("RefHeight", "height_ref"),
        ("GaugeStatus", "gauge_status"),
        ("LevelRate", "level_rate"),
        ("Level.Value", "level"),
        ("Diagnostics", None),
        ("Levels", None),
        ("Temp_Point_99", None),
        ("PV_L", None),
        ("", None),
        ("\u202elevel", "level"),
    ],
)
def test_names(name: str, key: str | None) -> None:
    found = key_of(name)
    assert (found[0] if found else None) == key


def test_table_is_sound() -> None:
    names = [name for line in _TABLE.values() for name in line.split()]
    assert len(names) == len(set(names))
    assert set(_TABLE) <= set(CANON) and all(name == name.lower() and name.isalnum() for name in names)


def test_folders_beginnings_and_deep_folders() -> None:
    found = recognise(
        [
            *tank("Plant/North farm/TK-101"),
            *[node(f"Channel/Device/TK102_{name}") for name in ("Level", "AvgTemp", "Alarm_Code")],
            *[node(f"Tanks/TK001/Primary/Tank Parameters/{name}") for name in ("Product Level", "Free Water Level")],
            node("Tanks/TK001/Secondary/Level"),
            *[node(f"Site/Sphere/{name}/PV") for name in ("Level", "Temp", "TOV")],
            *[
                node(f"Plant/P-101/{name}", kind)
                for name, kind in (("Run", "bool"), ("Speed", "number"), ("Mode", "number"))
            ],
            *[node(f"Plant/Boiler/{name}") for name in ("Temp", "Pressure", "Flow")],
            node("Plant/P-101/Start", "method"),
            node("Plant/TK-101/Curve", "other"),
        ]
    )
    assert keys(found) == {
        "Plant/North farm/TK-101": {
            "level": "Level",
            "water_level": "FreeWater",
            "temp_avg": "AvgTemp",
            "tov": "TOV",
            "product": "Product",
        },
        "Channel/Device/TK102": {"level": "TK102_Level", "temp_avg": "TK102_AvgTemp"},
        "Tanks/TK001": {"level": "Level", "water_level": "Free Water Level"},
        "Site/Sphere": {"level": "PV", "temp_avg": "PV", "tov": "PV"},
        "Plant/P-101": {"run": "Run", "mode": "Mode", "speed": "Speed"},
    }
    assert [one.path for one in found.loose] == [f"Plant/Boiler/{name}" for name in ("Flow", "Pressure", "Temp")]
    assert "Tanks/TK001: Product Level could be level too; Level was taken." in found.remarks
    assert any("1 methods" in remark for remark in found.remarks) and any("1 variables are" in r for r in found.remarks)
    assert {asset.name: asset.kind for asset in found.assets}["P-101"] == "pump"
    assert [asset.area for asset in found.assets if asset.name == "TK-101"] == ["North farm"]


def test_a_unit_or_a_kind_that_contradicts_the_name_is_no_match() -> None:
    found = recognise(
        [
            node("A/TK-1/Level", "number", "%"),
            node("A/TK-1/Ullage", "number", "m"),
            node("A/TK-1/TOV", "text"),
            node("A/TK-1/GaugeStatus", "number"),
        ]
    )
    assert keys(found) == {"A/TK-1": {"ullage": "Ullage", "gauge_status": "GaugeStatus"}}
    assert (
        'A/TK-1: Level is not taken for one: its name says level, but "%" is a ratio, and level is a length.'
        in found.remarks
    )
    assert "A/TK-1: TOV is not taken for one: its name says tov, and it is a text." in found.remarks
    assert len(found.assets[0].others) == 2


def test_order_of_the_server_does_not_matter() -> None:
    nodes = [*tank("A/TK-1"), *tank("A/TK-2"), node("A/TK-1/PV_Level"), node("A/x"), node("A/TK-1/Level", name="other")]
    whole = recognise(nodes)
    for seed in range(5):
        random.Random(seed).shuffle(nodes)
        assert recognise(nodes) == whole


def test_nodes_that_no_configuration_could_name_are_left_out() -> None:
    found = recognise([node("A/TK-1/Level", name="s=" + "x" * 500), node("A/TK-1/TOV", name=""), node("", name="i=1")])
    assert found.assets == [] and [one.node for one in found.loose] == ["i=1"]
    assert any("2 variables" in remark for remark in found.remarks)
