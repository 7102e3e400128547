"""Resources as JSON: names, ids, connection strings."""

from __future__ import annotations

import pytest

from relay_bridge.emulator.management.arm import Call
from relay_bridge.emulator.management.resources import (
    Endpoint,
    Names,
    arm_name,
    connection_out,
    connection_string,
    keys_out,
    names_of,
    path_of,
    rule_out,
)
from relay_bridge.emulator.management.state import MadeHybridConnection, MadeNamespace
from relay_bridge.emulator.namespace import HybridConnection, Rule
from relay_bridge.protocol.connection_string import parse_connection_string

SPACE = MadeNamespace("westeurope", 0.0, 0.0)
NAMES = Names("sub", "group", "local")
PLAIN = Endpoint("127.0.0.1", 9400, False)


@pytest.mark.parametrize("name", ["sites~north", "sites/north", "/sites/north/"])
def test_slash_of_a_path_is_a_tilde_in_a_name(name: str) -> None:
    assert path_of(name) == "sites/north"
    assert arm_name("sites/north") == "sites~north"


def test_ids_repeat_what_the_caller_wrote() -> None:
    call = Call("GET", "/", {"subscription": "SUB", "group": "Group"})
    made = MadeHybridConnection(HybridConnection("sites/north"), None, 0.0, 0.0)
    resource = connection_out(names_of(call, "local"), made, SPACE, 3)
    above = "/subscriptions/SUB/resourceGroups/Group/providers/Microsoft.Relay/namespaces/local"
    assert resource["id"] == f"{above}/hybridConnections/sites~north"
    assert resource["properties"]["listenerCount"] == 3
    assert "userMetadata" not in resource["properties"]


def test_rights_stand_in_one_order_and_types_say_the_level() -> None:
    rule = Rule("all", frozenset({"Manage", "Send", "Listen"}), "one", "two")
    assert rule_out(NAMES, None, rule, SPACE)["properties"] == {"rights": ["Listen", "Send", "Manage"]}
    assert rule_out(NAMES, None, rule, SPACE)["type"] == "Microsoft.Relay/Namespaces/AuthorizationRules"
    assert rule_out(NAMES, "a/b", rule, SPACE)["id"].endswith("/hybridConnections/a~b/authorizationRules/all")


@pytest.mark.parametrize("endpoint", [PLAIN, Endpoint("::1", 9400, True), Endpoint("relay.example.com", 443, True)])
@pytest.mark.parametrize("path", [None, "sites/north"])
def test_connection_string_is_one_that_our_own_reader_takes(endpoint: Endpoint, path: str | None) -> None:
    read = parse_connection_string(connection_string(path, "agent", "a+/key==", endpoint))
    assert (read.host, read.port, read.use_tls) == (endpoint.host, endpoint.port, endpoint.use_tls)
    assert (read.entity_path, read.key_name, read.key) == (path, "agent", "a+/key==")


def test_rule_without_a_second_key_shows_one() -> None:
    keys = keys_out(None, Rule("agent", frozenset({"Listen"}), "one"), PLAIN)
    assert keys == {
        "keyName": "agent",
        "primaryKey": "one",
        "primaryConnectionString": "Endpoint=sb://127.0.0.1:9400/;SharedAccessKeyName=agent;SharedAccessKey=one;"
        "UseDevelopmentEmulator=true",
    }
