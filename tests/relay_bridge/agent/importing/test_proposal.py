"""From what was found to a fragment that loads without edits, beside what is configured already."""

from __future__ import annotations

import random
import time

import pytest

from relay_bridge.agent.config import load_config
from relay_bridge.agent.config_file import MemorySource
from relay_bridge.agent.drivers.abilities import FoundNode
from relay_bridge.agent.importing.fragment import MOST_LISTED, fragment, prove
from relay_bridge.agent.importing.names import Taken, clean_name, id_from
from relay_bridge.agent.importing.proposal import Proposal, propose
from relay_bridge.agent.importing.recognise import recognise
from relay_bridge.agent.tags import MAX_TAGS
from tests.relay_bridge.agent.importing.support import node, tank
from tests.relay_bridge.agent.support import SiteFolder

MAIN = MemorySource(id="main")
SOURCE = '[[source]]\nid = "main"\nkind = "memory"\n'


def proposed(nodes: list[FoundNode], **known: object) -> tuple[Proposal, str]:
    proposal = propose(recognise(nodes), "main", area="Terminal", **known)  # type: ignore[arg-type]
    return proposal, fragment(proposal, ["head"])


def test_tanks_that_are_alike_share_a_template(site: SiteFolder) -> None:
    nodes = [*tank("Plant/North/TK-101"), *tank("Plant/South/TK-201"), node("Plant/South/TK-201/Roof", unit="mm")]
    proposal, text = proposed(nodes)
    (template,) = proposal.templates
    assert "prefix" not in template  # they lie in different folders
    assert template["unit"] == {"level": "m", "water_level": "m", "temp_avg": "°C", "tov": "m³"}
    assert template["range"]["level"] == [0.0, 16.0] and "[[write]]" not in text and "allow_writes" not in text
    site.configure(SOURCE, text)
    config = load_config(site.toml)
    assert {tag.node for tag in config.tags} == {one.node for one in nodes}
    assert {asset.id: (asset.area, asset.kind) for asset in config.assets} == {
        "TK-101": ("North", "tank"), "TK-201": ("South", "tank"),
    }  # fmt: skip
    roof = next(tag for tag in config.tags if tag.id == "TK-201.Roof")
    assert (roof.asset, roof.unit, roof.canon) == ("TK-201", "mm", "")
    # A second look finds nothing new, and one more variable goes to the tank that is there.
    again, text = proposed(
        [*nodes, node("Plant/South/TK-201/Ullage", unit="m"), node("Plant/South/TK-201/Spare")],
        tags=config.tags, assets=config.assets, templates=config.templates,
    )  # fmt: skip
    assert (again.tanks, again.known, [tag["id"] for tag in again.tags]) == (
        [],
        len(nodes),
        ["TK-201.ullage", "TK-201.Spare"],
    )
    tags, _ = prove(text, MAIN, config.assets)
    assert tags[0].canon == "ullage"
    site.toml.write_text(site.toml.read_text() + text)
    assert len(load_config(site.toml).tags) == len(nodes) + 2


def test_a_prefix_with_the_id_in_it_becomes_the_template_s() -> None:
    proposal, _ = proposed(
        [node(f"F/TK-{n}/{name}", name=f"ns=2;s=TK-{n}/{name}") for n in (1, 2) for name in ("Level", "TOV")]
    )
    assert proposal.templates[0]["prefix"] == "ns=2;s={id}/" and "prefix" not in proposal.tanks[0]
    literal, text = proposed(
        [node(f"F/TK-{n}/{x}", name=f"s={{id}}.TK-{n}.{x}") for n in (1, 2) for x in ("Level", "TOV")]
    )
    assert "prefix" not in literal.templates[0]
    assert {tag.node for tag in prove(text, MAIN)[0]} == {
        f"s={{id}}.TK-{n}.{x}" for n in (1, 2) for x in ("Level", "TOV")
    }


