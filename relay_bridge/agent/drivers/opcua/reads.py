"""Reading values from the server itself, as many calls as its limits ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asyncua import ua

from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.settings import OpcUaTag
from relay_bridge.agent.drivers.opcua.values import reading_from
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN, Reading


async def read_nodes(connection: Connection, nodes: Sequence[ua.NodeId], doing: str = "reading") -> list[Any]:
    """A DataValue for every node, read past every cache (maxAge 0); bad ones included."""

    async def read(chunk: list[ua.NodeId]) -> list[Any]:
        parameters = ua.ReadParameters()
        parameters.MaxAge = 0
        parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        parameters.NodesToRead = [ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value) for node in chunk]
        answer: list[Any] = await connection.session.read(parameters)
        return answer

    return await connection.in_chunks(doing, nodes, connection.limits.read, read)


async def read_tags(
    connection: Connection, tags: Sequence[OpcUaTag], now: Callable[[], int], latest: Callable[[], int | None]
) -> Mapping[str, Reading]:
    """A reading for every tag; a tag whose namespace the server lacks is unknown there.

    ``now`` and ``latest`` in epoch ms: our clock, and what no time of a value can be after.
    """
    nodes = {tag.id: node for tag in tags if (node := tag.address.resolve(connection.namespaces)) is not None}
    known = [tag for tag in tags if tag.id in nodes]
    answers = await read_nodes(connection, [nodes[tag.id] for tag in known])
    received = now()
    readings = {tag.id: Reading(None, received, BAD_NODE_ID_UNKNOWN) for tag in tags}
    for tag, data in zip(known, answers, strict=True):
        readings[tag.id] = reading_from(data, tag.kind, tag.decimals, received, latest())
    return readings
