"""Hybrid connections over ARM: their listeners count, their end is the end of their sockets."""

from __future__ import annotations

import asyncio

import pytest
import websockets

from relay_bridge.protocol.connection_string import parse_connection_string
from relay_bridge.protocol.sas import create_token
from tests.relay_bridge.emulator.management.support import Plane, Reply
from tests.relay_bridge.emulator.support import DEADLINE, auth


async def made(plane: Plane, path: str = "north") -> str:
    """A hybrid connection with a rule to listen; its primary connection string."""
    await plane.ask("PUT", f"hybridConnections/{path}", {"properties": {}})
    await plane.ask("PUT", f"hybridConnections/{path}/authorizationRules/all", {"properties": {"rights": ["Listen"]}})
    keys = await plane.ask("POST", f"hybridConnections/{path}/authorizationRules/all/listKeys")
    return str(keys.body["primaryConnectionString"])


async def listening(text: str) -> websockets.ClientConnection:
    """A listener that knows its connection string and nothing else."""
    read = parse_connection_string(text)
    assert read.key_name is not None
    assert read.key is not None
    token = create_token(read.resource_uri, read.key_name, read.key, 4_000_000_000)
    return await websockets.connect(
        f"ws://{read.host}:{read.port}/$hc/{read.entity_path}?sb-hc-action=listen", additional_headers=auth(token)
    )


async def test_connection_string_opens_the_relay_and_the_listener_is_counted(plane: Plane) -> None:
    text = await made(plane)
    async with await listening(text), await listening(text):
        reply = await plane.ask("GET", "hybridConnections/north")
        assert reply.body["properties"]["listenerCount"] == 2
        listed = (await plane.ask("GET", "hybridConnections")).body["value"]
        assert {each["name"]: each["properties"]["listenerCount"] for each in listed} == {"declared": 0, "north": 2}


async def test_deleted_one_closes_its_sockets_with_1001_and_its_keys_open_nothing(plane: Plane) -> None:
    text = await made(plane)
    listener = await listening(text)
    assert (await plane.ask("DELETE", "hybridConnections/NORTH")).status == 200
    await asyncio.wait_for(listener.wait_closed(), DEADLINE)
    assert (listener.close_code, listener.close_reason) == (1001, "The hybrid connection was deleted")
    assert (await plane.ask("DELETE", "hybridConnections/north")).status == 204
    with pytest.raises(websockets.InvalidStatus):
        await listening(text)


@pytest.mark.parametrize(
    ("path", "properties", "code"),
    [
        ("north", {"userMetadata": "x" * 1_025}, "BadRequest"),
        ("north", {"userMetadata": 1}, "InvalidRequestContent"),
        ("north", {"requiresClientAuthorization": "no"}, "InvalidRequestContent"),
        ("north", [], "InvalidRequestContent"),
        ("no$rth", {}, "BadRequest"),
        ("a~~b", {}, "BadRequest"),
        ("n" * 261, {}, "BadRequest"),
        ("declared", {}, "DeclaredInConfiguration"),
        ("DECLARED", {}, "DeclaredInConfiguration"),
    ],
)
async def test_what_cannot_be_made_is_refused_and_not_kept(
    path: str, properties: object, code: str, plane: Plane
) -> None:
    before = plane.state
    reply = await plane.ask("PUT", f"hybridConnections/{path}", {"properties": properties})
    assert reply.code == code
    assert reply.status == (409 if code == "DeclaredInConfiguration" else 400)
    assert plane.state == before


async def test_authorization_demand_is_fixed_when_it_is_made(plane: Plane) -> None:
    async def put(**properties: object) -> Reply:
        return await plane.ask("PUT", "hybridConnections/north", {"properties": properties})

    assert (await put(requiresClientAuthorization=False)).status == 200
    assert (await put(requiresClientAuthorization=True)).code == "BadRequest"
    assert (await put(requiresClientAuthorization=False, userMetadata="x")).status == 200
    found = (await put()).body["properties"]
    assert (found["requiresClientAuthorization"], found["userMetadata"]) == (False, "x")
    config = plane.relay.config.find("north")
    assert config is not None
    assert not config.requires_client_authorization


async def test_default_is_that_senders_need_a_token(plane: Plane) -> None:
    reply = await plane.ask("PUT", "hybridConnections/sites~north", {})
    assert reply.body["properties"]["requiresClientAuthorization"] is True
    assert plane.relay.config.find("sites/north/and/more") is not None
