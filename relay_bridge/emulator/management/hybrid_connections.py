"""Calls about hybrid connections: list, get, put, delete."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from relay_bridge.emulator.management.arm import NAMESPACE, Answer, ArmError, Call, page, properties_of, value_of
from relay_bridge.emulator.management.desk import Desk, Handler
from relay_bridge.emulator.management.entities import declared_connection
from relay_bridge.emulator.management.resources import connection_out, names_of, path_of
from relay_bridge.emulator.management.state import MAX_USER_METADATA, MadeHybridConnection, State
from relay_bridge.emulator.namespace import MAX_HYBRID_CONNECTIONS, ConfigError, HybridConnection

CONNECTIONS: Final = NAMESPACE + "/hybridConnections"
CONNECTION: Final = CONNECTIONS + "/{connection}"


async def list_connections(desk: Desk, call: Call) -> Answer:
    desk.check_namespace(call)
    names, space = names_of(call, desk.namespace), desk.entities.namespace()
    return page(
        call,
        desk.entities.connections(),
        lambda made: connection_out(names, made, space, desk.listener_count(made.connection.path)),
    )


async def get(desk: Desk, call: Call) -> Answer:
    desk.check_namespace(call)
    made = desk.entities.connection(path_of(call.names["connection"]))
    names = names_of(call, desk.namespace)
    listeners = desk.listener_count(made.connection.path)
    return Answer(connection_out(names, made, desk.entities.namespace(), listeners))


async def put(desk: Desk, call: Call) -> Answer:
    """Make one, or change its metadata. Rules and listeners stay as they are."""
    desk.check_namespace(call)
    path = path_of(call.names["connection"])
    properties = properties_of(call.body())
    demands = value_of(properties, "requiresClientAuthorization", bool, "true or false")
    metadata = value_of(properties, "userMetadata", str, "a text")
    if metadata is not None and len(metadata) > MAX_USER_METADATA:
        raise ArmError(400, "BadRequest", f"userMetadata has at most {MAX_USER_METADATA} characters.")

    def change(state: State) -> State:
        check_not_declared(desk, path)
        desk.entities.namespace()
        now = desk.entities.now()
        key = path.lower()
        made = state.hybrid_connections.get(key)
        if made is None:
            if len(desk.entities.config.hybrid_connections) >= MAX_HYBRID_CONNECTIONS:
                message = f"A namespace has at most {MAX_HYBRID_CONNECTIONS} hybrid connections."
                raise ArmError(409, "QuotaExceeded", message)
            made = MadeHybridConnection(_new(path, demands is not False), metadata, now, now)
        else:
            fixed = made.connection.requires_client_authorization
            if demands is not None and demands != fixed:
                message = (
                    "requiresClientAuthorization is fixed when a hybrid connection is made; "
                    f"for this one it is {str(fixed).lower()}. Delete it and make it again to change that."
                )
                raise ArmError(400, "BadRequest", message)
            made = replace(made, user_metadata=made.user_metadata if metadata is None else metadata, updated_at=now)
        return replace(state, hybrid_connections={**state.hybrid_connections, key: made})

    await desk.entities.change(change)
    return await get(desk, call)


async def delete(desk: Desk, call: Call) -> Answer:
    """Its sockets are closed with 1001, its keys are gone. 204 when there is none."""
    desk.check_namespace(call)
    path = path_of(call.names["connection"])
    existed = False

    def change(state: State) -> State:
        nonlocal existed
        check_not_declared(desk, path)
        existed = path.lower() in state.hybrid_connections
        if not existed:
            return state
        kept = {key: made for key, made in state.hybrid_connections.items() if key != path.lower()}
        return replace(state, hybrid_connections=kept)

    await desk.entities.change(change)
    return Answer(status=200 if existed else 204)


def check_not_declared(desk: Desk, path: str) -> None:
    """Raises ``ArmError`` 409 for what the configuration file declares."""
    if declared_connection(desk.entities.declared, path) is not None:
        message = (
            f"The hybrid connection {path[:260]!r} is declared in the relay's configuration file "
            "and can only be changed there."
        )
        raise ArmError(409, "DeclaredInConfiguration", message)


def _new(path: str, requires_client_authorization: bool) -> HybridConnection:
    try:
        return HybridConnection(path, requires_client_authorization)
    except ConfigError as error:
        text = str(error)
        raise ArmError(400, "BadRequest", f"{text[:1].upper()}{text[1:]}.") from error


ROUTES: Final[list[tuple[str, str, Handler]]] = [
    ("GET", CONNECTIONS, list_connections),
    ("GET", CONNECTION, get),
    ("PUT", CONNECTION, put),
    ("DELETE", CONNECTION, delete),
]
