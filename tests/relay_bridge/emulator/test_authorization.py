"""Tokens against rules, without a socket. What each refusal looks like on the wire is in ``test_server``."""

from __future__ import annotations

import pytest

from relay_bridge.emulator.authorization import authorize
from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Right, Rule
from relay_bridge.emulator.refusals import Refusal
from relay_bridge.protocol.sas import create_token

NOW = 1_790_000_000.0
NORTH = HybridConnection("north", True, (Rule("r", frozenset({"Send"}), "key-1", "key-2"),))
CONFIG = EmulatorConfig((NORTH,), (Rule("r", frozenset({"Listen"}), "root"),))


def status(token: str | None, right: Right = "Send", path: str = "north") -> int:
    try:
        authorize(CONFIG, token, right, host="relay", path=path, now=NOW)
    except Refusal as refusal:
        return refusal.status
    return 200


def token(key: str = "key-1", resource: str = "http://relay/north", life: int = 60) -> str:
    return create_token(resource, "r", key, int(NOW) + life)


def test_permit_names_rule_and_end() -> None:
    permit = authorize(CONFIG, token(), "Send", host="relay", path="north/tank", now=NOW)
    assert (permit.rule, permit.expires_at) == ("r", int(NOW) + 60)


@pytest.mark.parametrize(
    ("text", "right", "path", "expected"),
    [
        (token("key-2"), "Send", "north", 200),
        (token("root"), "Listen", "north", 200),  # the namespace's rule of the same name
        (token("root"), "Send", "north", 403),
        (token(), "Listen", "north", 403),
        (token(), "Manage", "north", 403),
        (token(life=1), "Send", "north", 200),
        (token(life=0), "Send", "north", 401),
        (token(life=-600, key="guess"), "Send", "north", 401),
        (token(), "Send", "south", 403),
        (token(resource="http://relay/"), "Send", "south", 404),
        (token(resource="http://relay/", key="guess"), "Send", "south", 401),
        (token(resource="http://other/north"), "Send", "north", 403),
        (token(resource="http://relay/north/tank"), "Send", "north", 403),
        (token(resource="http://relay/north/tank"), "Send", "north/tank/1", 200),
        ("", "Send", "north", 401),
        (None, "Send", "north", 401),
        ("Bearer abc", "Send", "north", 401),
        ("SharedAccessSignature sr=a", "Send", "north", 401),
    ],
)
def test_every_combination_has_its_status(text: str | None, right: Right, path: str, expected: int) -> None:
    assert status(text, right, path) == expected


def test_expired_token_is_told_when_only_to_who_made_it() -> None:
    with pytest.raises(Refusal, match=r"^ExpiredToken: .*Expiration time: 09/21/2026 14:12:20"):
        authorize(CONFIG, token(life=-60), "Send", host="relay", path="north", now=NOW)
    with pytest.raises(Refusal, match=r"^InvalidSignature"):
        authorize(CONFIG, token("guess", life=-60), "Send", host="relay", path="north", now=NOW)


def test_unknown_rule_reads_like_a_wrong_key() -> None:
    wrong = create_token("http://relay/north", "nobody", "key-1", int(NOW) + 60)
    texts = set()
    for text in (wrong, token("guess")):
        with pytest.raises(Refusal) as caught:
            authorize(CONFIG, text, "Send", host="relay", path="north", now=NOW)
        texts.add(caught.value.text)
    assert len(texts) == 1


def test_rules_of_the_entity_come_before_those_of_the_namespace() -> None:
    config = EmulatorConfig((NORTH,), (Rule("r", frozenset({"Listen"}), "key-1"),))  # the same name and key
    assert authorize(config, token(), "Send", host="relay", path="north", now=NOW).rule == "r"
    with pytest.raises(Refusal, match="'Listen' claim"):
        authorize(config, token(), "Listen", host="relay", path="north", now=NOW)