def test_names_that_collide_are_numbered_and_told() -> None:
    nodes = [*tank("North/Tank 7"), *tank("South/Tank_7"), node("North/Tank 7/A b"), node("North/Tank 7/A_b")]
    proposal, text = proposed(nodes)
    assert sorted(tank["id"] for tank in proposal.tanks) == ["Tank_7", "Tank_7_2"]
    assert [tag["id"] for tag in proposal.tags] == ["Tank_7.A_b", "Tank_7.A_b_2"]
    assert 'The asset "Tank_7" stands there more than once; one is Tank_7_2 now.' in proposal.remarks
    assert "stands there more than once" in text
    assert len(prove(text, MAIN)[0]) == len(nodes)


NASTY = [
    '"',
    "\\",
    "\n[[write]]\ntag = 1",
    "'''",
    '"""',
    "\x7f",
    "\x00",
    "\ud800",
    "名",
    "{id}",
    "# x",
    "ä",
    "a" * 300,
    "]]",
    "=1",
    "\u2028",
]


def test_whatever_a_server_calls_its_things_the_fragment_means_what_was_found() -> None:
    for seed in range(150):
        dice = random.Random(seed)
        nodes = []
        for number in range(dice.randrange(1, 25)):
            area, folder = dice.choice(NASTY), dice.choice(["TK-1", "TK-2", "Tank 3", "P-1", dice.choice(NASTY)])
            name = dice.choice(["Level", "TOV", "Run", "Speed", "Product", "Ullage", dice.choice(NASTY) + str(number)])
            low, high = dice.choice(
                [(0.0, 1.0), (None, None), (1.0, 0.0), (float("nan"), 1.0), (float("-inf"), 1.0), (0.0, 5e-324)]
            )
            nodes.append(
                node(
                    f"{area}/{folder}/{name}", dice.choice(["number", "number", "text", "bool", "other", "method"]),
                    dice.choice(["m", "m3", "degC", "x" * 30, dice.choice(NASTY)]), low, high,
                    name=f"ns=2;s={dice.choice(NASTY)[:50]}{number}", writable=True,
                )
            )  # fmt: skip
        proposal, text = proposed(nodes)
        tags, _ = prove(text, MAIN)
        clean = {one.node.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for one in nodes}
        assert {tag.node for tag in tags} <= clean and len(tags) == proposal.count, seed
        assert not any(line.startswith("[[write") for line in text.split("\n")), seed
        assert all(line.isprintable() or line == "" for line in text.replace("\n", "\0").split("\0")), seed


def test_more_variables_than_one_agent_serves() -> None:
    nodes = [one for n in range(MAX_TAGS // 5 + 500) for one in tank(f"Plant/Area {n % 20}/TK-{n}")]
    began = time.monotonic()
    proposal, text = proposed(nodes)
    tags, _ = prove(text, MAIN)
    assert time.monotonic() - began < 10
    assert proposal.count == len(tags) == MAX_TAGS
    assert any("2500 variables were left out" in remark for remark in proposal.remarks)
    assert text.count("\n# Plant/") == MOST_LISTED and "... and 2300 more" in text


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("TK-101", "TK-101"),
        ("Tank 7 (North)", "Tank_7_North"),
        ("Größe", "Groesse"),
        ("名", "x"),
        ("..a..", "a"),
        ("a/b\n", "a_b"),
        ("é", "e"),
    ],
)
def test_ids(name: str, given: str) -> None:
    assert id_from(name) == given
    assert len(id_from("a" * 500)) == 128
    assert clean_name("a\n\t b\u202e") == "a b"


def test_numbers_fit_into_the_length() -> None:
    taken = Taken(["a" * 10])
    assert taken.give("a" * 10, 10) == "a" * 8 + "_2" and taken.give("a" * 10, 10) == "a" * 8 + "_3"
    assert taken.numbered[0] == ("a" * 10, "a" * 8 + "_2")
