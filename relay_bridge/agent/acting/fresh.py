"""What the sources say this moment, as they say it: neither cached nor rounded. The base of every action."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.drivers.base import Driver
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import Reading

FRESH_DEADLINE = 2.0  # seconds


class Fresh:
    """Reads tags at their sources. At most one action a tag is under way, which bounds the reads."""

    def __init__(self, drivers: Mapping[str, Driver], subscriptions: Subscriptions, ceiling: Ceiling) -> None:
        self._drivers = drivers
        self._subscriptions = subscriptions
        self._ceiling = ceiling

    async def read(self, tags: Sequence[TagConfig]) -> dict[str, Reading]:
        """Every tag once; ``RequestRefused`` when one cannot be had."""
        by_source: dict[str, list[str]] = {}
        for tag in tags:
            names = by_source.setdefault(tag.source, [])
            if tag.id not in names:
                names.append(tag.id)
        found: dict[str, Reading] = {}
        for source, names in by_source.items():
            found.update(await self._read_source(source, names))
        kinds = {tag.id: tag.kind for tag in tags}
        return {name: _as_kind(kinds[name], reading) for name, reading in found.items()}

    async def _read_source(self, source: str, names: list[str]) -> dict[str, Reading]:
        if self._subscriptions.is_down(source):
            raise RequestRefused("source_down", f"The source {source} is not connected.")
        try:
            async with asyncio.timeout(FRESH_DEADLINE + 0.1):
                readings = await self._drivers[source].read(names, FRESH_DEADLINE)
        except TimeoutError:
            raise RequestRefused("source_down", f"The source {source} did not answer in {FRESH_DEADLINE} s.") from None
        except RequestRefused as refusal:
            raise RequestRefused(refusal.code, self._ceiling.scrub(refusal.message), status=refusal.status) from None
        missing = [name for name in names if name not in readings]
        if missing:
            raise RequestRefused("source_down", f"The source {source} gave no value of {missing[0]}.")
        return {name: readings[name] for name in names}


def _as_kind(kind: str, reading: Reading) -> Reading:
    """Some sources tell a boolean as 0 or 1."""
    if kind == "bool" and type(reading.value) is int and reading.value in {0, 1}:
        return Reading(bool(reading.value), reading.time, reading.quality)
    return reading
