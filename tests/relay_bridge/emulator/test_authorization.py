"""Tokens against rules, without a socket. What each refusal looks like on the wire is in ``test_server``."""

from __future__ import annotations

import pytest

from relay_bridge.emulator import authorization
from relay_bridge.emulator.authorization import Authorizer
from relay_bridge.emulator.behaviour import Behaviour
from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Right, Rule
from relay_bridge.emulator.refusals import Refusal
from relay_bridge.protocol.sas import create_token

NOW = 1_790_000_000.0
NORTH = HybridConnection("north", True, (Rule("r", frozenset({"Send"}), "key-1", "key-2"),))
CONFIG = EmulatorConfig((NORTH,), (Rule("r", frozenset({"Listen"}), "root"),))


def status(token: str | None, right: Right = "Send", path: str = "north") -> int:
    try:
        Authorizer(CONFIG).authorize(token, right, host="relay", path=path, now=NOW)
    except Refusal as refusal:
        return refusal.status
    return 200


def token(key: str = "key-1", resource: str = "http://relay/north", life: int = 60) -> str:
    return create_token(resource, "r", key, int(NOW) + life)


def test_permit_names_rule_and_end() -> None:
    permit = Authorizer(CONFIG).authorize(token(), "Send", host="relay", path="north/tank", now=NOW)
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
        Authorizer(CONFIG).authorize(token(life=-60), "Send", host="relay", path="north", now=NOW)
    with pytest.raises(Refusal, match=r"^InvalidSignature"):
        Authorizer(CONFIG).authorize(token("guess", life=-60), "Send", host="relay", path="north", now=NOW)


def test_unknown_rule_reads_like_a_wrong_key() -> None:
    wrong = create_token("http://relay/north", "nobody", "key-1", int(NOW) + 60)
    texts = set()
    for text in (wrong, token("guess")):
        with pytest.raises(Refusal) as caught:
            Authorizer(CONFIG).authorize(text, "Send", host="relay", path="north", now=NOW)
        texts.add(caught.value.text)
    assert len(texts) == 1


def test_rules_of_the_entity_come_before_those_of_the_namespace() -> None:
    config = EmulatorConfig((NORTH,), (Rule("r", frozenset({"Listen"}), "key-1"),))  # the same name and key
    assert Authorizer(config).authorize(token(), "Send", host="relay", path="north", now=NOW).rule == "r"
    with pytest.raises(Refusal, match="'Listen' claim"):
        Authorizer(config).authorize(token(), "Listen", host="relay", path="north", now=NOW)


def test_good_token_is_remembered_and_expires_all_the_same() -> None:
    authorizer = Authorizer(CONFIG)
    text = token(life=60)
    for now in (NOW, NOW + 59):
        assert authorizer.authorize(text, "Send", host="relay", path="north", now=now).rule == "r"
    with pytest.raises(Refusal, match=r"^ExpiredToken"):
        authorizer.authorize(text, "Send", host="relay", path="north", now=NOW + 60)
    with pytest.raises(Refusal, match="another resource"):
        authorizer.authorize(text, "Send", host="elsewhere", path="north", now=NOW)
    with pytest.raises(Refusal, match="'Listen' claim"):
        authorizer.authorize(text, "Listen", host="relay", path="north", now=NOW)


def test_margin_and_status_can_be_chosen() -> None:
    authorizer = Authorizer(EmulatorConfig((NORTH,), (), Behaviour(token_margin=60, wrong_right_status=401)))
    with pytest.raises(Refusal, match=r"^ExpiredToken"):
        authorizer.authorize(token(life=60), "Send", host="relay", path="north", now=NOW)
    with pytest.raises(Refusal) as caught:
        authorizer.authorize(token(life=61), "Listen", host="relay", path="north", now=NOW)
    assert caught.value.status == 401


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorization, "MAX_KEPT", 10)
    authorizer = Authorizer(CONFIG)
    for number in range(35):
        text = token(life=60 + number)
        authorizer.authorize(text, "Send", host="relay", path=f"north/{number}", now=NOW)
    assert max(len(authorizer._verified), len(authorizer._covered)) <= 10
