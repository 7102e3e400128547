"""Parts of the provider that the relay does not have: WCF relays, private links, network rules.

Lists are empty and deletes find nothing, so that a script for the service runs through; making one is refused in words.
"""

from __future__ import annotations

from typing import Final

from relay_bridge.emulator.management.arm import NAMESPACE, Answer, ArmError, Call
from relay_bridge.emulator.management.desk import Desk, Handler

_KINDS: Final = {
    "wcfRelays": "WCF relays",
    "privateEndpointConnections": "private endpoint connections",
    "privateLinkResources": "private link resources",
}


async def empty_list(desk: Desk, call: Call) -> Answer:
    desk.check_namespace(call)
    return Answer({"value": []})


async def not_found(desk: Desk, call: Call) -> Answer:
    desk.check_namespace(call)
    raise ArmError(404, "ResourceNotFound", f"It was not found: this relay has no {_kind(call)}.")


async def not_made(desk: Desk, call: Call) -> Answer:
    desk.check_namespace(call)
    raise ArmError(501, "NotImplemented", f"This relay has no {_kind(call)}; only hybrid connections can be made.")


async def nothing_to_delete(desk: Desk, call: Call) -> Answer:
    desk.check_namespace(call)
    return Answer(status=204)


async def network_rules(desk: Desk, call: Call) -> Answer:
    """Everybody who can reach the port is let in."""
    desk.check_namespace(call)
    return Answer(_rule_set(call))


async def list_network_rules(desk: Desk, call: Call) -> Answer:
    desk.check_namespace(call)
    return Answer({"value": [_rule_set(call)]})


async def no_network_rules(desk: Desk, call: Call) -> Answer:
    desk.check_namespace(call)
    message = "This relay does not judge by address; its own port is the only bound."
    raise ArmError(501, "NotImplemented", message)


def _rule_set(call: Call) -> dict[str, object]:
    base = call.path.rstrip("/")
    return {
        "id": base if base.lower().endswith("/default") else f"{base}/default",
        "name": "default",
        "type": "Microsoft.Relay/Namespaces/NetworkRuleSets",
        "properties": {"defaultAction": "Allow", "publicNetworkAccess": "Enabled", "ipRules": []},
    }


def _kind(call: Call) -> str:
    return next((words for part, words in _KINDS.items() if f"/{part.lower()}" in call.path.lower()), "such resources")


def _routes() -> list[tuple[str, str, Handler]]:
    routes: list[tuple[str, str, Handler]] = []
    for part in _KINDS:
        above = f"{NAMESPACE}/{part}"
        one = above + "/{absent}"
        routes += [("GET", above, empty_list), ("GET", one, not_found)]
        if part != "privateLinkResources":
            routes += [("PUT", one, not_made), ("DELETE", one, nothing_to_delete)]
    rules = f"{NAMESPACE}/wcfRelays/{{absent}}/authorizationRules"
    rule = rules + "/{rule}"
    for method, pattern in (
        ("GET", rules), ("GET", rule), ("PUT", rule), ("DELETE", rule),
        ("POST", rule + "/listKeys"), ("POST", rule + "/regenerateKeys"),
    ):  # fmt: skip
        routes.append((method, pattern, not_found))
    default = f"{NAMESPACE}/networkRuleSets/default"
    routes += [
        ("GET", f"{NAMESPACE}/networkRuleSets", list_network_rules),
        ("GET", default, network_rules),
        ("PUT", default, no_network_rules),
    ]
    return routes


ROUTES: Final[list[tuple[str, str, Handler]]] = _routes()
