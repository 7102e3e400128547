"""The demo's folder: ports that stay, a relay that can be managed, nothing secret in the file for the shell."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from hmi.demo.setting import DemoError, prepare
from relay_bridge.emulator.management.config import load_management
from relay_bridge.emulator.namespace import load_config
from tests.support.demo import free_port


def test_second_start_finds_the_same_ports(tmp_path: Path) -> None:
    first = prepare(tmp_path, str(free_port()))
    again = prepare(tmp_path, str(first.web_port))
    assert again == first
    assert len({first.relay_port, first.management_port, first.plant_port}) == 3


def test_relay_is_told_of_its_management_port_alone(tmp_path: Path) -> None:
    setting = prepare(tmp_path, str(free_port()))
    assert load_config(setting.relay_config).hybrid_connections == ()
    management = load_management(setting.relay_config)
    assert management is not None
    assert (management.port, management.token_file) == (setting.management_port, setting.management_token)
    assert setting.own_environment["SIGHTLINE_RELAY_MANAGEMENT"].endswith(f":{setting.management_port}")


def test_demo_of_an_earlier_version_gets_a_management_port(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text(json.dumps({"relay": free_port(), "plant": free_port()}))
    rules = '[[hybrid_connection.rule]]\nname = "listen"\nrights = ["Listen"]\nprimary_key = "a2V5"\n'
    (tmp_path / "relay.toml").write_text(f'[[hybrid_connection]]\npath = "demo"\n\n{rules}')
    setting = prepare(tmp_path, str(free_port()))
    assert [each.path for each in load_config(setting.relay_config).hybrid_connections] == ["demo"]
    assert load_management(setting.relay_config) is not None
    before = setting.relay_config.read_text()
    prepare(tmp_path, str(free_port()))
    assert setting.relay_config.read_text() == before


def test_files_are_for_this_account_and_the_shell_file_holds_no_secret(tmp_path: Path) -> None:
    setting = prepare(tmp_path, str(free_port()))
    for file in (setting.relay_config, setting.manage_env, tmp_path / "secret-key", tmp_path / "ports.json"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (tmp_path / "secret-key").read_text() not in setting.manage_env.read_text()


@pytest.mark.parametrize("name", ["ports.json", "relay.toml"])
def test_damaged_file_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("}{")
    with pytest.raises(DemoError, match=f"{name} is damaged"):
        prepare(tmp_path, str(free_port()))
