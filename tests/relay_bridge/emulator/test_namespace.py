"""The configuration file: what is taken, and the one sentence for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay_bridge.emulator.namespace import (
    ConfigError,
    EmulatorConfig,
    HybridConnection,
    Rule,
    load_config,
    parse_config,
)

RULE = """
[[hybrid_connection.rule]]
name = "agent"
rights = ["Listen"]
primary_key = "one"
secondary_key = "two"
"""
GOOD = f"""
[[hybrid_connection]]
path = "sites/north"
requires_client_authorization = true
{RULE}
[[hybrid_connection.rule]]
name = "web"
rights = ["Send", "Manage"]
primary_key = "three"

[[hybrid_connection]]
path = "/board/"
requires_client_authorization = false

[[rule]]
name = "root"
rights = ["Manage"]
primary_key = "four"
"""


def test_good_file() -> None:
    config = parse_config(GOOD)

    north, board = config.hybrid_connections
    assert (north.path, north.requires_client_authorization) == ("sites/north", True)
    assert [rule.name for rule in north.rules] == ["agent", "web"]
    assert north.rules[0].keys == ("one", "two")
    assert north.rules[1].keys == ("three",)
    assert north.rules[1].rights == {"Send", "Manage"}
    assert (board.path, board.requires_client_authorization, board.rules) == ("board", False, ())
    assert [rule.name for rule in config.rules] == ["root"]


def test_empty_file_is_a_namespace_without_hybrid_connections() -> None:
    assert parse_config("") == parse_config("# nothing yet\n") == EmulatorConfig()


def test_authorization_is_required_unless_said_otherwise() -> None:
    assert parse_config('[[hybrid_connection]]\npath = "a"').hybrid_connections[0].requires_client_authorization


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[hybrid_connection]", "is not valid TOML"),
        ("colour = 1", "unknown key 'colour' in the file; known are behaviour, hybrid_connection, management, rule"),
        ("hybrid_connection = 1", "must be written as [[hybrid_connection]] tables"),
        ("[hybrid_connection]\npath = 'a'", "must be written as [[hybrid_connection]] tables"),
        ("[[hybrid_connection]]", "path is missing in hybrid_connection 1"),
        ("[[hybrid_connection]]\npath = 7", "path of hybrid_connection 1 must be a text"),
        ("[[hybrid_connection]]\npath = ''", "is no path of a hybrid connection"),
        ("[[hybrid_connection]]\npath = 'a b'", "is no path of a hybrid connection"),
        ("[[hybrid_connection]]\npath = 'a'\nport = 1", "unknown key 'port' in hybrid_connection 'a'"),
        ("[[hybrid_connection]]\npath = 'a'\nrequires_client_authorization = 1", "must be true or false"),
        ("[[hybrid_connection]]\npath = 'a'\nrequires_client_authorization = 'no'", "must be true or false"),
        ("[[hybrid_connection]]\npath = 'a'\n[[hybrid_connection]]\npath = 'A/'", "'A' stands twice"),
        ("[[hybrid_connection]]\npath = 'a'\nrule = 'x'", "rule of hybrid_connection 'a' must be written as [[rule]]"),
        (f"[[hybrid_connection]]\npath = 'a'\n{RULE}{RULE}", "the rule 'agent' stands twice at hybrid connection 'a'"),
    ],
)
def test_bad_file_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=r"^[^\n]*$") as caught:
        parse_config(text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("name", "name is missing in rule 1 of hybrid_connection 'a'"),
        ("rights", "rights is missing in rule 'agent' of hybrid_connection 'a'"),
        ("primary_key", "primary_key is missing in rule 'agent'"),
        ("name = ''", "a rule's name is"),
        ("name = 3", "name of rule 1 of hybrid_connection 'a' must be a text"),
        ("rights = 'Listen'", "must be a list of Listen, Send, Manage"),
        ("rights = []", "the rights of rule 'agent' are one or more of"),
        ("rights = ['Read']", "the rights of rule 'agent' are one or more of"),
        ("rights = [1]", "must be a list of Listen, Send, Manage"),
        ("primary_key = ''", "the primary_key of rule 'agent' is empty"),
        ("primary_key = 5", "primary_key of rule 'agent' of hybrid_connection 'a' must be a text"),
        (f"primary_key = '{'k' * 257}'", "longer than 256 characters"),
        ("secondary_key = ''", "the secondary_key of rule 'agent' is empty"),
        ("tertiary_key = 'x'", "unknown key 'tertiary_key' in rule 'agent'"),
    ],
)
def test_bad_rule_is_one_sentence_without_its_keys(line: str, sentence: str) -> None:
    name, equals, _ = line.partition(" = ")
    kept = [part for part in RULE.strip().splitlines() if not part.startswith(f"{name} =")]
    text = "\n".join(["[[hybrid_connection]]", "path = 'a'", *kept, *([line] if equals else [])])

    with pytest.raises(ConfigError, match=r"^[^\n]*$") as caught:
        parse_config(text)

    assert sentence in str(caught.value)
    assert "two" not in str(caught.value)
    assert "kkk" not in str(caught.value)


def test_file_that_cannot_be_read_names_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"relay\.toml: cannot be read: No such file"):
        load_config(tmp_path / "relay.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_config(tmp_path / "binary.toml")
    (tmp_path / "bad.toml").write_text("x = 1")
    with pytest.raises(ConfigError, match=r"bad\.toml: unknown key 'x'"):
        load_config(tmp_path / "bad.toml")
    (tmp_path / "good.toml").write_text(GOOD)
    assert load_config(tmp_path / "good.toml") == parse_config(GOOD)


def test_path_belongs_to_the_longest_hybrid_connection_that_fits() -> None:
    config = EmulatorConfig((HybridConnection("Sites"), HybridConnection("sites/north")))
    for path, found in [
        ("sites", "Sites"),
        ("/SITES/", "Sites"),
        ("sites/northern", "Sites"),
        ("sites/North", "sites/north"),
        ("sites/n%6Frth/tanks/1", "sites/north"),
        ("site", None),
        ("", None),
    ]:
        connection = config.find(path)
        assert (connection.path if connection else None) == found


def test_manage_implies_both_others() -> None:
    owner, agent = Rule("o", frozenset({"Manage"}), "k"), Rule("a", frozenset({"Listen"}), "k")
    assert owner.allows("Listen")
    assert owner.allows("Send")
    assert agent.allows("Listen")
    assert not agent.allows("Send")
    assert not agent.allows("Manage")


def test_keys_do_not_show() -> None:
    assert "secret" not in repr(HybridConnection("a", True, (Rule("r", frozenset({"Send"}), "secret-1", "secret-2"),)))
