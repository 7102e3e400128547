"""Tokens at the relay: where they may stand, and what each key and right opens."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from relay_bridge.emulator.namespace import EmulatorConfig, Rule
from relay_bridge.emulator.server import RelayEmulator
from relay_bridge.protocol.sas import create_token
from tests.relay_bridge.emulator.raw_peers import handshake
from tests.relay_bridge.emulator.support import CONFIG, CONNECT, NORTH, OPEN, auth, listen, sas


@pytest.mark.parametrize(
    ("purpose", "key"),
    [
        ("send", "send-primary"),
        ("send", "send-secondary"),
        ("manage", "manage-primary"),
        ("manage", "manage-secondary"),
    ],
)
async def test_both_keys_and_manage_may_send(emulator: RelayEmulator, purpose: str, key: str) -> None:
    answer = await handshake(emulator, CONNECT, auth(sas(purpose, key=key)))
    assert answer.status == 404  # let in, but nobody listens


@pytest.mark.parametrize("key", ["listen-primary", "listen-secondary"])
async def test_both_keys_may_listen(emulator: RelayEmulator, key: str) -> None:
    control = await listen(emulator, token=sas("listen", key=key))
    assert emulator.listener_count(NORTH) == 1
    await control.close()


async def test_manage_may_listen(emulator: RelayEmulator) -> None:
    await (await listen(emulator, token=sas("manage"))).close()


async def test_rules_of_the_namespace_hold_everywhere_after_those_of_the_entity() -> None:
    root = Rule("root", frozenset({"Listen", "Send", "Manage"}), "root-primary", "root-secondary")
    shadow = Rule("web", frozenset({"Listen", "Send"}), "shadow-primary")
    config = EmulatorConfig(CONFIG.hybrid_connections, (root, shadow))
    async with RelayEmulator(config) as emulator:
        for path in (NORTH, ""):  # a token for the whole host covers everything below it
            token = create_token(f"http://127.0.0.1/{path}", "root", "root-primary", 4_000_000_000)
            assert (await handshake(emulator, CONNECT, auth(token))).status == 404
            assert (await handshake(emulator, "/$hc/sites/west", auth(token))).status == (403 if path else 404)
        # The same name at both levels: the entity's key first, the namespace's second.
        for key in ("send-primary", "shadow-primary"):
            assert (await handshake(emulator, CONNECT, auth(sas(key=key)))).status == 404


@pytest.mark.parametrize(
    "resource",
    [
        f"http://127.0.0.1/{NORTH}",
        f"http://127.0.0.1/{NORTH}/",
        f"http://127.0.0.1:443/{NORTH}",
        f"https://127.0.0.1/{NORTH}",
        f"sb://127.0.0.1/{NORTH.upper()}",
        "http://127.0.0.1/sites",
        "http://127.0.0.1/",
    ],
)
async def test_every_clients_way_to_write_the_resource_is_taken(emulator: RelayEmulator, resource: str) -> None:
    token = create_token(resource, "web", "send-primary", 4_000_000_000)
    assert (await handshake(emulator, CONNECT, auth(token))).status == 404


async def test_token_in_the_query_opens_and_the_header_wins(emulator: RelayEmulator) -> None:
    good, bad = sas(), sas(key="guessed")

    assert (await handshake(emulator, f"{CONNECT}&sb-hc-token={quote(good, safe='')}")).status == 404
    assert (await handshake(emulator, f"{CONNECT}&sb-hc-token={quote(bad, safe='')}")).status == 401
    assert (await handshake(emulator, f"{CONNECT}&sb-hc-token={quote(bad, safe='')}", auth(good))).status == 404
    assert (await handshake(emulator, f"{CONNECT}&sb-hc-token={quote(good, safe='')}", auth(bad))).status == 401


async def test_authorization_header_is_looked_at_last(emulator: RelayEmulator) -> None:
    assert (await handshake(emulator, CONNECT, {"Authorization": sas()})).status == 404
    assert (await handshake(emulator, CONNECT, {"Authorization": "Basic Ym9iOmJvYg=="})).status == 401
    both = {"Authorization": "Basic Ym9iOmJvYg==", **auth(sas())}
    assert (await handshake(emulator, CONNECT, both)).status == 404


async def test_open_hybrid_connection_needs_no_token_to_connect_but_one_to_listen(emulator: RelayEmulator) -> None:
    assert (await handshake(emulator, f"/$hc/{OPEN}")).status == 404
    assert (await handshake(emulator, f"/$hc/{OPEN}", auth("not looked at"))).status == 404
    assert (await handshake(emulator, f"/$hc/{OPEN}?sb-hc-action=listen")).status == 401
    control = await listen(emulator, OPEN)
    await control.close()
