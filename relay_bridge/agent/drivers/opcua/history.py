"""History of one node: raw samples in pages, and minimum, maximum and average of buckets, both bounded.

Raw: ReadRawModifiedDetails (OPC 10000-11, 6.5.3) page by page; what the server keeps for the next page is released.
Aggregates: ReadProcessedDetails (OPC 10000-11, 6.5.4), one call for each of the three, side by side.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from asyncua import ua

from relay_bridge.agent.drivers.abilities import Bucket, RawHistory
from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.deadlines import within
from relay_bridge.agent.drivers.opcua.refusals import asking, node_of, refused
from relay_bridge.agent.drivers.opcua.settings import OpcUaTag
from relay_bridge.agent.drivers.opcua.values import BAD_NO_DATA, reading_from, sampled_at
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.history import (
    BUCKET_BAD,
    BUCKET_EMPTY,
    BUCKET_GOOD,
    BUCKET_UNCERTAIN,
    MAX_BUCKETS,
    MAX_SAMPLES,
)
from relay_bridge.contract.readings import Reading, quality_class

MAY_READ_HISTORY = 0x04  # HistoryRead in AccessLevelType (OPC 10000-3, 8.57)
PAGE = 2000  # samples asked for in one call
AT_ONCE = 2  # histories that are read from one source side by side
LAST_MS = 253_402_300_799_000  # the last second of the year 9999, the end of OPC UA's time
MINIMUM, MAXIMUM, AVERAGE = (
    ua.NodeId(ua.ObjectIds.AggregateFunction_Minimum),
    ua.NodeId(ua.ObjectIds.AggregateFunction_Maximum),
    ua.NodeId(ua.ObjectIds.AggregateFunction_Average),
)
DOING = "the reading of history"
# With these a server says that it has no such history of the node, not that something went wrong.
UNSUPPORTED: Final = frozenset(
    {
        0x800B0000,  # BadServiceUnsupported
        0x803D0000,  # BadNotSupported
        0x80400000,  # BadNotImplemented
        0x80710000,  # BadHistoryOperationInvalid
        0x80720000,  # BadHistoryOperationUnsupported
        0x80D40000,  # BadAggregateListMismatch
        0x80D50000,  # BadAggregateNotSupported
        0x80D60000,  # BadAggregateInvalidInputs
        0x80DA0000,  # BadAggregateConfigurationRejected
    }
)

# With these some servers (open62541) answer for a node that merely has no history.
DENIED: Final = frozenset({0x801F0000, 0x803A0000})  # BadUserAccessDenied, BadNotReadable


class History:
    """Reads histories of one source, at most ``AT_ONCE`` side by side; remembers which nodes have no aggregates."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._without_aggregates: set[str] = set()

    def forget(self) -> None:
        """A new connection: the server may have been changed meanwhile."""
        self._without_aggregates.clear()

    async def raw(
        self, connection: Connection, tag: OpcUaTag, start: int, end: int, limit: int, *, deadline: float
    ) -> RawHistory:
        """At most ``limit`` samples with start <= time < end (epoch ms), oldest first. RequestRefused."""
        with asking(DOING):
            history = _NodeHistory(connection, node_of(connection, tag.address, DOING), deadline)
            return await within(deadline, self._raw(history, tag, start, end, limit), DOING)

    async def aggregate(
        self, connection: Connection, tag: OpcUaTag, start: int, width: int, count: int, *, deadline: float
    ) -> list[Bucket]:
        """``count`` buckets of ``width`` ms from ``start`` (epoch ms). RequestRefused; ``unsupported`` without any."""
        if tag.id in self._without_aggregates:
            raise _unsupported()
        if not 1 <= count <= MAX_BUCKETS or width < 1:
            raise RequestRefused("bad_request", f"History has 1 to {MAX_BUCKETS} buckets of at least 1 ms.")
        with asking(DOING):
            history = _NodeHistory(connection, node_of(connection, tag.address, DOING), deadline)
            try:
                return await within(deadline, self._buckets(history, start, width, count), DOING)
            except RequestRefused as refusal:
                if refusal.code == "unsupported":
                    self._without_aggregates.add(tag.id)
                raise

    async def _raw(self, history: _NodeHistory, tag: OpcUaTag, start: int, end: int, limit: int) -> RawHistory:
        limit = max(1, min(limit, MAX_SAMPLES))
        details = ua.ReadRawModifiedDetails()
        details.IsReadModified = False
        details.StartTime, details.EndTime = _moment(start), _moment(end)
        details.ReturnBounds = False
        readings: list[Reading] = []
        async with self._turns:
            pages = _Pages(history, details)
            try:
                while len(readings) <= limit and not pages.over:
                    details.NumValuesPerNode = min(PAGE, limit + 1 - len(readings))
                    for data in await pages.next():
                        time = sampled_at(data)
                        if time is not None and start <= time < end:
                            reading = reading_from(data, tag.kind, tag.decimals, time)
                            readings.append(Reading(reading.value, time, reading.quality))
            finally:
                pages.release()
            if not readings:
                await _check_kept(history)
        readings.sort(key=lambda reading: reading.time)  # as it should be; not all servers keep to it
        return RawHistory(readings[:limit], more=len(readings) > limit)

    async def _buckets(self, history: _NodeHistory, start: int, width: int, count: int) -> list[Bucket]:
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
                await _check_kept(history)
        return buckets


