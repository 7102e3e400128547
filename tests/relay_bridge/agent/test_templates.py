"""[[template]]: what tanks share, what a tank says itself, and a sentence for what cannot be."""

from __future__ import annotations

import pytest

from relay_bridge.agent.config import load_config
from relay_bridge.agent.errors import ConfigError
from tests.relay_bridge.agent.support import SiteFolder

SOURCE = '[[source]]\nid = "main"\nkind = "memory"\n'
TEMPLATE = """
[[template]]
name = "gauged"
prefix = "nsu=urn:x;s={id}."
map = { level = "Level", tov = "TOV", temp_point_1 = "T1", gauge_status = "Status" }
unit = { level = "mm", tov = "M3" }
range = { level = [0, 16000] }
decimals = { tov = 2 }
limits = { h = 13000, hh = 14000 }
hysteresis = 20
gauge = { "2" = "manual" }
"""
TANK = '[[tank]]\nid = "TK-1"\nsource = "main"\narea = "A"\ntemplate = "gauged"\n'


def sentence(site: SiteFolder, *parts: str) -> str:
    site.configure(SOURCE, *parts)
    with pytest.raises(ConfigError) as refused:
        load_config(site.toml)
    assert str(refused.value).endswith(".") and "\n" not in str(refused.value)
    return str(refused.value)


def test_a_tank_of_a_template_is_the_tank_written_out(site: SiteFolder) -> None:
    site.configure(SOURCE, TEMPLATE, TANK, TANK.replace("TK-1", "TK-2"))
    config = load_config(site.toml)
    tags = {tag.id: tag for tag in config.tags}
    assert list(tags)[:4] == ["TK-1.level", "TK-1.tov", "TK-1.temp_point_1", "TK-1.gauge_status"]
    assert tags["TK-2.level"].node == "nsu=urn:x;s=TK-2.Level"
    assert (tags["TK-1.level"].unit, tags["TK-1.tov"].unit, tags["TK-1.tov"].decimals) == ("mm", "m³", 2)
    assert tags["TK-1.level"].limits is not None and tags["TK-1.level"].limits.hh == 14000
    assert tags["TK-1.gauge_status"].gauge == {"2": "manual"}
    assert tags["TK-1.temp_point_1"].name == "Temperature 1"
    assert config.templates == ("gauged",)


def test_a_tank_s_own_words_come_first_key_by_key(site: SiteFolder) -> None:
    own = TANK + (
        'prefix = "ns=2;s=X."\nmap = { level = "LVL", gsv = "GSV" }\nunit = { level = "m" }\n'
        "range = { level = [0, 15] }\n"
        'without = ["temp_point_1"]\nlimits = { hh = 14 , h = 13 }\nhysteresis = 0.1\nkind = "unit"\n'
    )
    site.configure(SOURCE, TEMPLATE, own, TANK.replace("TK-1", "TK-2"))
    config = load_config(site.toml)
    tags = {tag.id: tag for tag in config.tags}
    assert {tag.id for tag in config.tags if tag.asset == "TK-1"} == {
        "TK-1.level", "TK-1.tov", "TK-1.gauge_status", "TK-1.gsv",
    }  # fmt: skip
    level, other = tags["TK-1.level"], tags["TK-2.level"]
    assert (level.node, level.unit, level.span, level.hysteresis) == ("ns=2;s=X.LVL", "m", (0.0, 15.0), 0.1)
    assert (other.unit, other.span, other.hysteresis) == ("mm", (0.0, 16000.0), 20.0)
    assert tags["TK-1.tov"].unit == "m³"
    assert {asset.id: asset.kind for asset in config.assets} == {"TK-1": "unit", "TK-2": "tank"}


def test_a_tank_without_the_level_takes_no_limits_of_it(site: SiteFolder) -> None:
    site.configure(SOURCE, TEMPLATE, TANK + 'without = ["level"]\n')
    assert "TK-1.level" not in {tag.id for tag in load_config(site.toml).tags}


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ((TEMPLATE, TANK.replace("gauged", "gaged")), '[[tank]] "TK-1": there is no [[template]] with name = "gaged"'),
        ((TEMPLATE, TEMPLATE, TANK), 'The template "gauged" is configured twice.'),
        ((TEMPLATE, TANK, TEMPLATE.replace("gauged", "other")), '[[template]] "other": no [[tank]] uses it'),
        ((TEMPLATE, TANK + 'without = ["gsv"]'), 'without speaks of "gsv"'),
        ((TEMPLATE, TANK + 'without = ["tov"]\nmap = { tov = "X" }'), '"tov" is in its map and in without'),
        ((TEMPLATE, TANK + "without = [3]"), "without"),
        ((TEMPLATE.replace("hysteresis", "hystresis"), TANK), '[[template]] "gauged": unknown key "hystresis".'),
        ((TEMPLATE, TANK + "unit = 3"), '[[tank]] "TK-1": unit: expected a table'),
        ((TEMPLATE, TANK + 'unit = { level = "bar" }'), '[[tank]] "TK-1": unit "bar" is a pressure, and level is a'),
        ((TEMPLATE, TANK + 'unit = { gsv = "m3" }'), 'unit speaks of "gsv"'),
        ((TEMPLATE, TANK + 'gauge = { "2" = "broken" }'), "gauge"),
        ((TEMPLATE.replace("temp_point_1", "temp_point_99"), TANK), '"temp_point_99" is no canonical key'),
        (('[[tank]]\nid="A"\nsource="main"\narea="A"\nmap={level="x"}\nwithout=["tov"]',), "without is for tanks with"),
        (('[[tank]]\nid="A"\nsource="main"\narea="A"\nmap={level="x"}\ngauge={"1"="ok"}',), "gauge says what"),
        (('[[tag]]\nid="A.b"\nsource="main"\narea="A"\ngauge={"1"="ok"}',), "gauge belongs to a tag with"),
        (('[[tag]]\nid="A.b"\nsource="main"\narea="A"\ncanon="mass"\nunit="m"',), 'unit "m" is a length, and mass is'),
    ],
)
def test_what_cannot_be_is_named(site: SiteFolder, parts: tuple[str, ...], says: str) -> None:
    assert says in sentence(site, *parts)
