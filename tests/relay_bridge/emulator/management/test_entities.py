"""What is declared and what was made: side by side, over a restart, and when the disk says no."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from relay_bridge.emulator.management.arm import ArmError
from relay_bridge.emulator.management.entities import ROOT_RULE, Entities, combined, new_namespace
from relay_bridge.emulator.management.state import MadeHybridConnection, State, StateFile
from relay_bridge.emulator.namespace import ConfigError, EmulatorConfig, HybridConnection, Rule
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.management.support import Plane, config_in

SEND = Rule("send", frozenset({"Send"}), "key", "other")


def made(path: str, *rules: Rule) -> dict[str, MadeHybridConnection]:
    return {path.lower(): MadeHybridConnection(HybridConnection(path, True, rules), None, 1.0, 1.0)}


def with_connection(path: str, *rules: Rule) -> object:
    return lambda state: replace(state, hybrid_connections={**state.hybrid_connections, **made(path, *rules)})


def opened(
    directory: Path, declared: EmulatorConfig | None = None, applied: list[EmulatorConfig] | None = None
) -> Entities:
    file = StateFile(directory / "a.json")
    return Entities(declared or EmulatorConfig(), file, lambda: 5.0, applied.append if applied is not None else print)


async def test_change_is_on_disk_before_it_counts(tmp_path: Path) -> None:
    applied: list[EmulatorConfig] = []
    entities = opened(tmp_path, applied=applied)
    root = entities.rule(None, ROOT_RULE)
    await entities.change(with_connection("north", SEND))  # type: ignore[arg-type]
    assert [connection.path for connection in applied[-1].hybrid_connections] == ["north"]
    again = opened(tmp_path)
    assert again.connection("NORTH").connection.rules == (SEND,)
    assert again.rule(None, ROOT_RULE) == root


async def test_disk_that_says_no_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    applied: list[EmulatorConfig] = []
    entities = opened(tmp_path, applied=applied)
    (tmp_path / "a.json.new").mkdir()
    with pytest.raises(ArmError) as caught:
        await entities.change(with_connection("north"))  # type: ignore[arg-type]
    assert (caught.value.status, caught.value.code) == (500, "StateNotSaved")
    assert entities.connections() == []
    assert applied == []
    assert "was not saved" in caplog.text


async def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    entities = opened(tmp_path)
    await asyncio.gather(*(entities.change(with_connection(f"site-{n}")) for n in range(20)))  # type: ignore[arg-type]
    assert len(opened(tmp_path).connections()) == 20


async def test_declared_one_wins_and_the_made_one_is_kept_for_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    applied: list[EmulatorConfig] = []
    entities = opened(tmp_path, applied=applied)
    await entities.change(with_connection("north", SEND))  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        entities.declare(EmulatorConfig((HybridConnection("North"),)))
    assert "The hybrid connection north stands in the configuration file and in" in caplog.text
    assert [(each.path, each.rules) for each in applied[-1].hybrid_connections] == [("North", ())]
    entities.declare(EmulatorConfig())
    assert entities.connection("north").connection.rules == (SEND,)


def test_rule_of_the_namespace_that_stands_in_both_is_the_declared_one() -> None:
    declared = EmulatorConfig(rules=(Rule(ROOT_RULE.lower(), frozenset({"Send"}), "mine"),))
    found = combined(declared, State(new_namespace("x", 0.0)))
    assert [rule.primary_key for rule in found.rules] == ["mine"]


def test_what_is_over_a_limit_together_is_refused_in_words(tmp_path: Path) -> None:
    rules = tuple(Rule(f"rule-{n}", frozenset({"Send"}), "key") for n in range(12))
    entities = opened(tmp_path)
    with pytest.raises(ConfigError, match="the namespace has 13 rules; at most 12 are allowed"):
        entities.declare(EmulatorConfig(rules=rules))
    assert [rule.name for rule in entities.config.rules] == [ROOT_RULE]
    with pytest.raises(ConfigError, match="13 rules"):
        opened(tmp_path, EmulatorConfig(rules=rules))


def test_namespace_whose_rules_are_all_declared_gets_no_root_rule(tmp_path: Path) -> None:
    rules = tuple(Rule(f"rule-{n}", frozenset({"Send"}), "key") for n in range(12))
    assert opened(tmp_path, EmulatorConfig(rules=rules)).rules(None) == rules


def test_state_file_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the state file cannot be written: No such file or directory"):
        opened(tmp_path / "none")


async def test_namespace_that_was_deleted_is_back_when_the_file_declares_something(tmp_path: Path) -> None:
    entities = opened(tmp_path)
    await entities.change(lambda state: State(None))
    with pytest.raises(ArmError):
        entities.connections()
    entities.declare(EmulatorConfig((HybridConnection("north"),)))
    assert entities.namespace().created_at == 5.0
    assert entities.connection("north").created_at == 5.0


async def test_relay_has_again_what_it_had_before_it_stopped(tmp_path: Path) -> None:
    for round_ in range(2):
        async with RelayEmulator(EmulatorConfig(), management=config_in(tmp_path)) as relay:
            plane = Plane(relay, tmp_path)
            if not round_:
                await plane.ask("PUT", "hybridConnections/north", {"properties": {"userMetadata": "x"}})
            found = await plane.ask("GET", "hybridConnections/north")
            assert found.body["properties"]["userMetadata"] == "x"
            assert relay.config.find("north") is not None


async def test_relay_does_not_start_with_a_broken_state_file(tmp_path: Path) -> None:
    path = tmp_path / "management.json"
    path.write_text("{}")
    path.chmod(0o600)
    relay = RelayEmulator(EmulatorConfig(), management=config_in(tmp_path))
    with pytest.raises(ConfigError, match="the state file cannot be used"):
        await relay.start()
    assert path.read_text() == "{}"


async def test_reloaded_file_leaves_what_was_made(tmp_path: Path) -> None:
    async with RelayEmulator(EmulatorConfig(), management=config_in(tmp_path)) as relay:
        plane = Plane(relay, tmp_path)
        await plane.ask("PUT", "hybridConnections/north", {})
        relay.apply_config(EmulatorConfig((HybridConnection("south"),)))
        assert {connection.path for connection in relay.config.hybrid_connections} == {"north", "south"}
        assert (await plane.ask("DELETE", "hybridConnections/south")).code == "DeclaredInConfiguration"
