"""One HistoryRead of one node, page by page (OPC 10000-11, 6.5): what a server says when it has no such history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from asyncua import ua

from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.refusals import refused
from relay_bridge.agent.drivers.opcua.values import BAD_NO_DATA
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import quality_class

MAY_READ_HISTORY = 0x04  # HistoryRead in AccessLevelType (OPC 10000-3, 8.57)
LAST_MS = 253_402_300_799_000  # the last second of the year 9999, the end of OPC UA's time
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


@dataclass(frozen=True)
class NodeHistory:
    """Whose history is read, over what, and in how many seconds at most."""

    connection: Connection
    node: Any
    deadline: float


def unsupported() -> RequestRefused:
    return RequestRefused("unsupported", "The source has no such history of this tag.")


async def check_kept(history: NodeHistory) -> None:
    """``unsupported`` when the node has no history at all: some servers answer as if it were merely empty."""
    parameters = ua.ReadParameters()
    parameters.NodesToRead = [ua.ReadValueId(NodeId=history.node, AttributeId=ua.AttributeIds.AccessLevel)]
    answers = await history.connection.call(DOING, history.connection.session.read(parameters))
    level = answers[0].Value.Value if answers and answers[0].Value is not None else None
    if isinstance(level, int) and not level & MAY_READ_HISTORY:
        raise unsupported()


class Pages:
    """The answers to one HistoryRead, page by page, with the continuation point that the server keeps meanwhile."""

    def __init__(self, history: NodeHistory, details: Any) -> None:
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
                raise unsupported() from error
            raise
        if len(results) != 1:
            raise ua.UaError("a wrong number of results")
        result = results[0]
        status = int(result.StatusCode.value)
        self._point = bytes(result.ContinuationPoint) if result.ContinuationPoint else None
        self.over = self._point is None
        if status in UNSUPPORTED:
            raise unsupported()
        if quality_class(status) == "bad" and status != BAD_NO_DATA:
            if status in DENIED:
                await check_kept(self._history)
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


def moment_of(ms: int) -> datetime:
    """Epoch ms as a request says it."""
    return datetime.fromtimestamp(min(max(ms, 0), LAST_MS) / 1000, UTC)
