"""Which of OPC UA's built-in types a node's DataType is made of: own types and enumerations are followed upwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from asyncua import ua

from relay_bridge.agent.drivers.opcua.connection import Connection

ENUMERATION: Final = 29  # abstract (OPC 10000-3, 8.14): its values travel as Int32
BASE, NUMBER, INTEGER, UINTEGER = 24, 26, 27, 28
ABSTRACT: Final = frozenset({BASE, NUMBER, INTEGER, UINTEGER})  # the node may hold any of their kinds
_LAST_KNOWN: Final = 29  # ns=0;i=1 to 25 are the built-in types (OPC 10000-6, 5.1.2), 26 to 29 the abstract numbers
_STEPS: Final = 20  # a type is never derived more often than this; a server with a loop in its types is not followed


async def builtin_types(connection: Connection, types: Iterable[Any], doing: str) -> Mapping[Any, int]:
    """By NodeId of a data type: the number of its nearest ancestor of ns=0 up to 29; left out when there is none."""
    found: dict[Any, int] = {}
    climbing = {type_: type_ for type_ in types if isinstance(type_, ua.NodeId)}  # asked for: where it has come to
    for _ in range(_STEPS):
        for asked, now in list(climbing.items()):
            known = _known(now)
            if known is not None:
                found[asked] = known
                del climbing[asked]
        if not climbing:
            break
        places = list(dict.fromkeys(climbing.values()))
        parents = await connection.in_chunks(doing, places, connection.limits.browse, _asker(connection))
        above = {place: _parent(result) for place, result in zip(places, parents, strict=True)}
        climbing = {asked: up for asked, now in climbing.items() if (up := above[now]) is not None}
    return found


def type_name(builtin: int) -> str:
    """The name of a built-in type as the specification has it: ``Double``, ``UInt16``, ``Enumeration``."""
    return "Enumeration" if builtin == ENUMERATION else ua.ObjectIdNames.get(builtin, "value of an unknown kind")


def _known(type_: Any) -> int | None:
    identifier = type_.Identifier
    if type_.NamespaceIndex == 0 and isinstance(identifier, int) and 0 < identifier <= _LAST_KNOWN:
        return identifier
    return None


def _asker(connection: Connection) -> Any:
    async def ask(chunk: list[Any]) -> list[Any]:
        parameters = ua.BrowseParameters()
        parameters.RequestedMaxReferencesPerNode = 1
        parameters.NodesToBrowse = [
            ua.BrowseDescription(
                NodeId=node,
                BrowseDirection=ua.BrowseDirection.Inverse,
                ReferenceTypeId=ua.NodeId(ua.ObjectIds.HasSubtype),
                IncludeSubtypes=False,
                NodeClassMask=0,
                ResultMask=0,
            )
            for node in chunk
        ]
        answer: list[Any] = await connection.session.browse(parameters)
        return answer

    return ask


def _parent(result: Any) -> Any:
    if not result.StatusCode.is_good() or not result.References:
        return None
    target = result.References[0].NodeId
    return ua.NodeId(target.Identifier, target.NamespaceIndex, target.NodeIdType)
