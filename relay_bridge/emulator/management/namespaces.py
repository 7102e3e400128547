"""Calls about the namespace. There is one, with the name of the configuration; it can be deleted and made again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from relay_bridge.emulator.management.arm import (
    GROUP,
    NAMESPACE,
    PROVIDER,
    SUBSCRIPTION,
    Answer,
    ArmError,
    Call,
    properties_of,
    value_of,
)
from relay_bridge.emulator.management.desk import Desk, Handler
from relay_bridge.emulator.management.entities import DEFAULT_LOCATION, new_namespace
from relay_bridge.emulator.management.resources import names_of, namespace_out
from relay_bridge.emulator.management.state import State

MAX_TAGS: Final = 50
MAX_TAG: Final = 256  # characters of a value
MAX_TAG_NAME: Final = 512  # characters
_SERVICE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{4,48}[A-Za-z0-9]\Z")
_OPERATIONS: Final = tuple(
    f"Microsoft.Relay/{what}"
    for what in (
        "checkNameAvailability/action",
        "namespaces/read", "namespaces/write", "namespaces/delete",
        "namespaces/authorizationRules/read", "namespaces/authorizationRules/write",
        "namespaces/authorizationRules/delete", "namespaces/authorizationRules/listKeys/action",
        "namespaces/authorizationRules/regenerateKeys/action",
        "namespaces/hybridConnections/read", "namespaces/hybridConnections/write",
        "namespaces/hybridConnections/delete",
        "namespaces/hybridConnections/authorizationRules/read",
        "namespaces/hybridConnections/authorizationRules/write",
        "namespaces/hybridConnections/authorizationRules/delete",
        "namespaces/hybridConnections/authorizationRules/listKeys/action",
        "namespaces/hybridConnections/authorizationRules/regenerateKeys/action",
    )
)  # fmt: skip


async def list_operations(desk: Desk, call: Call) -> Answer:
    del desk, call
    found = []
    for name in _OPERATIONS:
        resource, _, operation = name.removeprefix("Microsoft.Relay/").rpartition("/")
        display = {"provider": "Microsoft Azure Relay", "resource": resource, "operation": operation}
        found.append({"name": name, "isDataAction": False, "display": display})
    return Answer({"value": found})


async def check_name(desk: Desk, call: Call) -> Answer:
    """Only the name of the one namespace can be free, and only while it is deleted."""
    name = value_of(call.body(), "name", str, "a text")
    if name is None:
        raise ArmError(400, "InvalidRequestContent", "name is missing.")
    if name.lower() == desk.namespace.lower():
        free = desk.entities.find_namespace() is None
        reason, message = ("None", "") if free else ("NameInUse", "The relay has this namespace already.")
        return Answer({"nameAvailable": free, "reason": reason, "message": message})
    if not _SERVICE_NAME.match(name):
        message = "A namespace has 6 to 50 letters, digits and hyphens, and starts with a letter."
        return Answer({"nameAvailable": False, "reason": "InvalidName", "message": message})
    message = f"This relay holds one namespace only, {desk.namespace!r}."
    return Answer({"nameAvailable": False, "reason": "TooManyNamespaceInCurrentSubscription", "message": message})


async def list_namespaces(desk: Desk, call: Call) -> Answer:
    space = desk.entities.find_namespace()
    if space is None:
        return Answer({"value": []})
    return Answer({"value": [namespace_out(names_of(call, desk.namespace), space, desk.endpoint)]})


async def get(desk: Desk, call: Call) -> Answer:
    desk.check_namespace(call)
    return Answer(namespace_out(names_of(call, desk.namespace), desk.entities.namespace(), desk.endpoint))


async def put(desk: Desk, call: Call) -> Answer:
    """Made at once: the state is ``Succeeded`` in the first answer, so that nobody has to poll."""
    if call.names["namespace"].lower() != desk.namespace.lower():
        message = f"This relay holds one namespace only, {desk.namespace!r}; it cannot make another one."
        raise ArmError(409, "NamespaceQuotaExceeded", message)
    body = call.body()
    location, tags = _changes(body)
    existed = desk.entities.find_namespace() is not None

    def change(state: State) -> State:
        now = desk.entities.now()
        space = desk.entities.find_namespace()
        if space is None:
            space = new_namespace(location or DEFAULT_LOCATION, now)
        elif tags is None or dict(tags) == dict(space.tags):
            return state
        return replace(state, namespace=replace(space, tags=tags or {}, updated_at=now))

    await desk.entities.change(change)
    answer = await get(desk, call)
    return Answer(answer.content, 200 if existed else 201)


async def patch(desk: Desk, call: Call) -> Answer:
    desk.check_namespace(call)
    _, tags = _changes(call.body())

    def change(state: State) -> State:
        space = desk.entities.namespace()
        if tags is None or dict(tags) == dict(space.tags):
            return state
        return replace(state, namespace=replace(space, tags=tags, updated_at=desk.entities.now()))

    await desk.entities.change(change)
    return await get(desk, call)


async def delete(desk: Desk, call: Call) -> Answer:
    """Takes everything with it that ARM made, and closes its sockets. What the file declares cannot be taken."""
    if call.names["namespace"].lower() != desk.namespace.lower() or desk.entities.find_namespace() is None:
        return Answer(status=204)
    declared = desk.entities.declared
    if declared.hybrid_connections or declared.rules:
        message = (
            "The relay's configuration file declares hybrid connections or rules of this namespace; "
            "it can be deleted over ARM only when the file declares none."
        )
        raise ArmError(409, "DeclaredInConfiguration", message)
    await desk.entities.change(lambda state: State(None))
    return Answer()


def _changes(body: dict[str, Any]) -> tuple[str | None, Mapping[str, str] | None]:
    sku = value_of(body, "sku", dict, "an object", default={})
    if str(sku.get("name") or "Standard").lower() != "standard":
        raise ArmError(400, "InvalidSku", "The only SKU is Standard.")
    properties_of(body)
    location = value_of(body, "location", str, "a text")
    if location is not None and (len(location) > MAX_TAG or not location.isprintable()):
        raise ArmError(400, "InvalidLocation", "location is a short word such as westeurope.")
    tags = value_of(body, "tags", dict, "an object")
    if tags is not None:
        fits = all(
            isinstance(value, str) and len(value) <= MAX_TAG and 0 < len(name) <= MAX_TAG_NAME
            for name, value in tags.items()
        )
        if len(tags) > MAX_TAGS or not fits:
            raise ArmError(400, "InvalidTags", f"tags are at most {MAX_TAGS} texts of at most {MAX_TAG} characters.")
    return location, tags


ROUTES: Final[list[tuple[str, str, Handler]]] = [
    ("GET", PROVIDER + "/operations", list_operations),
    ("POST", SUBSCRIPTION + PROVIDER + "/checkNameAvailability", check_name),
    ("GET", SUBSCRIPTION + PROVIDER + "/namespaces", list_namespaces),
    ("GET", GROUP + "/namespaces", list_namespaces),
    ("GET", NAMESPACE, get),
    ("PUT", NAMESPACE, put),
    ("PATCH", NAMESPACE, patch),
    ("DELETE", NAMESPACE, delete),
]
