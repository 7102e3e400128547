"""The relay's file is other people's: what is not ours stays byte for byte."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from hmi.sites.relay_config import (
    NewHybridConnection,
    RelayConfigError,
    add_hybrid_connection,
    remove_hybrid_connection,
)

THEIRS = """\
# the relay of the east coast
[[hybrid_connection]]  # one
path = "sites/East"
requires_client_authorization = true

  [[hybrid_connection.rule]]
  name = "a]b"
  rights = ["Listen", "Send"]
  primary_key = "k=="

[[rule]]
name = "all"
rights = ["Listen"]
primary_key = "n"

[[ hybrid_connection ]]
path = "west"
"""
NORTH = NewHybridConnection("north", "bGlzdGVu", 'quoted"\\key')


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "relay.toml"
    path.write_text(THEIRS)
    return path


def test_adding_and_removing_leaves_the_rest_untouched(file: Path) -> None:
    add_hybrid_connection(file, NORTH)

    text = file.read_text()
    assert text.startswith(THEIRS)
    added = tomllib.loads(text)["hybrid_connection"][2]
    assert added["path"] == "north"
    assert [rule["primary_key"] for rule in added["rule"]] == ["bGlzdGVu", 'quoted"\\key']
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert remove_hybrid_connection(file, "north") is True
    assert file.read_text() == THEIRS


def test_removing_takes_the_named_one_with_its_rules(file: Path) -> None:
    assert remove_hybrid_connection(file, "SITES/east") is True
    document = tomllib.loads(file.read_text())
    assert [entry["path"] for entry in document["hybrid_connection"]] == ["west"]
    assert document["rule"][0]["name"] == "all"
    assert remove_hybrid_connection(file, "sites/east") is False


def test_file_is_made_when_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "new" / "relay.toml"
    assert remove_hybrid_connection(path, "north") is False
    add_hybrid_connection(path, NORTH)
    assert len(tomllib.loads(path.read_text())["hybrid_connection"]) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[hybrid_connection]]\npath = "/North/"\n', "already has"),
        ("hybrid_connection = 3\n", "must be written as"),
        ("hybrid_connection = []\n", "cannot be changed safely"),
        ("path =\n", "not valid TOML"),
    ],
)
def test_file_that_cannot_be_followed_stays_as_it_is(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "relay.toml"
    path.write_text(text)
    with pytest.raises(RelayConfigError, match=words):
        add_hybrid_connection(path, NORTH)
    assert path.read_text() == text


def test_text_that_only_looks_like_a_header_is_never_cut(tmp_path: Path) -> None:
    path = tmp_path / "relay.toml"
    text = '[[hybrid_connection]]\npath = "north"\nnote = """\n[[hybrid_connection]]\n"""\n'
    path.write_text(text)
    with pytest.raises(RelayConfigError):
        remove_hybrid_connection(path, "north")
    assert path.read_text() == text


def test_error_never_repeats_a_key(tmp_path: Path) -> None:
    path = tmp_path / "relay.toml"
    path.write_text('primary_key = "topsecret\n')
    with pytest.raises(RelayConfigError) as caught:
        add_hybrid_connection(path, NORTH)
    assert "topsecret" not in str(caught.value)
    assert "topsecret" not in repr(NORTH)
