"""``docs/emulator.md`` names everything there is to set, to turn and to scrape, and nothing that there is not."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from relay_bridge.emulator.behaviour import Behaviour
from relay_bridge.emulator.management.config import parse_management
from relay_bridge.emulator.management.faults import SWITCHES
from relay_bridge.emulator.namespace import EmulatorConfig, parse_config
from relay_bridge.emulator.server import RelayEmulator

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "emulator.md").read_text()


def section(title: str) -> str:
    """What stands under a heading."""
    return TEXT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def first_cells(title: str) -> list[str]:
    """The words in backquotes of a table's first column."""
    rows = [line.split("|")[1] for line in section(title).splitlines() if line.startswith("| `")]
    return [word for row in rows for word in re.findall(r"`(\w+)", row)]


def test_every_behaviour_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \|", section("Where the service is uncertain"), re.MULTILINE)
    assert dict(rows) == {field.name: str(field.default).lower() for field in fields(Behaviour)}


def test_every_fault_switch() -> None:
    assert sorted(first_cells("Fault switches")) == sorted(SWITCHES)


async def test_every_metric() -> None:
    _, text = await RelayEmulator(EmulatorConfig()).metrics.scrape()
    families = text_string_to_metric_families(text.decode())
    names = [f"{family.name}_total" if family.type == "counter" else family.name for family in families]
    assert sorted(first_cells("Metrics")) == sorted(names)


def test_the_example_is_a_configuration() -> None:
    example = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    config = parse_config(example.group(1))
    assert config.behaviour.no_listener_status == 503
    management = parse_management(tomllib.loads(example.group(1))["management"], Path())
    assert management is not None
    assert (management.port, management.namespace) == (9401, "local")
