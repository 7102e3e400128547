"""What there is at a server: variables and methods below a node, level by level, within a count and a time.

Every reference is followed once, so loops end; what a server keeps for the next page of an answer is read or released.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from asyncua import ua

from relay_bridge.agent.drivers.abilities import FoundNode
from relay_bridge.agent.drivers.foreign_text import foreign_text
from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.data_types import NUMBER, builtin_types
from relay_bridge.agent.drivers.opcua.deadlines import REQUEST_DEADLINE
from relay_bridge.agent.drivers.opcua.descriptions import range_of, unit_of
from relay_bridge.agent.drivers.opcua.node_ids import NodeIdError, format_node, parse_node
from relay_bridge.agent.drivers.opcua.pages import references
from relay_bridge.agent.drivers.opcua.refusals import asking, node_of
from relay_bridge.contract.errors import RequestRefused

DOING = "browsing"
NODES = 50  # that are browsed in one call
MOST_SEEN = 300_000  # nodes that are remembered to have been seen; then browsing ends
MAX_DEPTH = 50
MAX_NAME, MAX_PATH, MAX_DESCRIPTION = 200, 1000, 200  # characters; the server's text is not trusted
_OBJECT, _VARIABLE, _METHOD = 1, 2, 4  # NodeClass (OPC 10000-3, 8.29)
_MAY_WRITE, _MAY_READ_HISTORY = 0x02, 0x04  # AccessLevelType (OPC 10000-3, 8.57)
_BOOLEAN = 1
_TEXTS: Final = frozenset({12, 13, 14, 21})  # String, DateTime, Guid, LocalizedText
_ATTRIBUTES: Final = (
    ua.AttributeIds.DataType,
    ua.AttributeIds.ValueRank,
    ua.AttributeIds.UserAccessLevel,
    ua.AttributeIds.Description,
)


@dataclass(frozen=True)
class _Seen:
    """A node on the way: what it is, where, and what was read of it when its parent was browsed."""

    node: Any
    path: str
    node_class: int
    depth: int = 0


@dataclass
class _Variable:
    """A variable with the properties that were found at it."""

    seen: _Seen
    properties: dict[str, Any] = field(default_factory=dict)


async def browse(connection: Connection, root: str | None, *, most: int, deadline: float) -> AsyncIterator[FoundNode]:
    """Variables and methods below ``root`` (the Objects folder when None), each once, at most ``most``.

    Below the Objects folder the server's own part (namespace 0) is left out. When ``deadline`` (seconds) is over,
    what was found has been given and RequestRefused says so.
    """
    walk = _Walk(connection, time.monotonic() + deadline)
    given = 0
    level = [walk.begin(root)]
    while level:
        below: list[_Seen] = []
        for i in range(0, len(level), NODES):
            found, children = await walk.step(level[i : i + NODES])
            below += children
            for node in found:
                yield node
                given += 1
                if given >= most:
                    return
        level = below
    if walk.full:
        raise RequestRefused("too_large", f"The source has more than {MOST_SEEN} nodes below there: not all was seen.")


class _Walk:
    def __init__(self, connection: Connection, end: float) -> None:
        self._connection = connection
        self._end = end  # monotonic
        self._known: set[Any] = set()
        self._types: dict[Any, int] = {}
        self._whole_server = False

    @property
    def full(self) -> bool:
        return len(self._known) >= MOST_SEEN

    def begin(self, root: str | None) -> _Seen:
        self._whole_server = root is None
        if root is None:
            node = ua.NodeId(ua.ObjectIds.ObjectsFolder)
        else:
            try:
                address = parse_node(root)
            except NodeIdError as error:
                raise RequestRefused("bad_request", f"{error}.") from None
            node = node_of(self._connection, address, DOING)
        self._known.add(node)
        return _Seen(node, "", _OBJECT)

    async def step(self, nodes: Sequence[_Seen]) -> tuple[list[FoundNode], list[_Seen]]:
        """Browse these nodes: what is found of them and below them, and where to go on."""
        rest = self._end - time.monotonic()
        if rest <= 0:
            raise RequestRefused("source_down", "Browsing the source took longer than it may: not all was seen.")
        with asking(DOING):
            answers = await references(self._connection, [seen.node for seen in nodes], min(rest, REQUEST_DEADLINE))
            variables: list[_Variable] = []
            methods: list[FoundNode] = []
            children: list[_Seen] = []
            for seen, found in zip(nodes, answers, strict=True):
                variable = _Variable(seen)
                for reference in found:
                    self._sort_in(reference, variable, methods, children)
                if seen.node_class == _VARIABLE:
                    variables.append(variable)
            return [*await self._describe(variables), *methods], children

    def _sort_in(self, reference: Any, parent: _Variable, methods: list[FoundNode], children: list[_Seen]) -> None:
        target = reference.NodeId
        if getattr(target, "ServerIndex", 0):
            return  # of another server
        node = self._local(target)
        if node is None:
            return
        name = foreign_text(reference.BrowseName.Name or "", MAX_NAME)
        if reference.ReferenceTypeId == ua.NodeId(ua.ObjectIds.HasProperty):
            parent.properties.setdefault(name, node)
            return
        own_part = self._whole_server and not parent.seen.path and node.NamespaceIndex == 0
        if own_part or node in self._known or self.full or parent.seen.depth >= MAX_DEPTH:
            return
        path = f"{parent.seen.path}/{name}" if parent.seen.path else name
        if len(path) > MAX_PATH:
            return
        self._known.add(node)
        node_class = int(reference.NodeClass)
        if node_class == _METHOD:
            namespaces = self._connection.namespaces
            methods.append(
                FoundNode(
                    node=format_node(node, namespaces),
                    path=path,
                    kind="method",
                    parent=format_node(parent.seen.node, namespaces),
                )
            )
        elif node_class in {_OBJECT, _VARIABLE}:
            children.append(_Seen(node, path, node_class, parent.seen.depth + 1))

    def _local(self, target: Any) -> Any:
        index = target.NamespaceIndex
        if getattr(target, "NamespaceUri", None):
            if target.NamespaceUri not in self._connection.namespaces:
                return None
            index = self._connection.namespaces.index(target.NamespaceUri)
        return ua.NodeId(target.Identifier, index, target.NodeIdType)

    async def _describe(self, variables: Sequence[_Variable]) -> list[FoundNode]:
        """Type, rights, unit and range of variables, in as few calls as the server takes."""
        wanted = [(v.seen.node, attribute) for v in variables for attribute in _ATTRIBUTES]
        extra = [(v, name) for v in variables for name in ("EURange", "EngineeringUnits") if name in v.properties]
        wanted += [(v.properties[name], ua.AttributeIds.Value) for v, name in extra]
        answers = await self._read(wanted)
        count = len(_ATTRIBUTES)
        facts = [answers[i * count : (i + 1) * count] for i in range(len(variables))]
        said: dict[tuple[int, str], Any] = {
            (id(v), name): value for (v, name), value in zip(extra, answers[count * len(variables) :], strict=True)
        }
        await self._learn_types(fact[0] for fact in facts)
        return [
            self._found(
                variable.seen, fact, said.get((id(variable), "EURange")), said.get((id(variable), "EngineeringUnits"))
            )
            for variable, fact in zip(variables, facts, strict=True)
        ]

    def _found(self, seen: _Seen, fact: Sequence[Any], span: Any, unit: Any) -> FoundNode:
        data_type, rank, access, description = fact
        low, high = range_of(span)
        access = access if isinstance(access, int) else 0
        return FoundNode(
            node=format_node(seen.node, self._connection.namespaces),
            path=seen.path,
            kind=self._kind(data_type, rank),
            unit=unit_of(unit),
            low=low,
            high=high,
            description=foreign_text(getattr(description, "Text", None) or "", MAX_DESCRIPTION),
            writable=bool(access & _MAY_WRITE),
            has_history=bool(access & _MAY_READ_HISTORY),
        )

    def _kind(self, data_type: Any, rank: Any) -> Literal["number", "text", "bool", "other"]:
        if isinstance(rank, int) and rank >= 0:
            return "other"  # an array
        builtin = self._types.get(data_type, 0)
        if builtin == _BOOLEAN:
            return "bool"
        if 2 <= builtin <= 11 or builtin >= NUMBER:
            return "number"
        return "text" if builtin in _TEXTS else "other"

    async def _learn_types(self, types: Any) -> None:
        new = {type_ for type_ in types if isinstance(type_, ua.NodeId) and type_ not in self._types}
        if new:
            self._types.update(dict.fromkeys(new, 0))
            self._types.update(await builtin_types(self._connection, new, DOING))

    async def _read(self, wanted: Sequence[tuple[Any, Any]]) -> list[Any]:
        """The values of these attributes; None for what cannot be read."""

        async def read(chunk: list[tuple[Any, Any]]) -> list[Any]:
            parameters = ua.ReadParameters()
            parameters.NodesToRead = [ua.ReadValueId(NodeId=node, AttributeId=what) for node, what in chunk]
            answer: list[Any] = await self._connection.session.read(parameters)
            return answer

        answers = await self._connection.in_chunks(DOING, wanted, self._connection.limits.read, read)
        good = [data.StatusCode is None or data.StatusCode.is_good() for data in answers]
        return [
            data.Value.Value if fine and data.Value is not None else None
            for data, fine in zip(answers, good, strict=True)
        ]
