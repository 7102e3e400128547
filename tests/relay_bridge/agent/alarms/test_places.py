"""Whose alarm it is: exactly by its node, by what stands around it, by its name, or nobody's."""

from __future__ import annotations

import pytest

from relay_bridge.agent.alarms.places import Place, Places
from relay_bridge.agent.tags import AssetConfig, TagConfig

P = "nsu=urn:plant;s="


def tag(name: str, node: str, asset: str, source: str = "main") -> TagConfig:
    return TagConfig(name, source, node, asset, name, "number")


PLACES = Places(
    [
        tag("TK-101.level", f"{P}TK-101.Level", "TK-101"),
        tag("TK-101.temp", f"{P}TK-101.Temp", "TK-101"),
        tag("TK-1.level", f"{P}Farm/TK-1/Level", "TK-1"),
        tag("A.x", f"{P}Shared.A", "A"),
        tag("B.x", f"{P}Shared.B", "B"),
        tag("N.x", "nsu=urn:plant;i=7", "N"),
    ],
    [
        AssetConfig("TK-101", "", "North", "tank"),
        *(AssetConfig(name, "", "South", "tank") for name in ("TK-1", "A", "B")),
    ],
)


@pytest.mark.parametrize(
    ("node", "name", "place"),
    [
        (f"{P}TK-101.Level", "", Place("TK-101.level", "TK-101", "North")),
        (f"{P}TK-101.Level.Alarm", "", Place("TK-101.level", "TK-101", "North")),
        (f"{P}TK-101", "", Place("", "TK-101", "North")),
        (f"{P}TK-101.Valve", "", Place("", "TK-101", "North")),
        (f"{P}Farm/TK-1", "", Place("", "TK-1", "South")),
        (f"{P}Shared", "", Place()),
        (f"{P}Shared.C", "", Place()),
        ("nsu=urn:plant;i=7", "", Place("N.x", "N", "")),
        ("", "TK-101 level high", Place("", "TK-101", "North")),
        ("", "TK-101.LevelAlarm", Place("", "TK-101", "North")),
        ("", "TK-1010 level", Place()),
        ("", "level of TK-101", Place()),
        ("", "", Place()),
        ("nsu=urn:pl.ant;s=X", "", Place()),
    ],
)
def test_an_alarm_finds_its_place(node: str, name: str, place: Place) -> None:
    assert PLACES.find("main", node, name) == place


def test_the_same_node_of_another_source_is_another_node() -> None:
    assert PLACES.find("other", f"{P}TK-101.Level", "") == Place()


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("TK-2 level high", Place("TK-2.level", "TK-2", "South")),
        ("TK-3.LevelAlarm", Place("TK-3.level", "TK-3", "South")),
        ("Level", Place()),
        ("TK-9 level", Place()),
        ("", Place()),
    ],
)
def test_a_node_of_several_assets_says_nothing_beside_the_name(name: str, place: Place) -> None:
    same = Places(
        [tag(f"{asset}.level", "Level", asset) for asset in ("TK-2", "TK-3")],
        [AssetConfig(asset, "", "South", "tank") for asset in ("TK-2", "TK-3")],
    )
    assert same.find("main", "Level", name) == place


def test_two_tags_of_one_asset_at_a_node_agree_on_the_asset() -> None:
    twice = Places([tag("A.x", "N", "A"), tag("A.y", "N", "A")], [AssetConfig("A", "", "South", "tank")])
    assert twice.find("main", "N", "") == twice.find("main", "N", "A alarm") == Place("", "A", "South")


def test_what_makes_an_alarm_itself_names_its_tag() -> None:
    assert PLACES.of_tag("TK-1.level") == Place("TK-1.level", "TK-1", "South")
    assert PLACES.of_tag("TK-9.level") == Place()
