"""docs/site-agent.md says what the code does: every key, every finding, every code; and systemd takes the unit."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay_bridge.agent.cli import EXIT_CONFIG, EXIT_RUNS_ALREADY
from relay_bridge.agent.config import SiteConfig, load_config
from relay_bridge.agent.config_file import SiteFile
from relay_bridge.agent.config_table import SECTIONS, put_into, words_for
from relay_bridge.agent.config_words import COMMON, WORDS
from relay_bridge.agent.drivers import build_drivers
from relay_bridge.agent.operation import INTERVAL
from tests.relay_bridge.agent.support import SiteFolder

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE, UNIT = DOCS / "site-agent.md", DOCS / "sightline-site.service"


def test_page_is_current() -> None:
    text = PAGE.read_text()
    assert put_into(text) == text, "run: python -m relay_bridge.agent.config_table docs/site-agent.md"


def test_every_key_has_words_and_no_words_are_left_over() -> None:
    used = set()
    for _, prefix, shape in SECTIONS:
        for field in msgspec.structs.fields(shape):
            assert words_for(prefix, field.encode_name)
            used.add(f"{prefix}.{field.encode_name}")
    assert set(WORDS) <= used
    assert set(COMMON) <= {name.partition(".")[2] for name in used}


def test_every_section_of_the_file_has_a_table() -> None:
    headings = " ".join(heading for heading, _, _ in SECTIONS)
    for field in msgspec.structs.fields(SiteFile):
        assert f"[{field.encode_name}]" in headings, field.encode_name


def test_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([\w.-]+)\)", PAGE.read_text()):
        assert (DOCS / target).is_file(), target


def test_page_without_a_place_is_said() -> None:
    with pytest.raises(ValueError, match="no place for keys"):
        put_into("nothing")


def test_first_configurations_of_the_page_are_taken(site: SiteFolder) -> None:
    """As they stand there, all three in one file, with the files that they name."""
    blocks = re.findall(r"^\*\*(OPC UA|REST|DeltaV Edge)\*\* .*\n\n((?:    .*\n|\n)+)", PAGE.read_text(), re.MULTILINE)
    assert [name for name, _ in blocks] == ["OPC UA", "REST", "DeltaV Edge"]
    for name in ("trust/server.der", "trust/client.der", "trust/gauges.pem", "trust/edge.pem"):
        site.put(name, site.agent.cert_pem)
    for name in ("secrets/client.key.pem", "secrets/opcua", "secrets/edge"):
        site.put(name, "secret", mode=0o600)
    tag = '[[tag]]\nid = "X.y"\nsource = "main"\narea = "A"\nnode = "i=2258"\n'
    site.configure(*(textwrap.dedent(text) for _, text in blocks), tag)
    config = load_config(site.toml)
    assert [source.id for source in config.sources] == ["main", "gauges", "deltav"]
    build_drivers(without_opcua(config))


def without_opcua(config: SiteConfig) -> SiteConfig:
    """Without the OPC UA source, whose driver wants a real key."""
    return dataclasses.replace(
        config,
        sources=tuple(source for source in config.sources if source.id != "main"),
        tags=tuple(tag for tag in config.tags if tag.source != "main"),
    )


# --- the unit ---------------------------------------------------------------------------------------------------------


def settings() -> dict[str, Any]:
    lines = [line.partition("=") for line in UNIT.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return {key: value for key, _, value in lines}


def test_unit_agrees_with_the_agent() -> None:
    unit = settings()
    assert set(unit["RestartPreventExitStatus"].split()) == {str(EXIT_CONFIG), str(EXIT_RUNS_ALREADY)}
    assert float(unit["WatchdogSec"]) > 5 * INTERVAL
    assert (unit["Type"], unit["Restart"], unit["StateDirectory"]) == ("notify", "always", "sightline-site")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_the_unit_and_finds_it_hard(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/sightline/bin/sightline-site", shutil.which("true") or "/bin/true"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=30, check=False
    )
    assert (verified.returncode, [line for line in verified.stderr.splitlines() if UNIT.name in line]) == (0, [])
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)]
    judged = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert judged.returncode == 0, judged.stdout[-300:]
