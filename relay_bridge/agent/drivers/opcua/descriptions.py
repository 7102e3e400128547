"""What a server says of its own variables: unit, range, decimals and the names of states (OPC 10000-8, 5.3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from asyncua import ua

from relay_bridge.agent.drivers.foreign_text import foreign_text
from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.problems import SourceLost, words
from relay_bridge.agent.drivers.opcua.reads import read_nodes
from relay_bridge.agent.drivers.opcua.settings import OpcUaTag
from relay_bridge.contract.messages import CatalogTag

PROPERTIES = ("EURange", "EngineeringUnits", "ValuePrecision", "EnumStrings")
MAX_UNIT, MAX_STATE, MAX_STATES = 20, 60, 64  # characters, characters, states: the source's text is not trusted
MAX_DECIMALS = 9
DEFAULT_DECIMALS = 1


async def read_descriptions(connection: Connection, source: str, tags: Iterable[OpcUaTag]) -> Mapping[str, CatalogTag]:
    """A row for every tag of which the server says anything; asset and name are the agent's business."""
    paths, owners = [], []
    for tag in tags:
        node = tag.address.resolve(connection.namespaces)
        if node is not None:
            for name in PROPERTIES:
                paths.append(property_path(node, name))
                owners.append((tag, name))

    async def translate(chunk: list[Any]) -> list[Any]:
        answer: list[Any] = await connection.session.translate_browsepaths_to_nodeids(chunk)
        return answer

    doing = "asking for units and ranges"
    try:
        found = await connection.in_chunks(doing, paths, connection.limits.translate, translate)
        places = [
            (owner, target)
            for owner, result in zip(owners, found, strict=True)
            if (target := target_of(result)) is not None
        ]
        values = await read_nodes(connection, [target for _, target in places], doing)
    except ua.UaStatusCodeError as error:
        raise SourceLost(words(error, doing)) from error
    facts: dict[str, dict[str, Any]] = {}
    for ((tag, name), _), data in zip(places, values, strict=True):
        good = data.StatusCode is None or data.StatusCode.is_good()
        facts.setdefault(tag.id, {})[name] = data.Value.Value if good and data.Value is not None else None
    by_id = {tag.id: tag for tag, _ in owners}
    return {tag: describe(by_id[tag], source, said) for tag, said in facts.items()}


def describe(tag: OpcUaTag, source: str, said: Mapping[str, Any]) -> CatalogTag:
    """The configuration where it speaks, else the server, else nothing."""
    low, high = tag.range if tag.range is not None else range_of(said.get("EURange"))
    return CatalogTag(
        id=tag.id,
        name=tag.id,
        asset="",
        source=source,
        kind=tag.kind,
        unit=tag.unit if tag.unit is not None else unit_of(said.get("EngineeringUnits")),
        dec=tag.decimals if tag.decimals is not None else _decimals(said.get("ValuePrecision")),
        lo=low,
        hi=high,
        enums=_states(said.get("EnumStrings")),
    )


def property_path(node: Any, name: str) -> Any:
    """The BrowsePath from a node to its property of that name."""
    path = ua.BrowsePath()
    path.StartingNode = node
    path.RelativePath.Elements = [
        ua.RelativePathElement(
            ReferenceTypeId=ua.NodeId(ua.ObjectIds.HasProperty),
            IsInverse=False,
            IncludeSubtypes=True,
            TargetName=ua.QualifiedName(name, 0),
        )
    ]
    return path


def target_of(result: Any) -> Any:
    """The NodeId that a BrowsePathResult leads to, or None."""
    if not result.StatusCode.is_good() or not result.Targets:
        return None
    target = result.Targets[0].TargetId
    return ua.NodeId(target.Identifier, target.NamespaceIndex, target.NodeIdType)


def range_of(said: Any) -> tuple[float | None, float | None]:
    """Both ends of an EURange, or neither (OPC 10000-8, 5.6.2)."""
    low, high = getattr(said, "Low", None), getattr(said, "High", None)
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return None, None
    # Many servers leave both ends at 0: that is no range.
    return (float(low), float(high)) if math.isfinite(low) and math.isfinite(high) and low < high else (None, None)


def unit_of(said: Any) -> str:
    """What EngineeringUnits show, cut to MAX_UNIT characters (OPC 10000-8, 5.6.4)."""
    text = getattr(getattr(said, "DisplayName", None), "Text", None)
    return foreign_text(text[:500]).strip()[:MAX_UNIT] if isinstance(text, str) else ""


def _decimals(said: Any) -> int:
    if isinstance(said, int | float) and math.isfinite(said) and 0 <= said <= MAX_DECIMALS:
        return int(said)
    return DEFAULT_DECIMALS


def _states(said: Any) -> dict[str, str] | None:
    if not isinstance(said, list) or not 0 < len(said) <= MAX_STATES:
        return None
    return {str(i): foreign_text(getattr(text, "Text", None) or "", MAX_STATE) for i, text in enumerate(said)}
