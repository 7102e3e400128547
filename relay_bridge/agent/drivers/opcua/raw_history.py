"""Raw samples of one node, with the one that held when the span began: ReadRawModifiedDetails (OPC 10000-11, 6.5.3).

A server is asked for bounding values (returnBounds; OPC 10000-11, 4.4): it sends the sample before the start along, or
says that there is none (BadBoundNotFound). Where it refuses or passes over that, the sample before is asked for by
itself, backwards from the start. What cannot be had is no error: the span then begins with its first sample.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import Any, Final

from asyncua import ua

from relay_bridge.agent.drivers.abilities import RawHistory
from relay_bridge.agent.drivers.opcua.deadlines import within
from relay_bridge.agent.drivers.opcua.history_pages import DOING, NodeHistory, Pages, check_kept, moment_of
from relay_bridge.agent.drivers.opcua.refusals import asking
from relay_bridge.agent.drivers.opcua.settings import OpcUaTag
from relay_bridge.agent.drivers.opcua.values import reading_from, sampled_at
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.history import MAX_SAMPLES
from relay_bridge.contract.readings import Reading

PAGE = 2000  # samples asked for in one call
BOUNDS = 2  # they count as samples (OPC 10000-11, 6.5.3.2)
LOOK_BACK_MS = 366 * 24 * 3_600_000  # how far before its start a span is looked for the value that held then
LOOK_BACK_DEADLINE = 2.0  # seconds: the samples are there already and must not wait for it
_BOUND_NOT_FOUND: Final = 0x80D70000
_BOUND_NOT_SUPPORTED: Final = 0x80D80000
# With these a server may refuse a request for bounds that it would answer without.
_NO_BOUNDS: Final = frozenset({_BOUND_NOT_SUPPORTED, 0x80AB0000})  # and BadInvalidArgument


class RawHistoryReader:
    """Remembers until the next connection of which tags a server tells no bounds."""

    def __init__(self) -> None:
        self._without_bounds: set[str] = set()

    def forget(self) -> None:
        """A new connection: the server may have been changed meanwhile."""
        self._without_bounds.clear()

    async def read(self, history: NodeHistory, tag: OpcUaTag, start: int, end: int, *, limit: int) -> RawHistory:
        """At most ``limit`` samples with start <= time < end (epoch ms), oldest first, and the one before them."""
        limit = max(1, min(limit, MAX_SAMPLES))
        samples = await self._samples(history, tag, start, end, limit)
        readings = sorted(samples.inside, key=lambda reading: reading.time)  # not all servers keep to it
        before = samples.before
        if before is None and not samples.is_bound_told and (not readings or readings[0].time > start):
            before = await _look_back(history, tag, start)
        if not readings and before is None:
            await check_kept(history)
        return RawHistory(readings[:limit], more=len(readings) > limit, before=before)

    async def _samples(self, history: NodeHistory, tag: OpcUaTag, start: int, end: int, limit: int) -> _Samples:
        if tag.id not in self._without_bounds:
            try:
                return await _read(history, _details(start, end, bounds=True), _Samples(tag, start, end), limit)
            except RequestRefused as refusal:
                if refusal.code != "unsupported" and (refusal.status or 0) & 0xFFFF0000 not in _NO_BOUNDS:
                    raise
        found = await _read(history, _details(start, end, bounds=False), _Samples(tag, start, end), limit)
        self._without_bounds.add(tag.id)  # it was the bounds that it did not like
        return found


class _Samples:
    """What of the answers belongs to a span: the samples inside, and the last before it."""

    def __init__(self, tag: OpcUaTag, start: int, end: int) -> None:
        self.inside: list[Reading] = []
        self.before: Reading | None = None
        self.is_bound_told = False  # the server has said that there is nothing before
        self._tag = tag
        self._start = start
        self._end = end

    def take(self, data: Any) -> None:
        """One value of an answer."""
        time = sampled_at(data)
        status = int(data.StatusCode.value) & 0xFFFF0000 if data.StatusCode is not None else 0
        if status in {_BOUND_NOT_FOUND, _BOUND_NOT_SUPPORTED}:
            # No sample, although it has the time of the start or the end.
            self.is_bound_told |= status == _BOUND_NOT_FOUND and time is not None and time <= self._start
            return
        if time is None or time >= self._end:
            return
        reading = reading_from(data, self._tag.kind, self._tag.decimals, time)
        reading = Reading(reading.value, time, reading.quality)
        if time >= self._start:
            self.inside.append(reading)
        elif self.before is None or time >= self.before.time:
            self.before = reading


async def _read(history: NodeHistory, details: Any, samples: _Samples, limit: int) -> _Samples:
    """Page by page; what the server keeps for the next page is released."""
    pages = Pages(history, details)
    try:
        while len(samples.inside) <= limit and not pages.over:
            extra = BOUNDS if details.ReturnBounds else 0
            details.NumValuesPerNode = min(PAGE, limit + 1 - len(samples.inside) + extra)
            for data in await pages.next():
                samples.take(data)
    finally:
        pages.release()
    return samples


async def _look_back(history: NodeHistory, tag: OpcUaTag, start: int) -> Reading | None:
    """The last sample before ``start``; ``None`` when there is none or the server does not look backwards."""
    details = _details(start, max(0, start - LOOK_BACK_MS), bounds=False)  # an end before the start: newest first
    details.NumValuesPerNode = 2  # one may lie at the start itself
    pages = Pages(history, details)
    found: list[Any] = []
    with contextlib.suppress(RequestRefused), asking(DOING):
        try:
            found = list(await within(min(LOOK_BACK_DEADLINE, history.deadline), pages.next(), DOING))
        finally:
            pages.release()
    times = [time for data in found if (time := sampled_at(data)) is not None]
    if len(times) != len(found) or any(early < late for early, late in itertools.pairwise(times)):
        return None  # oldest first: it did not look backwards, and what it sent may be long over
    samples = _Samples(tag, start, start)
    for data in found:
        samples.take(data)
    return samples.before


def _details(start: int, end: int, *, bounds: bool) -> Any:
    details = ua.ReadRawModifiedDetails()
    details.IsReadModified = False
    details.StartTime, details.EndTime = moment_of(start), moment_of(end)
    details.ReturnBounds = bounds
    return details