@dataclass(frozen=True)
class _NodeHistory:
    """Whose history is read, over what, and in how many seconds at most."""

    connection: Connection
    node: Any
    deadline: float


def _unsupported() -> RequestRefused:
    return RequestRefused("unsupported", "The source has no such history of this tag.")


async def _check_kept(history: _NodeHistory) -> None:
    """``unsupported`` when the node has no history at all: some servers answer as if it were merely empty."""
    parameters = ua.ReadParameters()
    parameters.NodesToRead = [ua.ReadValueId(NodeId=history.node, AttributeId=ua.AttributeIds.AccessLevel)]
    answers = await history.connection.call(DOING, history.connection.session.read(parameters))
    level = answers[0].Value.Value if answers and answers[0].Value is not None else None
    if isinstance(level, int) and not level & MAY_READ_HISTORY:
        raise _unsupported()


class _Pages:
    """The answers to one HistoryRead, page by page, with the continuation point that the server keeps meanwhile."""

    def __init__(self, history: _NodeHistory, details: Any) -> None:
        self._history = history
        self._details = details
        self._point: bytes | None = None
        self.over = False

    async def next(self) -> Sequence[Any]:
        """The DataValues of the next page, which may be empty."""
        try:
            results = await self._history.connection.call(DOING, self._read(self._point), self._history.deadline)
        except ua.UaStatusCodeError as error:
            if error.code in UNSUPPORTED:
                raise _unsupported() from error
            raise
        if len(results) != 1:
            raise ua.UaError("a wrong number of results")
        result = results[0]
        status = int(result.StatusCode.value)
        self._point = bytes(result.ContinuationPoint) if result.ContinuationPoint else None
        self.over = self._point is None
        if status in UNSUPPORTED:
            raise _unsupported()
        if quality_class(status) == "bad" and status != BAD_NO_DATA:
            if status in DENIED:
                await _check_kept(self._history)
            raise refused(DOING, status)
        values: Sequence[Any] = getattr(result.HistoryData, "DataValues", None) or []
        return values

    def release(self) -> None:
        """Let the server forget what it kept for the next page: small servers keep few."""
        if self._point is not None:
            point, self._point = self._point, None
            self._history.connection.errand("releasing a continuation point", self._read(point, release=True))

    async def _read(self, point: bytes | None, *, release: bool = False) -> list[Any]:
        parameters = ua.HistoryReadParameters()
        parameters.HistoryReadDetails = self._details
        parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        parameters.ReleaseContinuationPoints = release
        value = ua.HistoryReadValueId(NodeId=self._history.node)
        value.ContinuationPoint = point
        parameters.NodesToRead = [value]
        answer: list[Any] = await self._history.connection.session.history_read(parameters)
        return answer


async def _column(
    history: _NodeHistory, function: Any, start: int, width: int, count: int
) -> list[tuple[float | None, int]]:
    """One aggregate: value and StatusCode of every bucket."""
    details = ua.ReadProcessedDetails()
    details.StartTime, details.EndTime = _moment(start), _moment(start + width * count)
    details.ProcessingInterval = float(width)
    details.AggregateType = [function]
    details.AggregateConfiguration = ua.AggregateConfiguration(UseServerCapabilitiesDefaults=True)
    column: list[tuple[float | None, int]] = [(None, BAD_NO_DATA)] * count
    pages = _Pages(history, details)
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


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(min(max(ms, 0), LAST_MS) / 1000, UTC)
