"""The references of nodes, all pages of them: Browse and BrowseNext (OPC 10000-4, 5.9.2 and 5.9.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncua import ua

from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.problems import SourceLost

DOING = "browsing"
PER_NODE = 1000  # references of one node in one answer
MOST = 300_000  # references of one call that are followed at all
NO_POINTS = 0x804B0000  # BadNoContinuationPoints: the server cannot remember so many unfinished answers
_CLASSES = 1 | 2 | 4  # Object, Variable, Method
_WANTED = 1 | 4 | 8  # reference type, node class, browse name


async def references(connection: Connection, nodes: Sequence[Any], seconds: float) -> list[list[Any]]:
    """The forward hierarchical references of each node; none for a node that cannot be browsed.

    ``seconds``: for each call. What could not be had because the server ran out of continuation points is asked again,
    node by node.
    """
    found: list[list[Any]] = [[] for _ in nodes]
    await _browse(connection, list(enumerate(nodes)), found, seconds)
    return found


async def _browse(connection: Connection, nodes: list[tuple[int, Any]], found: list[list[Any]], seconds: float) -> None:
    async def first(chunk: list[tuple[int, Any]]) -> list[Any]:
        parameters = ua.BrowseParameters()
        parameters.RequestedMaxReferencesPerNode = PER_NODE
        parameters.NodesToBrowse = [_description(node) for _, node in chunk]
        answer: list[Any] = await connection.session.browse(parameters)
        return answer

    pages = _Unfinished(connection, seconds)
    again: list[tuple[int, Any]] = []
    try:
        results = await connection.in_chunks(DOING, nodes, connection.limits.browse, first)
        for (place, node), result in zip(nodes, results, strict=True):
            if int(result.StatusCode.value) == NO_POINTS and len(nodes) > 1:
                again.append((place, node))
            else:
                pages.keep(place, result, found)
        while pages.points:
            await pages.next(found)
    finally:
        pages.release()
    for place, node in again:
        await _browse(connection, [(place, node)], found, seconds)


class _Unfinished:
    """Answers of which the server keeps the rest, by the place of their node."""

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self.points: dict[int, bytes] = {}

    def keep(self, place: int, result: Any, found: list[list[Any]]) -> None:
        if result.StatusCode.is_good():
            found[place] += result.References or []
        if result.ContinuationPoint:
            self.points[place] = bytes(result.ContinuationPoint)

    async def next(self, found: list[list[Any]]) -> None:
        """One more page of every answer that has one."""
        if sum(map(len, found)) >= MOST:
            self.release()
            return
        places = list(self.points)[: self._connection.limits.browse]
        points = [self.points[place] for place in places]
        results = await self._connection.call(DOING, self._ask(points), self._seconds)
        if len(results) != len(places):
            raise SourceLost(f"the process server answered with a wrong number of results while {DOING}")
        for place, result in zip(places, results, strict=True):
            del self.points[place]
            self.keep(place, result, found)

    def release(self) -> None:
        """Let the server forget the rest of all answers."""
        points = list(self.points.values())
        self.points.clear()
        if points:
            self._connection.errand("releasing continuation points", self._ask(points, release=True))

    async def _ask(self, points: list[bytes], *, release: bool = False) -> list[Any]:
        parameters = ua.BrowseNextParameters()
        parameters.ReleaseContinuationPoints = release
        parameters.ContinuationPoints = points
        answer: list[Any] = await self._connection.session.browse_next(parameters)
        return answer


def _description(node: Any) -> Any:
    return ua.BrowseDescription(
        NodeId=node,
        BrowseDirection=ua.BrowseDirection.Forward,
        ReferenceTypeId=ua.NodeId(ua.ObjectIds.HierarchicalReferences),
        IncludeSubtypes=True,
        NodeClassMask=_CLASSES,
        ResultMask=_WANTED,
    )
