"""The one namespace over ARM: what can be said of it, and what there is no second one of."""

from __future__ import annotations

import pytest

from tests.relay_bridge.emulator.management.support import PLACE, Plane


async def test_any_subscription_and_group_will_do_and_are_echoed(plane: Plane) -> None:
    path = "/SUBSCRIPTIONS/Mine/resourcegroups/Ours/providers/microsoft.relay/Namespaces/LOCAL"
    found = (await plane.ask("GET", path)).body
    assert found["id"] == "/subscriptions/Mine/resourceGroups/Ours/providers/Microsoft.Relay/namespaces/local"
    assert found["sku"] == {"name": "Standard", "tier": "Standard"}


async def test_put_of_the_one_there_is_changes_its_tags_only(plane: Plane) -> None:
    reply = await plane.ask("PUT", "", {"location": "westeurope", "tags": {"owner": "plant"}})
    assert (reply.status, reply.body["location"], reply.body["tags"]) == (200, "local", {"owner": "plant"})
    assert plane.state["namespace"]["tags"] == {"owner": "plant"}
    rules = await plane.ask("GET", "authorizationRules")
    assert [rule["name"] for rule in rules.body["value"]] == ["operator", "RootManageSharedAccessKey"]


async def test_there_is_no_second_one(plane: Plane) -> None:
    assert (await plane.ask("GET", f"{PLACE}/namespaces/other")).code == "ResourceNotFound"
    assert (await plane.ask("PATCH", f"{PLACE}/namespaces/other", {})).code == "ResourceNotFound"
    reply = await plane.ask("PUT", f"{PLACE}/namespaces/other", {"location": "x"})
    assert (reply.status, reply.code) == (409, "NamespaceQuotaExceeded")
    assert (await plane.ask("DELETE", f"{PLACE}/namespaces/other")).status == 204


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"sku": {"name": "Basic"}}, "InvalidSku"),
        ({"sku": 1}, "InvalidRequestContent"),
        ({"location": "x" * 300}, "InvalidLocation"),
        ({"tags": {"a": 1}}, "InvalidTags"),
        ({"tags": {f"t{n}": "x" for n in range(51)}}, "InvalidTags"),
        ({"tags": {"": "x"}}, "InvalidTags"),
        ({"properties": 1}, "InvalidRequestContent"),
    ],
)
async def test_what_it_cannot_be_is_refused(body: object, code: str, plane: Plane) -> None:
    for method in ("PUT", "PATCH"):
        reply = await plane.ask(method, "", body)
        assert (reply.status, reply.code) == (400, code)


async def test_name_is_asked_for(plane: Plane) -> None:
    path = "/subscriptions/sub/providers/Microsoft.Relay/checkNameAvailability"
    assert (await plane.ask("POST", path, {})).code == "InvalidRequestContent"
    assert (await plane.ask("POST", path, {"name": "LOCAL"})).body["reason"] == "NameInUse"
