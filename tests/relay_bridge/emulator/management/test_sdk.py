"""Every call of the real SDK against the relay, as a script for Azure would make it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.mgmt.relay import RelayAPIMgmtClient
from azure.mgmt.relay import models as arm

from relay_bridge.emulator.management.arm import PAGE
from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.management.support import Plane, config_in

AT = ("group", "local")


def refused(kind: type[HttpResponseError], do: Any, *arguments: Any) -> HttpResponseError:
    with pytest.raises(kind) as caught:
        do(*arguments)
    assert caught.value.error is not None, "the body must be the error that the SDK can read"
    return caught.value


def names(found: Any) -> list[str]:
    return [each.name for each in found]


async def drive(plane: Plane, script: Any) -> None:
    client = plane.sdk()
    try:
        await asyncio.to_thread(script, client)
    finally:
        client.close()


async def test_hybrid_connections(plane: Plane) -> None:
    def script(client: RelayAPIMgmtClient) -> None:
        calls = client.hybrid_connections
        made = calls.create_or_update(
            *AT, "site-north", arm.HybridConnection(requires_client_authorization=False, user_metadata="[1]")
        )
        assert (made.name, made.listener_count) == ("site-north", 0)
        assert (made.requires_client_authorization, made.user_metadata) == (False, "[1]")
        assert made.created_at == made.updated_at
        changed = calls.create_or_update(*AT, "site-north", arm.HybridConnection(user_metadata="[2]"))
        assert (changed.requires_client_authorization, changed.user_metadata) == (False, "[2]")
        assert changed.created_at == made.created_at
        assert calls.get(*AT, "SITE-north").id == made.id
        calls.create_or_update(*AT, "sites/deep", arm.HybridConnection())
        assert names(calls.list_by_namespace(*AT)) == ["declared", "site-north", "sites~deep"]
        refused(
            HttpResponseError,
            calls.create_or_update,
            *AT,
            "site-north",
            arm.HybridConnection(requires_client_authorization=True),
        )
        refused(ResourceExistsError, calls.create_or_update, *AT, "declared", arm.HybridConnection())
        refused(ResourceExistsError, calls.delete, *AT, "declared")
        calls.delete(*AT, "site-north")
        calls.delete(*AT, "site-north")
        refused(ResourceNotFoundError, calls.get, *AT, "site-north")
        refused(ResourceNotFoundError, calls.get, "group", "other-namespace", "declared")

    await drive(plane, script)


async def test_rules_and_keys_of_a_hybrid_connection(plane: Plane) -> None:
    def script(client: RelayAPIMgmtClient) -> None:
        calls = client.hybrid_connections
        calls.create_or_update(*AT, "north", arm.HybridConnection())
        rule = calls.create_or_update_authorization_rule(
            *AT, "north", "listen", arm.AuthorizationRule(rights=[arm.AccessRights.LISTEN])
        )
        assert (rule.name, rule.rights) == ("listen", ["Listen"])
        first = calls.list_keys(*AT, "north", "listen")
        assert first.key_name == "listen"
        assert first.primary_key != first.secondary_key
        assert "EntityPath=north" in str(first.primary_connection_string)
        second = calls.regenerate_keys(*AT, "north", "listen", arm.RegenerateAccessKeyParameters(key_type="PrimaryKey"))
        assert second.primary_key not in {first.primary_key, first.secondary_key}
        assert second.secondary_key == first.secondary_key
        third = calls.regenerate_keys(
            *AT, "north", "listen", arm.RegenerateAccessKeyParameters(key_type="SecondaryKey", key="my own")
        )
        assert (third.primary_key, third.secondary_key) == (second.primary_key, "my own")
        calls.create_or_update_authorization_rule(
            *AT, "north", "listen", arm.AuthorizationRule(rights=["Send", "Listen"])
        )
        assert calls.get_authorization_rule(*AT, "north", "listen").rights == ["Listen", "Send"]
        assert calls.list_keys(*AT, "north", "listen").secondary_key == "my own"
        assert names(calls.list_authorization_rules(*AT, "north")) == ["listen"]
        calls.delete_authorization_rule(*AT, "north", "listen")
        calls.delete_authorization_rule(*AT, "north", "listen")
        refused(ResourceNotFoundError, calls.list_keys, *AT, "north", "listen")
        refused(
            HttpResponseError,
            calls.create_or_update_authorization_rule,
            *AT,
            "north",
            "all",
            arm.AuthorizationRule(rights=["Manage"]),
        )

    await drive(plane, script)


async def test_namespace_and_its_rules(plane: Plane) -> None:
    def script(client: RelayAPIMgmtClient) -> None:
        calls = client.namespaces
        body = arm.RelayNamespace(location="westeurope", sku=arm.Sku(name="Standard"), tags={"a": "b"})
        made = calls.begin_create_or_update(*AT, body).result()
        assert (made.name, made.provisioning_state, made.tags) == ("local", "Succeeded", {"a": "b"})
        assert calls.update(*AT, arm.RelayUpdateParameters(tags={"c": "d"})).tags == {"c": "d"}
        assert calls.get(*AT).service_bus_endpoint == f"http://127.0.0.1:{plane.relay.port}/"
        assert names(calls.list()) == names(calls.list_by_resource_group("group")) == ["local"]
        refused(ResourceExistsError, calls.begin_create_or_update, "group", "another", body)
        refused(ResourceExistsError, calls.begin_delete, *AT)
        calls.begin_delete("group", "another").result()

        assert names(calls.list_authorization_rules(*AT)) == ["operator", "RootManageSharedAccessKey"]
        assert "EntityPath" not in str(calls.list_keys(*AT, "RootManageSharedAccessKey").primary_connection_string)
        assert calls.list_keys(*AT, "operator").secondary_key == "operator-secondary"
        parameters = arm.RegenerateAccessKeyParameters(key_type="PrimaryKey")
        refused(ResourceExistsError, calls.regenerate_keys, *AT, "operator", parameters)
        before = calls.list_keys(*AT, "RootManageSharedAccessKey")
        after = calls.regenerate_keys(*AT, "RootManageSharedAccessKey", parameters)
        assert (after.primary_key != before.primary_key, after.secondary_key) == (True, before.secondary_key)
        calls.create_or_update_authorization_rule(*AT, "send", arm.AuthorizationRule(rights=["Send"]))
        assert calls.get_authorization_rule(*AT, "send").rights == ["Send"]
        calls.delete_authorization_rule(*AT, "send")

        for name, free, reason in [
            ("local", False, "NameInUse"),
            ("ab", False, "InvalidName"),
            ("some-other-name", False, "TooManyNamespaceInCurrentSubscription"),
        ]:
            found = calls.check_name_availability(arm.CheckNameAvailability(name=name))
            assert (found.name_available, found.reason) == (free, reason)
            assert found.message

    await drive(plane, script)


async def test_namespace_is_deleted_and_made_again(tmp_path: Path) -> None:
    async with RelayEmulator(EmulatorConfig(), management=config_in(tmp_path)) as relay:
        plane = Plane(relay, tmp_path)

        def script(client: RelayAPIMgmtClient) -> None:
            client.hybrid_connections.create_or_update(*AT, "north", arm.HybridConnection())
            client.namespaces.begin_delete(*AT).result()
            refused(ResourceNotFoundError, client.namespaces.get, *AT)
            refused(ResourceNotFoundError, client.hybrid_connections.get, *AT, "north")
            assert names(client.namespaces.list()) == []
            wanted = arm.CheckNameAvailability(name="local")
            assert client.namespaces.check_name_availability(wanted).name_available
            made = client.namespaces.begin_create_or_update(*AT, arm.RelayNamespace(location="x")).result()
            assert made.location == "x"
            assert names(client.hybrid_connections.list_by_namespace(*AT)) == []

        await drive(plane, script)


async def test_what_the_relay_does_not_have(plane: Plane) -> None:
    def script(client: RelayAPIMgmtClient) -> None:
        for listed in (client.wcf_relays.list_by_namespace, client.private_endpoint_connections.list):
            assert list(listed(*AT)) == []
        assert client.private_link_resources.list(*AT).value == []
        refused(ResourceNotFoundError, client.private_link_resources.get, *AT, "namespace")
        refused(ResourceNotFoundError, client.wcf_relays.get, *AT, "one")
        refused(ResourceNotFoundError, client.wcf_relays.list_keys, *AT, "one", "rule")
        refused(ResourceNotFoundError, client.private_endpoint_connections.get, *AT, "one")
        error = refused(HttpResponseError, client.wcf_relays.create_or_update, *AT, "one", arm.WcfRelay())
        assert (error.status_code, "no WCF relays" in error.message) == (501, True)
        client.wcf_relays.delete(*AT, "one")
        client.private_endpoint_connections.begin_delete(*AT, "one").result()
        rules = client.namespaces.get_network_rule_set(*AT)
        assert (rules.default_action, rules.ip_rules) == ("Allow", [])
        error = refused(
            HttpResponseError, client.namespaces.create_or_update_network_rule_set, *AT, arm.NetworkRuleSet()
        )
        assert error.status_code == 501
        assert "Microsoft.Relay/namespaces/read" in names(client.operations.list())

    await drive(plane, script)


async def test_long_list_is_followed_to_its_end(tmp_path: Path) -> None:
    config = EmulatorConfig(tuple(HybridConnection(f"site-{n:03}") for n in range(2 * PAGE + 1)))
    async with RelayEmulator(config, management=config_in(tmp_path)) as relay:
        plane = Plane(relay, tmp_path)

        def script(client: RelayAPIMgmtClient) -> None:
            found = names(client.hybrid_connections.list_by_namespace(*AT))
            assert found == [connection.path for connection in config.hybrid_connections]

        await drive(plane, script)


async def test_wrong_token_is_an_authentication_error(plane: Plane) -> None:
    client = plane.sdk("another-token-of-some-length")
    with pytest.raises(ClientAuthenticationError):
        await asyncio.to_thread(client.namespaces.get, *AT)
    client.close()
