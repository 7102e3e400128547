"""What the relay does not have says so: empty lists, 404, and 501 in words."""

from __future__ import annotations

import pytest

from tests.relay_bridge.emulator.management.support import ROOT, Plane


@pytest.mark.parametrize(
    ("part", "words"),
    [("wcfRelays", "WCF relays"), ("privateEndpointConnections", "private endpoint connections")],
)
async def test_parts_without_members(part: str, words: str, plane: Plane) -> None:
    assert (await plane.ask("GET", part)).body == {"value": []}
    assert (await plane.ask("GET", f"{part}/one")).code == "ResourceNotFound"
    reply = await plane.ask("PUT", f"{part}/one", {})
    assert (reply.status, words in reply.body["error"]["message"]) == (501, True)
    assert (await plane.ask("DELETE", f"{part}/one")).status == 204


async def test_network_rules_let_everybody_in_and_stay_so(plane: Plane) -> None:
    one = (await plane.ask("GET", "networkRuleSets/default")).body
    assert one["id"] == f"{ROOT}/networkRuleSets/default"
    assert (await plane.ask("GET", "networkRuleSets")).body == {"value": [one]}
    assert (await plane.ask("PUT", "networkRuleSets/default", {})).status == 501


async def test_they_are_of_this_namespace_only(plane: Plane) -> None:
    for part in ("wcfRelays", "networkRuleSets/default", "privateLinkResources"):
        path = f"{ROOT}/{part}".replace("namespaces/local", "namespaces/other")
        assert (await plane.ask("GET", path)).code == "ResourceNotFound"
