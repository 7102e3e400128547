"""The state file: whole or not at all, private, and no reason to start when it is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.emulator.management.state import (
    MadeHybridConnection,
    MadeNamespace,
    State,
    StateFile,
    format_state,
    parse_state,
)
from relay_bridge.emulator.namespace import ConfigError, HybridConnection, Rule

RULE = Rule("agent", frozenset({"Listen", "Send"}), "secret-one", "secret-two")
STATE = State(
    MadeNamespace("westeurope", 10.5, 11.5, {"owner": "plant"}, (RULE,)),
    {
        "sites/north": MadeHybridConnection(HybridConnection("sites/North", False, (RULE,)), "höhe", 12.0, 13.0),
        "south": MadeHybridConnection(HybridConnection("south"), None, 12.0, 12.0),
    },
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "a.json")
    assert file.read() is None
    for state in (STATE, State(None), STATE):
        file.write(state)
        assert file.read() == state
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_left_over_of_an_interrupted_write_is_no_obstacle(tmp_path: Path) -> None:
    left = tmp_path / "a.json.new"
    left.write_text("half")
    left.chmod(0o644)
    StateFile(tmp_path / "a.json").write(STATE)
    assert not left.exists()
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o600


def test_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "a.json")
    file.write(STATE)
    (tmp_path / "a.json.new").mkdir()
    with pytest.raises(OSError):
        file.write(State(None))
    assert file.read() == STATE


def test_file_open_to_others_is_refused(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "a.json")
    file.write(STATE)
    file.path.chmod(0o644)
    with pytest.raises(ConfigError, match=r"a\.json: the state file is open to others"):
        file.read()


def broken(**changes: Any) -> bytes:
    return json.dumps({**json.loads(format_state(STATE)), **changes}).encode()


def connection(**changes: Any) -> dict[str, Any]:
    return {**json.loads(format_state(STATE))["hybrid_connections"][0], **changes}


def rule(**changes: Any) -> dict[str, Any]:
    return {**connection()["rules"][0], **changes}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (format_state(STATE)[:-20], "it is not JSON"),
        (b"[]", "the file is no object"),
        (broken(colour=1), "the file must have exactly hybrid_connections, namespace, version"),
        (broken(version=2), "its version is not 1; it was written by another version of the relay"),
        (broken(hybrid_connections={}), "hybrid_connections of the file is no list"),
        (broken(hybrid_connections=[connection(), connection()]), "the hybrid connection 'sites/North' stands twice"),
        (broken(hybrid_connections=[connection(path="a//b")]), "'a//b' is no path of a hybrid connection"),
        (broken(hybrid_connections=[connection(path=1)]), "path of hybrid connection 1 is no str"),
        (broken(hybrid_connections=[connection(requires_client_authorization=1)]), "is no bool"),
        (broken(hybrid_connections=[connection(user_metadata="x" * 1025)]), "no text of at most 1024 characters"),
        (broken(hybrid_connections=[connection(created_at=True)]), "created_at of hybrid connection 1 is no time"),
        (broken(hybrid_connections=[connection(rules=[rule(rights=[])])]), "the rights of rule 'agent'"),
        (broken(hybrid_connections=[connection(rules=[rule(rights=[1])])]), "are not texts"),
        (broken(hybrid_connections=[connection(rules=[rule(), rule()])]), "the rule 'agent' stands twice"),
        (broken(hybrid_connections=[connection(rules=[rule(primary_key=None)])]), "primary_key of rule 1"),
        (broken(hybrid_connections=[connection(rules=[rule(secondary_key="")])]), "the secondary_key of rule 'agent'"),
        (broken(namespace={"location": "x"}), "namespace must have exactly"),
    ],
)
def test_broken_file_is_one_sentence_without_a_secret(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"^[^\n]*$") as caught:
        StateFile(path).read()
    assert str(caught.value).startswith(f"{path}: the state file cannot be used: ")
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)


NAMES = st.sampled_from(["version", "namespace", "hybrid_connections", "path", "rules", "tags"]) | st.text()
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)
)


@given(ANY_JSON)
def test_any_json_is_a_state_or_a_sentence(document: Any) -> None:
    try:
        parse_state(json.dumps(document).encode())
    except ConfigError as error:
        assert "\n" not in str(error)
