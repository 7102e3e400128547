"""[[browse]]: read-only tags out of a stored snapshot. Ids stay; a start needs no server; nothing of it is writable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relay_bridge.agent.config import SiteConfig, load_config
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.importing.recognise import recognise
from relay_bridge.agent.importing.snapshot import Snapshot, read_snapshot, write_snapshot
from relay_bridge.agent.importing.taking import TakenIds, take
from tests.relay_bridge.agent.importing.support import NS, node, tank
from tests.relay_bridge.agent.support import HEAD, SiteFolder

SOURCE = '[[source]]\nid = "main"\nkind = "memory"\n'
BROWSE = '[[browse]]\nsource = "main"\n'
NODES = [
    *tank("North farm/TK-101"),
    *tank("North farm/TK-102"),
    node("North farm/TK-101/Debug.Count"),
    node("Odd/Thing", "bool"),
]


def taken(site: SiteFolder, nodes: list, *more: str) -> Path:
    """Write the snapshot of the first [[browse]], as the command does."""
    site.configure(SOURCE, BROWSE, *more)
    config = load_config(site.toml, for_import=True)
    path = site.folder / "state/browse.json"
    before = read_snapshot(path)
    section = config.browse[0]
    ids = TakenIds.of("main", config.tags, config.assets, before)
    write_snapshot(path, Snapshot([take(section, recognise(nodes), before.of(section) if before else None, ids, at=1)]))
    return path


def loaded(site: SiteFolder, *parts: str) -> SiteConfig:
    site.configure(SOURCE, *parts)
    return load_config(site.toml)


def test_a_start_reads_what_was_found(site: SiteFolder) -> None:
    taken(site, NODES)
    config = loaded(site, BROWSE)
    tags = {tag.id: tag for tag in config.tags}
    assert tags["TK-101.Level"].canon == "level" and tags["TK-101.Level"].node == NS + "North farm.TK-101.Level"
    assert tags["TK-101.Debug.Count"].canon == "" and tags["Odd.Thing"].kind == "bool"
    assert {a.id: (a.area, a.kind) for a in config.assets}["TK-101"] == ("North farm", "tank")
    assert config.warnings == () and len(config.tags) == len(NODES)


@pytest.mark.parametrize(
    ("globs", "ids"),
    [
        (
            'include = ["TK-101.*"]\nexclude = ["*.Debug*"]',
            {"TK-101." + n for n in ("Level", "AvgTemp", "FreeWater", "TOV", "Product")},
        ),
        ('include = ["North farm.*.Level"]', {"TK-101.Level", "TK-102.Level"}),
        ('include = ["thing", "Thing"]', {"Odd.Thing"}),
        ('exclude = ["TK-*.*"]', {"Odd.Thing"}),
    ],
)
def test_globs_choose_at_the_start(site: SiteFolder, globs: str, ids: set[str]) -> None:
    taken(site, NODES)
    assert {tag.id for tag in loaded(site, BROWSE + globs).tags} == ids


def test_an_id_stays_with_its_node(site: SiteFolder) -> None:
    twins = [node("A/F/x", name="one"), node("B/F/x", name="two"), node("A/F/x!", name="three")]
    taken(site, twins[1:])
    before = {tag.node: tag.id for tag in loaded(site, BROWSE).tags}
    taken(site, [node("0/F/x", name="zero"), *twins])  # found before the others now
    after = {tag.node: tag.id for tag in loaded(site, BROWSE).tags}
    assert {name: after[name] for name in before} == before
    assert len(set(after.values())) == 4


def test_what_is_configured_comes_first(site: SiteFolder) -> None:
    own = (
        '[[tank]]\nid = "TK-101"\nsource = "main"\narea = "Mine"\nname = "One"\n'
        f'prefix = "{NS}North farm.TK-101."\nmap = {{ level = "Level" }}\n'
    )
    taken(site, NODES, own)
    config = loaded(site, BROWSE, own)
    assert len([tag for tag in config.tags if tag.node.endswith("TK-101.Level")]) == 1
    assert {tag.id for tag in config.tags if tag.asset == "TK-101"} >= {"TK-101.level", "TK-101.TOV"}
    assert {a.id: (a.name, a.area) for a in config.assets}["TK-101"] == ("One", "Mine")
    # An id that was given to a browsed variable and is somebody else's now: told, not shown as the other.
    tag = '[[tag]]\nid = "TK-102.TOV"\nsource = "main"\nnode = "else"\narea = "North farm"\n'
    config = loaded(site, BROWSE, own, tag)
    assert [t.node for t in config.tags if t.id == "TK-102.TOV"] == ["else"]
    assert "1 variables have ids that tags of site.toml have now" in config.warnings[0]


def test_more_than_max_is_cut_and_told(site: SiteFolder) -> None:
    taken(site, NODES)
    config = loaded(site, BROWSE + "max = 3")
    assert len(config.tags) == 3 and "12 variables match, max = 3" in config.warnings[0]


def test_a_start_without_or_with_a_damaged_snapshot_serves_the_rest(site: SiteFolder) -> None:
    tag = '[[tag]]\nid = "a.b"\nsource = "main"\nnode = "n"\narea = "A"\n'
    config = loaded(site, BROWSE, tag)
    assert len(config.tags) == 1
    assert config.warnings[0].startswith('[[browse]] of source "main": it was never looked at')
    assert "sightline-site import --browse --config" in config.warnings[0]
    path = taken(site, NODES, tag)
    good = path.read_text()
    for damage in (
        "",
        "{",
        good[:-20],
        good.replace('"TK-101.Level"', '"TK 101"'),
        json.dumps({"takings": 3}),
        "[" * 100_000,
    ):
        path.write_text(damage)
        config = loaded(site, BROWSE, tag)
        assert len(config.tags) == 1 and "cannot be read" in config.warnings[0]


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ((BROWSE,), "never looked at"),
        ((BROWSE, BROWSE), "this root is named twice"),
        (('[[browse]]\nsource = "other"\n',), 'its source "other" is not configured'),
        ((BROWSE + "max = 0",), "[[browse]]"),
        ((BROWSE + 'includes = ["x"]',), 'unknown key "includes"'),
    ],
)
def test_what_cannot_be_is_one_sentence(site: SiteFolder, parts: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigError, match=r".*") as refused:
        loaded(site, *parts)
    assert says in str(refused.value)


def test_nothing_browsed_can_be_written(site: SiteFolder) -> None:
    taken(site, NODES)
    write = '[[write]]\ntag = "TK-101.Level"\ntype = "double"\nmin = 0.0\nmax = 1.0\n'
    site.configure(SOURCE, BROWSE, write, head=HEAD.replace("[relay]", "allow_writes = true\n[relay]"))
    with pytest.raises(ConfigError, match=r'\[\[write\]\] "TK-101\.Level"'):
        load_config(site.toml)


def test_many_areas_find_room(site: SiteFolder) -> None:
    taken(site, [node(f"{'area' * 20}{n}/F{n}/x") for n in range(500)])
    config = loaded(site, BROWSE + 'area = "Elsewhere"')
    assert len(config.tags) == 500
    assert "Elsewhere" in {asset.area for asset in config.assets}
