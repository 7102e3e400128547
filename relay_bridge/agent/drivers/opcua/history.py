"""History of one node: raw samples in pages, and minimum, maximum and average of buckets, both bounded.

Raw: raw_history.py.
Aggregates: ReadProcessedDetails (OPC 10000-11, 6.5.4), one call for each of the three, side by side.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

from asyncua import ua

from relay_bridge.agent.drivers.abilities import Bucket, RawHistory
from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.deadlines import within
from relay_bridge.agent.drivers.opcua.history_pages import (
    DOING,
    NodeHistory,
    Pages,
    check_kept,
    moment_of,
    unsupported,
)
from relay_bridge.agent.drivers.opcua.raw_history import RawHistoryReader
from relay_bridge.agent.drivers.opcua.refusals import asking, node_of
from relay_bridge.agent.drivers.opcua.settings import OpcUaTag
from relay_bridge.agent.drivers.opcua.values import BAD_NO_DATA, sampled_at
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.history import (
    BUCKET_BAD,
    BUCKET_EMPTY,
    BUCKET_GOOD,
    BUCKET_UNCERTAIN,
    MAX_BUCKETS,
)
from relay_bridge.contract.readings import quality_class

AT_ONCE = 2  # histories that are read from one source side by side
MINIMUM, MAXIMUM, AVERAGE = (
    ua.NodeId(ua.ObjectIds.AggregateFunction_Minimum),
    ua.NodeId(ua.ObjectIds.AggregateFunction_Maximum),
    ua.NodeId(ua.ObjectIds.AggregateFunction_Average),
)


class History:
    """Reads histories of one source, at most ``AT_ONCE`` side by side; remembers which nodes have no aggregates."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._without_aggregates: set[str] = set()
        self._raw = RawHistoryReader()

    def forget(self) -> None:
        """A new connection: the server may have been changed meanwhile."""
        self._without_aggregates.clear()
        self._raw.forget()

    async def raw(
        self, connection: Connection, tag: OpcUaTag, start: int, end: int, limit: int, *, deadline: float
    ) -> RawHistory:
        """At most ``limit`` samples with start <= time < end (epoch ms), oldest first. RequestRefused."""
        with asking(DOING):
            history = NodeHistory(connection, node_of(connection, tag.address, DOING), deadline)
            return await within(deadline, self._raw_samples(history, tag, start, end, limit), DOING)

    async def aggregate(
        self, connection: Connection, tag: OpcUaTag, start: int, width: int, count: int, *, deadline: float
    ) -> list[Bucket]:
        """``count`` buckets of ``width`` ms from ``start`` (epoch ms). RequestRefused; ``unsupported`` without any."""
        if tag.id in self._without_aggregates:
            raise unsupported()
        if not 1 <= count <= MAX_BUCKETS or width < 1:
            raise RequestRefused("bad_request", f"History has 1 to {MAX_BUCKETS} buckets of at least 1 ms.")
        with asking(DOING):
            history = NodeHistory(connection, node_of(connection, tag.address, DOING), deadline)
            try:
                return await within(deadline, self._buckets(history, start, width, count), DOING)
            except RequestRefused as refusal:
                if refusal.code == "unsupported":
                    self._without_aggregates.add(tag.id)
                raise

    async def _raw_samples(self, history: NodeHistory, tag: OpcUaTag, start: int, end: int, limit: int) -> RawHistory:
        async with self._turns:
            return await self._raw.read(history, tag, start, end, limit=limit)

    async def _buckets(self, history: NodeHistory, start: int, width: int, count: int) -> list[Bucket]:
        async with self._turns:
            columns = [
                asyncio.ensure_future(_column(history, function, start, width, count))
                for function in (MINIMUM, MAXIMUM, AVERAGE)
            ]
            try:
                lows, highs, averages = await asyncio.gather(*columns)
            finally:
                for column in columns:
                    column.cancel()
                await asyncio.gather(*columns, return_exceptions=True)
            buckets = [_bucket(*row) for row in zip(lows, highs, averages, strict=True)]
            if all(bucket.quality == BUCKET_EMPTY for bucket in buckets):
                await check_kept(history)
        return buckets


async def _column(
    history: NodeHistory, function: Any, start: int, width: int, count: int
) -> list[tuple[float | None, int]]:
    """One aggregate: value and StatusCode of every bucket."""
    details = ua.ReadProcessedDetails()
    details.StartTime, details.EndTime = moment_of(start), moment_of(start + width * count)
    details.ProcessingInterval = float(width)
    details.AggregateType = [function]
    details.AggregateConfiguration = ua.AggregateConfiguration(UseServerCapabilitiesDefaults=True)
    column: list[tuple[float | None, int]] = [(None, BAD_NO_DATA)] * count
    pages = Pages(history, details)
    try:
        while not pages.over:
            for data in await pages.next():
                time = sampled_at(data)
                place = count if time is None else (time - start) // width
                if 0 <= place < count:  # some servers add a bucket behind the end
                    column[place] = _aggregated(data)
    finally:
        pages.release()
    return column


def _aggregated(data: Any) -> tuple[float | None, int]:
    status = int(data.StatusCode.value) if data.StatusCode is not None else 0
    value = data.Value.Value if data.Value is not None else None
    if isinstance(value, int | float) and math.isfinite(value) and quality_class(status) != "bad":
        return float(value), status
    return None, status


def _bucket(lo: tuple[float | None, int], hi: tuple[float | None, int], av: tuple[float | None, int]) -> Bucket:
    """Three aggregates of one bucket; its quality is that of the worst.

    An average without minimum and maximum was made of samples outside the bucket: inside there is none.
    """
    codes = [status for _, status in (lo, hi, av)]
    if all(status & 0xFFFF0000 == BAD_NO_DATA for _, status in (lo, hi)):
        return Bucket(None, None, None, BUCKET_EMPTY)
    classes = {quality_class(code) for code in codes}
    quality = BUCKET_BAD if "bad" in classes else BUCKET_UNCERTAIN if "uncertain" in classes else BUCKET_GOOD
    return Bucket(lo[0], hi[0], av[0], quality)
