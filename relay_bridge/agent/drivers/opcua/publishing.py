"""Subscriptions at the level of the service calls: no task a notification, no queue, nothing lost unnoticed.

asyncua's own subscription object starts a task for every notification and puts all items into one call when it
recreates itself; here a notification is handed on, synchronously, as it arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from asyncua import ua

from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.deadlines import KEEP_ALIVE, SUBSCRIPTION_LIFE
from relay_bridge.agent.drivers.opcua.problems import SourceLost, words

# A server that will not filter says so with one of these; the item is then created without.
FILTER_REFUSED = frozenset(
    {
        0x80450000,  # BadFilterNotAllowed
        0x80430000,  # BadMonitoredItemFilterInvalid
        0x80440000,  # BadMonitoredItemFilterUnsupported
        0x808E0000,  # BadDeadbandFilterInvalid
    }
)


TOO_MANY_SUBSCRIPTIONS = 0x80770000
MOST_PER_PUBLISH = 1000  # notifications of one message, which so stays small enough for any server's buffers


class NoFreeSubscription(SourceLost):
    """The server grants this session no further subscription."""


@dataclass(frozen=True)
class Notification:
    """One NotificationMessage: changed values and the fields of events, by client handle.

    ``gap`` when one before it was lost; ``status`` when the subscription itself changed its state (it ended).
    """

    values: list[tuple[int, Any]]
    gap: bool = False
    status: int = 0
    events: list[tuple[int, list[Any]]] = field(default_factory=list)


@dataclass(frozen=True)
class ItemResult:
    """What became of one monitored item: its server-side id, or the bad StatusCode."""

    monitored_id: int
    status: int
    filtered: bool


async def create_subscription(
    connection: Connection, interval_ms: float, receive: Callable[[Notification], None]
) -> Any:
    """CreateSubscription; ``receive`` is called in the event loop and must neither wait nor raise."""
    parameters = ua.CreateSubscriptionParameters()
    parameters.RequestedPublishingInterval = interval_ms
    parameters.RequestedMaxKeepAliveCount = max(1, round(KEEP_ALIVE * 1000 / interval_ms))
    parameters.RequestedLifetimeCount = max(
        3 * parameters.RequestedMaxKeepAliveCount, round(SUBSCRIPTION_LIFE * 1000 / interval_ms)
    )
    parameters.MaxNotificationsPerPublish = MOST_PER_PUBLISH
    parameters.PublishingEnabled = True
    try:
        return await connection.call(
            "subscribing", connection.session.create_subscription(parameters, _Numbered(receive).publish)
        )
    except ua.UaStatusCodeError as error:
        lost = NoFreeSubscription if error.code == TOO_MANY_SUBSCRIPTIONS else SourceLost
        raise lost(words(error, "subscribing")) from error


async def create_items(
    connection: Connection, subscription: int, wanted: Sequence[tuple[int, Any, float | None]], interval_ms: float
) -> list[ItemResult]:
    """Monitor ``(client handle, node, deadband)``; a filter that is refused is left away. Errors are per item."""

    async def create(chunk: list[tuple[int, Any, float | None]]) -> list[Any]:
        parameters = ua.CreateMonitoredItemsParameters()
        parameters.SubscriptionId = subscription
        parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        parameters.ItemsToCreate = [_request(handle, node, deadband, interval_ms) for handle, node, deadband in chunk]
        answer: list[Any] = await connection.session.create_monitored_items(parameters)
        return answer

    async def results(items: Sequence[tuple[int, Any, float | None]]) -> list[ItemResult]:
        answers = await connection.in_chunks("subscribing", items, connection.limits.items, create)
        return [
            ItemResult(int(answer.MonitoredItemId), _bad(answer.StatusCode), deadband is not None)
            for answer, (_, _, deadband) in zip(answers, items, strict=True)
        ]

    try:
        first = await results(wanted)
        again = [i for i, result in enumerate(first) if result.status in FILTER_REFUSED and result.filtered]
        for i, result in zip(again, await results([(*wanted[i][:2], None) for i in again]), strict=True):
            first[i] = result
    except ua.UaStatusCodeError as error:
        raise SourceLost(words(error, "subscribing")) from error
    return first


async def delete_items(connection: Connection, subscription: int, monitored: Sequence[int]) -> None:
    """Stop monitoring; what the server has already forgotten is as good."""

    async def delete(chunk: list[int]) -> list[Any]:
        parameters = ua.DeleteMonitoredItemsParameters()
        parameters.SubscriptionId = subscription
        parameters.MonitoredItemIds = chunk
        answer: list[Any] = await connection.session.delete_monitored_items(parameters)
        return answer

    try:
        await connection.in_chunks("unsubscribing", monitored, connection.limits.items, delete)
    except ua.UaStatusCodeError as error:
        raise SourceLost(words(error, "unsubscribing")) from error


class _Numbered:
    """Turns PublishResults into Notifications and watches their sequence numbers (OPC 10000-4, 5.14.1.1)."""

    def __init__(self, receive: Callable[[Notification], None]) -> None:
        self._receive = receive
        self._last: int | None = None

    def publish(self, result: Any) -> None:
        message = result.NotificationMessage
        number = int(message.SequenceNumber)
        expected = number if self._last is None else _after(self._last)
        if not message.NotificationData:
            # A keep-alive carries the number of the next message and is none itself. Some servers repeat the last one.
            if number not in {expected, self._last, 0}:
                self._last = number - 1
                self._receive(Notification([], gap=True))
            return
        gap = number != expected
        self._last = number
        values: list[tuple[int, Any]] = []
        events: list[tuple[int, list[Any]]] = []
        status = 0
        for data in message.NotificationData:
            if isinstance(data, ua.DataChangeNotification):
                values += [(int(item.ClientHandle), item.Value) for item in data.MonitoredItems or []]
            elif isinstance(data, ua.EventNotificationList):
                events += [(int(event.ClientHandle), list(event.EventFields or [])) for event in data.Events or []]
            elif isinstance(data, ua.StatusChangeNotification):
                status = _bad(data.Status)
        self._receive(Notification(values, gap, status, events))


def _after(number: int) -> int:
    """The sequence number that follows: 0 is none (OPC 10000-4, 7.8)."""
    return 1 if number == 0xFFFFFFFF else number + 1


def _bad(status: Any) -> int:
    """The code of a bad or uncertain status, 0 for a good one."""
    return 0 if status.is_good() else int(status.value)


def _request(handle: int, node: Any, deadband: float | None, interval_ms: float) -> Any:
    parameters = ua.MonitoringParameters()
    parameters.ClientHandle = handle
    # Sampled twice as often as published: a value waits half an interval less. Queue of one: newest wins.
    parameters.SamplingInterval = interval_ms / 2
    parameters.QueueSize = 1
    parameters.DiscardOldest = True
    if deadband is not None:
        parameters.Filter = ua.DataChangeFilter(
            Trigger=ua.DataChangeTrigger.StatusValue, DeadbandType=ua.DeadbandType.Absolute, DeadbandValue=deadband
        )
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=parameters,
    )
