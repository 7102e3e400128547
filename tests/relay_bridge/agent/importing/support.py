"""A server to look around at: a list of nodes, given as a driver would give them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from relay_bridge.agent.drivers.abilities import FoundNode
from relay_bridge.agent.drivers.base import OK, Sink
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import CatalogTag, SourceState
from relay_bridge.contract.readings import Reading

NS = "nsu=urn:plant;s="
USUAL = {
    "Level": ("number", "m", 0.0, 16.0),
    "AvgTemp": ("number", "degC", -20.0, 80.0),
    "FreeWater": ("number", "m", 0.0, 2.0),
    "TOV": ("number", "m3", 0.0, 5000.0),
    "Product": ("text", "", None, None),
}


def node(
    path: str, kind: str = "number", unit: str = "", low: float | None = None, high: float | None = None, **more: object
) -> FoundNode:
    name = str(more.pop("name", NS + path.replace("/", ".")))
    return FoundNode(name, path, kind, unit, low, high, **more)  # type: ignore[arg-type]


def tank(folder: str, names: Iterable[str] = USUAL) -> list[FoundNode]:
    return [node(f"{folder}/{name}", *USUAL.get(name, ("number",))) for name in names]


class ListDriver:
    """Gives its nodes; ``fails``: after how many it says that it took too long."""

    capabilities = frozenset({"read", "browse"})

    def __init__(self, nodes: Sequence[FoundNode], *, fails: int | None = None, up: bool = True) -> None:
        self.source = "main"
        self._nodes = nodes
        self._fails = fails
        self._up = up

    async def run(self, sink: Sink) -> None:
        if self._up:
            sink.source_state(self.source, SourceState(OK, 1, ""))
        await asyncio.Event().wait()

    async def browse(self, root: str | None, *, most: int, deadline: float) -> AsyncIterator[FoundNode]:
        for number, one in enumerate(self._nodes[:most]):
            if number == self._fails:
                raise RequestRefused("source_down", "Browsing the source took longer than it may: not all was seen.")
            yield one

    def watch(self, tags: Iterable[str]) -> None: ...

    def unwatch(self, tags: Iterable[str]) -> None: ...

    async def read(self, tags: Sequence[str], deadline: float) -> Mapping[str, Reading]:
        return {}

    def describe(self) -> Mapping[str, CatalogTag]:
        return {}
