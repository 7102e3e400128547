"""Rules and keys over ARM: what a new key opens, what the old one keeps, and what is refused."""

from __future__ import annotations

import logging

import pytest

from relay_bridge.protocol.sas import create_token
from tests.relay_bridge.emulator.management.support import Plane, Reply
from tests.relay_bridge.emulator.raw_peers import handshake
from tests.relay_bridge.emulator.support import auth, listen

RULES = "hybridConnections/north/authorizationRules"


@pytest.fixture
async def north(plane: Plane) -> Plane:
    assert (await plane.ask("PUT", "hybridConnections/north", {})).status == 200
    assert (await put(plane, "all", "Listen", "Send")).status == 200
    return plane


async def put(plane: Plane, name: str, *rights: object, at: str = RULES) -> Reply:
    return await plane.ask("PUT", f"{at}/{name}", {"properties": {"rights": list(rights)}})


async def keys(plane: Plane, name: str = "all", at: str = RULES) -> tuple[str, str]:
    found = (await plane.ask("POST", f"{at}/{name}/listKeys")).body
    return found["primaryKey"], found["secondaryKey"]


def token(key: str, rule: str = "all") -> str:
    return create_token("http://127.0.0.1/north", rule, key, 4_000_000_000)


async def opens(plane: Plane, key: str, rule: str = "all") -> int:
    """The status of a sender's handshake; 404 is a good one, because nobody listens."""
    return (await handshake(plane.relay, "/$hc/north?sb-hc-action=connect", auth(token(key, rule)))).status


async def test_new_key_counts_at_once_the_other_stays_and_open_sockets_too(north: Plane) -> None:
    first, second = await keys(north)
    listener = await listen(north.relay, "north", token=token(first))
    reply = await north.ask("POST", f"{RULES}/all/regenerateKeys", {"keyType": "PrimaryKey"})
    assert reply.status == 200
    new, kept = await keys(north)
    assert kept == second
    assert await opens(north, first) == 401
    assert north.relay.listener_count("north") == 1
    await listener.close()
    assert [await opens(north, key) for key in (new, second)] == [404, 404]


async def test_renewal_with_the_old_key_closes_the_listener_with_1008(north: Plane) -> None:
    old, _ = await keys(north)
    listener = await listen(north.relay, "north", token=token(old))
    await north.ask("POST", f"{RULES}/all/regenerateKeys", {"keyType": "PrimaryKey", "key": "chosen"})
    await listener.send('{"renewToken":{"token":"' + token("chosen") + '"}}')
    await (await listener.ping())
    await listener.send('{"renewToken":{"token":"' + token(old) + '"}}')
    await listener.wait_closed()
    assert listener.close_code == 1008


async def test_rights_change_and_keys_stay(north: Plane) -> None:
    before = await keys(north)
    assert (await put(north, "ALL", "Listen")).body["name"] == "all"
    assert await keys(north) == before
    assert await opens(north, before[0]) == 403


async def test_deleted_rule_opens_nothing(north: Plane) -> None:
    key, _ = await keys(north)
    assert (await north.ask("DELETE", f"{RULES}/all")).status == 200
    assert (await north.ask("DELETE", f"{RULES}/all")).status == 204
    assert await opens(north, key) == 401


async def test_twelve_rules_and_no_more(north: Plane) -> None:
    for number in range(11):
        assert (await put(north, f"rule-{number}", "Send")).status == 200
    assert (await put(north, "one-more", "Send")).code == "QuotaExceeded"
    assert (await put(north, "rule-3", "Listen")).status == 200
    # The namespace has two: the root rule and the one that the file declares.
    for number in range(10):
        assert (await put(north, f"rule-{number}", "Send", at="authorizationRules")).status == 200
    assert (await put(north, "one-more", "Send", at="authorizationRules")).code == "QuotaExceeded"


@pytest.mark.parametrize(
    ("name", "rights"),
    [
        ("new", []),
        ("new", ["Read"]),
        ("new", [1]),
        ("new", ["Send", "send"]),
        ("new", ["Manage"]),
        ("new", ["Manage", "Send"]),
        ("new", ["Manage", "Send", "Listen", "Listen"]),
        ("no;good", ["Send"]),
        ("-new", ["Send"]),
        ("n" * 257, ["Send"]),
    ],
)
async def test_rule_that_cannot_be_is_refused(name: str, rights: list[object], north: Plane) -> None:
    before = north.state
    assert (await put(north, name, *rights)).code == "BadRequest"
    assert north.state == before


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "BadRequest"),
        ({"keyType": "Third"}, "BadRequest"),
        ({"keyType": ["PrimaryKey"]}, "BadRequest"),
        ({"keyType": "PrimaryKey", "key": 1}, "InvalidRequestContent"),
        ({"keyType": "PrimaryKey", "key": "k" * 257}, "BadRequest"),
        ({"keyType": "PrimaryKey", "key": "a;b"}, "BadRequest"),
        ({"keyType": "PrimaryKey", "key": " a"}, "BadRequest"),
        ({"keyType": "PrimaryKey", "key": "naïve"}, "BadRequest"),
    ],
)
async def test_key_that_cannot_be_is_refused(body: object, code: str, north: Plane) -> None:
    before = await keys(north)
    reply = await north.ask("POST", f"{RULES}/all/regenerateKeys", body)
    assert (reply.status, reply.code) == (400, code)
    assert await keys(north) == before


async def test_what_the_file_declares_is_shown_and_not_changed(plane: Plane) -> None:
    above = "hybridConnections/declared/authorizationRules"
    assert (await plane.ask("POST", f"{above}/agent/listKeys")).body["primaryKey"] == "declared-primary"
    for at, rule in ((above, "agent"), (above, "new"), ("authorizationRules", "operator")):
        assert (await put(plane, rule, "Send", at=at)).code == "DeclaredInConfiguration"
        assert (await plane.ask("DELETE", f"{at}/{rule}")).code == "DeclaredInConfiguration"
        new = await plane.ask("POST", f"{at}/{rule}/regenerateKeys", {"keyType": "PrimaryKey"})
        assert new.code == "DeclaredInConfiguration"


async def test_rules_of_nothing_are_not_found(plane: Plane) -> None:
    assert (await put(plane, "all", "Send")).code == "ResourceNotFound"
    for path in ("hybridConnections/declared/authorizationRules/none", "authorizationRules/none"):
        assert (await plane.ask("GET", path)).code == "ResourceNotFound"
        assert (await plane.ask("POST", f"{path}/listKeys")).code == "ResourceNotFound"
    reply = await plane.ask("POST", "authorizationRules/none/regenerateKeys", {"keyType": "PrimaryKey"})
    assert reply.code == "ResourceNotFound"


async def test_no_key_reaches_log_or_metrics(north: Plane, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        seen = [*(await keys(north)), north.token]
        await north.ask("POST", f"{RULES}/all/regenerateKeys", {"keyType": "PrimaryKey", "key": "my-own-secret"})
        await north.ask("POST", f"{RULES}/all/regenerateKeys", {"keyType": "PrimaryKey", "key": "my-own;secret"})
        seen += [*(await keys(north)), "secret"]
        await opens(north, seen[0])
        scraped = await north.ask("GET", "/metrics", version=None, token="")
    text = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("relay_bridge"))
    assert "Management: " in text
    for secret in seen:
        assert secret not in text
        assert secret not in scraped.body
