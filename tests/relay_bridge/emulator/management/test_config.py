"""The table [management]: read strictly, one sentence for whatever is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay_bridge.emulator.management.config import ManagementConfig, load_management, parse_management
from relay_bridge.emulator.namespace import ConfigError

TABLE = {"listen": "127.0.0.1:9401", "token_file": "a.token", "state_file": "keep/a.json"}


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text(
        "[management]\nlisten = '[::1]:0'\ntoken_file = 'a.token'\nstate_file = '/var/a.json'\nnamespace = 'plant'\n"
        "advertise = 'relay.example.com:9400'\n"
    )
    assert load_management(file) == ManagementConfig(
        token_file=tmp_path / "a.token",
        state_file=Path("/var/a.json"),
        host="::1",
        port=0,
        namespace="plant",
        advertise=("relay.example.com", 9400),
    )


def test_without_the_table_there_is_no_management(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text("[[hybrid_connection]]\npath = 'north'\n")
    assert load_management(file) is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"listen": None}, "listen is missing in management"),
        ({"token_file": None}, "token_file is missing in management"),
        ({"listen": 9401}, "listen of management must be a text"),
        ({"listen": ""}, "listen of management must be a text"),
        ({"listen": "9401"}, "listen of management: must read HOST:PORT"),
        ({"listen": "::1:9401"}, "listen of management: an IPv6 address stands in brackets"),
        ({"listen": "127.0.0.1:70000"}, "listen of management: the port must be a number from 0 to 65535"),
        ({"colour": "red"}, "unknown key 'colour' in management; known are advertise, listen, namespace, state_file"),
        ({"namespace": "1st"}, "namespace of management is 1 to 50 letters"),
        ({"namespace": "a" * 51}, "namespace of management is 1 to 50 letters"),
        ({"advertise": "relay;x:9400"}, "advertise of management must name a host and a port"),
        ({"advertise": "relay:0"}, "advertise of management must name a host and a port"),
        ({"state_file": "a.token"}, "token_file and state_file of management must be two files"),
    ],
)
def test_bad_table_is_one_sentence(changes: dict[str, object], sentence: str) -> None:
    table = {name: value for name, value in {**TABLE, **changes}.items() if value is not None}
    with pytest.raises(ConfigError, match=r"^[^\n]*$") as caught:
        parse_management(table, Path())
    assert sentence in str(caught.value)


def test_what_is_no_table_or_no_file_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    for text, sentence in [
        ("management = 1", "relay.toml: management must be written as a [management] table"),
        ("management = ", "relay.toml: is not valid TOML"),
    ]:
        file.write_text(text)
        with pytest.raises(ConfigError) as caught:
            load_management(file)
        assert str(caught.value).endswith(sentence)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_management(tmp_path / "none.toml")
