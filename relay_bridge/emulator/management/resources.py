"""Namespace, hybrid connection, rule and keys as the JSON of Azure Resource Manager."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from relay_bridge.emulator.management.arm import Call, moment
from relay_bridge.emulator.management.state import MadeHybridConnection, MadeNamespace
from relay_bridge.emulator.namespace import RIGHTS, Rule

PROVIDER_TYPE: Final = "Microsoft.Relay/Namespaces"
SKU: Final = {"name": "Standard", "tier": "Standard"}


@dataclass(frozen=True)
class Endpoint:
    """Where the relay itself is, as clients must dial it."""

    host: str
    port: int
    use_tls: bool

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class Names:
    """The subscription and resource group as this caller wrote them, and the namespace: the start of every id."""

    subscription: str
    group: str
    namespace: str
    root: str = field(init=False)

    def __post_init__(self) -> None:
        root = (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.Relay/namespaces/{self.namespace}"
        )
        object.__setattr__(self, "root", root)


def names_of(call: Call, namespace: str) -> Names:
    """Any subscription and resource group will do: the relay has neither."""
    return Names(call.names["subscription"], call.names.get("group", "local"), namespace)


def arm_name(path: str) -> str:
    """A path as one name: ARM writes ``~`` for the slash between segments."""
    return path.replace("/", "~")


def path_of(name: str) -> str:
    """The path that a name in a call stands for; a slash that was percent-encoded is taken too."""
    return name.replace("~", "/").strip("/")


def namespace_out(names: Names, space: MadeNamespace, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": names.root,
        "name": names.namespace,
        "type": PROVIDER_TYPE,
        "location": space.location,
        "tags": dict(space.tags),
        "sku": SKU,
        "properties": {
            "provisioningState": "Succeeded",
            "status": "Active",
            "createdAt": moment(space.created_at),
            "updatedAt": moment(space.updated_at),
            "serviceBusEndpoint": f"{'https' if endpoint.use_tls else 'http'}://{endpoint.authority}/",
            "metricId": f"{names.subscription}:{names.namespace}",
            "publicNetworkAccess": "Enabled",
            "privateEndpointConnections": [],
        },
    }


def connection_out(names: Names, made: MadeHybridConnection, space: MadeNamespace, listeners: int) -> dict[str, Any]:
    name = arm_name(made.connection.path)
    properties: dict[str, Any] = {
        "createdAt": moment(made.created_at),
        "updatedAt": moment(made.updated_at),
        "listenerCount": listeners,
        "requiresClientAuthorization": made.connection.requires_client_authorization,
    }
    if made.user_metadata is not None:
        properties["userMetadata"] = made.user_metadata
    return {
        "id": f"{names.root}/hybridConnections/{name}",
        "name": name,
        "type": f"{PROVIDER_TYPE}/HybridConnections",
        "location": space.location,
        "properties": properties,
    }


def rule_out(names: Names, path: str | None, rule: Rule, space: MadeNamespace) -> dict[str, Any]:
    """``path`` is None for a rule of the namespace."""
    above = names.root if path is None else f"{names.root}/hybridConnections/{arm_name(path)}"
    level = PROVIDER_TYPE if path is None else f"{PROVIDER_TYPE}/HybridConnections"
    return {
        "id": f"{above}/authorizationRules/{rule.name}",
        "name": rule.name,
        "type": f"{level}/AuthorizationRules",
        "location": space.location,
        "properties": {"rights": [right for right in RIGHTS if right in rule.rights]},
    }


def keys_out(path: str | None, rule: Rule, endpoint: Endpoint) -> dict[str, Any]:
    """The keys themselves: for the answer alone, never for a log."""
    keys: dict[str, Any] = {
        "keyName": rule.name,
        "primaryKey": rule.primary_key,
        "primaryConnectionString": connection_string(path, rule.name, rule.primary_key, endpoint),
    }
    if rule.secondary_key is not None:
        keys["secondaryKey"] = rule.secondary_key
        keys["secondaryConnectionString"] = connection_string(path, rule.name, rule.secondary_key, endpoint)
    return keys


def connection_string(path: str | None, rule: str, key: str, endpoint: Endpoint) -> str:
    parts = [f"Endpoint=sb://{endpoint.authority}/", f"SharedAccessKeyName={rule}", f"SharedAccessKey={key}"]
    if path is not None:
        parts.append(f"EntityPath={path}")
    if not endpoint.use_tls:
        parts.append("UseDevelopmentEmulator=true")
    return ";".join(parts)
