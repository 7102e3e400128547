"""The relay follows its file: by looking, at once when told, and never into a bad configuration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay_bridge.emulator import reload
from relay_bridge.emulator.namespace import ConfigError, EmulatorConfig
from relay_bridge.emulator.reload import ConfigFile, follow, reload_once
from tests.relay_bridge.emulator.support import eventually

ONE = '[[hybrid_connection]]\npath = "one"\n'
TWO = '[[hybrid_connection]]\npath = "two"\n'


class Relay:
    """Keeps what it was given."""

    def __init__(self) -> None:
        self.paths: list[list[str]] = []

    def apply_config(self, config: EmulatorConfig) -> None:
        self.paths.append([connection.path for connection in config.hybrid_connections])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "relay.toml"
    path.write_text(ONE)
    return path


@pytest.fixture
async def following(file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Relay, asyncio.Event]]:
    monkeypatch.setattr(reload, "POLL", 0.05)
    relay, now = Relay(), asyncio.Event()
    config_file = ConfigFile(file)
    config_file.load()
    task = asyncio.create_task(follow(config_file, relay, now))
    yield relay, now
    task.cancel()


async def test_changed_file_is_applied(file: Path, following: tuple[Relay, asyncio.Event]) -> None:
    relay, _ = following
    file.write_text(ONE + TWO)
    await eventually(lambda: relay.paths == [["one", "two"]])
    file.write_text("")
    await eventually(lambda: relay.paths[1:] == [[]])


async def test_file_replaced_by_renaming_is_applied(file: Path, following: tuple[Relay, asyncio.Event]) -> None:
    relay, _ = following
    new = file.with_suffix(".new")
    new.write_text(TWO)  # the same size
    new.replace(file)
    await eventually(lambda: relay.paths == [["two"]])


async def test_bad_file_keeps_the_old_configuration_and_says_so_once(
    file: Path, following: tuple[Relay, asyncio.Event], caplog: pytest.LogCaptureFixture
) -> None:
    relay, now = following
    file.write_text("colour = 'red'")
    await eventually(lambda: caplog.messages)
    file.unlink()
    await eventually(lambda: len(caplog.messages) == 2)
    file.write_text(TWO)
    await eventually(lambda: relay.paths == [["two"]])
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        f"The relay keeps its configuration, because the new one is bad: {file}: "
        "unknown key 'colour' in the file; known are behaviour, hybrid_connection, management, rule",
        f"The relay keeps its configuration, because the new one is bad: {file}: "
        "cannot be read: No such file or directory",
    ]
    assert not now.is_set()


async def test_told_to_reload_it_does_without_a_change(following: tuple[Relay, asyncio.Event]) -> None:
    relay, now = following
    now.set()
    await eventually(lambda: relay.paths == [["one"]])
    now.set()
    await eventually(lambda: relay.paths == [["one"], ["one"]])


def test_version_is_remembered_from_before_reading(file: Path) -> None:
    config_file = ConfigFile(file)
    assert config_file.has_changed()
    config_file.load()
    assert not config_file.has_changed()
    file.write_text(ONE + TWO)
    assert config_file.has_changed()


async def test_changed_management_counts_at_the_next_start(
    file: Path, following: tuple[Relay, asyncio.Event], caplog: pytest.LogCaptureFixture
) -> None:
    relay, _ = following
    table = "[management]\nlisten = '127.0.0.1:0'\ntoken_file = 'a'\nstate_file = 'b'\n"
    file.write_text(TWO + table)
    await eventually(lambda: relay.paths == [["two"]])
    assert "The table [management] of" in caplog.text
    file.write_text(TWO + table.replace("listen", "lisp"))
    await eventually(lambda: "unknown key 'lisp' in management" in caplog.text)
    assert relay.paths == [["two"]]


async def test_configuration_that_the_relay_refuses_keeps_the_old_one(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Refusing:
        def apply_config(self, config: EmulatorConfig) -> None:
            raise ConfigError("the namespace has 13 rules")

    config_file = ConfigFile(file)
    config_file.load()
    assert not reload_once(config_file, Refusing())
    assert caplog.messages == [
        "The relay keeps its configuration, because the new one is bad: the namespace has 13 rules"
    ]
