"""``AlarmWatch``: the events of one connection: everything the server says of alarms, and what it repeats.

A subscription misses what happens between two connections, and a queue can overflow. So after every connect, every ten
minutes, and whenever the server asks for it or something was lost, it is told to repeat every alarm that it retains.
A server that does not finish repeating is left and connected to anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from asyncua import ua

from relay_bridge.agent.drivers.abilities import AlarmSink
from relay_bridge.agent.drivers.opcua.alarm_fields import BASIC, LIMITS, Fields, alarm_event, event_filter
from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.problems import SourceLost, status_words, words
from relay_bridge.agent.drivers.opcua.publishing import Notification, create_subscription
from relay_bridge.agent.drivers.opcua.settings import OpcUaSettings, OpcUaTag

QUEUE = 10_000  # events at the server; with the default of 1 only the last of a burst arrives
PUBLISH_MS = 500.0  # at most: an alarm waits no longer than this
REFRESH_LONGEST = 60.0  # seconds for all of a refresh
RETRY = 60.0  # seconds until a server that has no alarms, or too many, is asked again
MANY = {ua.StatusCodes.BadRefreshInProgress}  # somebody else's refresh, or our last one, still runs
_EVENTS = 1  # client handle of the only item
_FILTER_CODES = frozenset(
    {
        ua.StatusCodes.BadEventFilterInvalid,
        ua.StatusCodes.BadMonitoredItemFilterInvalid,
        ua.StatusCodes.BadMonitoredItemFilterUnsupported,
        ua.StatusCodes.BadFilterNotAllowed,
    }
)
logger = logging.getLogger(__name__)


class NotOffered(Exception):  # noqa: N818 - a property of the server
    """The server has no such thing as alarms; its values are as good as ever."""


class AlarmWatch:
    """One subscription to events, with its refreshes. ``warn`` says what is the matter, each thing once."""

    def __init__(
        self,
        connection: Connection,
        settings: OpcUaSettings,
        tags: Iterable[OpcUaTag],
        sink: Callable[[], AlarmSink | None],
        *,
        now: Callable[[], int],
        warn: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._sink = sink
        self._now = now
        self._warn = warn
        self._fields = (*BASIC, *LIMITS)
        resolved = ((tag.address.resolve(connection.namespaces), tag.node) for tag in tags)
        self._nodes = {node: text for node, text in resolved if node is not None}
        self._subscription = 0
        self._last_event = 0.0
        self._refreshing = False
        self._overflowed = False
        self._misread = 0
        self._ended = 0  # the StatusCode with which the server ended the subscription
        self._over = asyncio.Event()  # it did
        self._refreshed = asyncio.Event()
        self.refresh_due = asyncio.Event()

    async def start(self) -> None:
        """Subscribe to every event of the server. ``NotOffered``, ``SourceLost``."""
        interval = min(PUBLISH_MS, self._settings.publish_ms)
        result = await create_subscription(self._connection, interval, self._receive)
        self._subscription = int(result.SubscriptionId)
        status = await self._monitor()
        if status in _FILTER_CODES:
            self._fields = BASIC
            status = await self._monitor()
        if status:
            ended = [self._subscription]
            self._connection.errand("unsubscribing", self._connection.session.delete_subscriptions(ended))
            raise NotOffered(status_words(status))

    async def _monitor(self) -> int:
        """Create the one item; the bad StatusCode, or 0."""
        parameters = ua.MonitoringParameters()
        parameters.ClientHandle = _EVENTS
        parameters.SamplingInterval = 0
        parameters.QueueSize = QUEUE
        parameters.DiscardOldest = True
        parameters.Filter = event_filter(self._fields)
        server = ua.ReadValueId(NodeId=ua.NodeId(ua.ObjectIds.Server), AttributeId=ua.AttributeIds.EventNotifier)
        create = ua.CreateMonitoredItemsParameters()
        create.SubscriptionId = self._subscription
        create.TimestampsToReturn = ua.TimestampsToReturn.Neither
        create.ItemsToCreate = [
            ua.MonitoredItemCreateRequest(
                ItemToMonitor=server, MonitoringMode=ua.MonitoringMode.Reporting, RequestedParameters=parameters
            )
        ]
        doing = "subscribing to alarms"
        try:
            results = await self._connection.call(doing, self._connection.session.create_monitored_items(create))
        except ua.UaStatusCodeError as error:
            return int(error.code)
        except ua.UaError as error:
            raise SourceLost(words(error, doing)) from error
        if len(results) != 1:
            raise SourceLost(f"the process server answered with a wrong number of results while {doing}")
        status = results[0].StatusCode
        return 0 if status.is_good() else int(status.value)

    async def follow(self, every: float, silence: float) -> None:
        """Refresh now, and again whenever it is due. ``SourceLost`` when one that began does not end."""
        while True:
            self.refresh_due.clear()
            complete = await self._refresh(silence)
            try:
                async with asyncio.timeout(every if complete else RETRY):
                    # More alarms than the queue holds would only overflow again: not at once.
                    await (self.refresh_due if complete else self._over).wait()
            except TimeoutError:
                pass
            self._check_end()

    async def _refresh(self, silence: float) -> bool:
        """Have every retained alarm repeated; False when that was not offered or not all of it arrived."""
        self._refreshed.clear()
        self._overflowed = False
        self._last_event = time.monotonic()
        began = self._last_event
        try:
            await self._ask_for_refresh()
        except NotOffered as reason:
            # What changes is still told. What stood before this connection cannot be known, so it stays in the list.
            self._warn(f"the server does not repeat its alarms: {reason}")
            return False
        while not self._refreshed.is_set():
            now = time.monotonic()
            left = min(self._last_event + silence, began + max(REFRESH_LONGEST, silence)) - now
            if left <= 0:
                raise SourceLost("the process server did not finish repeating its alarms")
            try:
                async with asyncio.timeout(left):
                    await self._refreshed.wait()
            except TimeoutError:
                continue
            finally:
                self._check_end()
        return not self._overflowed

    async def _ask_for_refresh(self) -> None:
        request = ua.CallMethodRequest()
        request.ObjectId = ua.NodeId(ua.ObjectIds.ConditionType)
        request.MethodId = ua.NodeId(ua.ObjectIds.ConditionType_ConditionRefresh)
        request.InputArguments = [ua.Variant(self._subscription, ua.VariantType.UInt32)]
        doing = "asking for its alarms"
        try:
            results = await self._connection.call(doing, self._connection.session.call([request]))
        except ua.UaStatusCodeError as error:
            raise NotOffered(status_words(error.code)) from error
        except ua.UaError as error:
            raise SourceLost(words(error, doing)) from error
        status = results[0].StatusCode if results else ua.StatusCode(ua.StatusCodes.BadUnexpectedError)
        if not status.is_good() and status.value not in MANY:
            raise NotOffered(status_words(int(status.value)))

    def _check_end(self) -> None:
        if self._ended:
            raise SourceLost(f"the process server ended the subscription to alarms: {status_words(self._ended)}")

    # --- what comes -----------------------------------------------------------------------------------------------

    def _receive(self, notification: Notification) -> None:
        if notification.events:
            self._last_event = time.monotonic()
        for _, variants in notification.events:
            try:
                self._event(variants)
            except Exception:
                # Never lost silently, and never a reason to lose the others.
                if not self._misread:
                    logger.exception(
                        "Source %s: an event was not understood; more are only counted.", self._settings.id
                    )
                self._misread += 1
        if notification.gap:
            self._lost("a notification was lost")
        if notification.status:
            self._ended = notification.status
            for event in (self._over, self._refreshed, self.refresh_due):
                event.set()

    def _event(self, variants: Sequence[Any]) -> None:
        fields = Fields.of(self._fields, variants)
        sink, source = self._sink(), self._settings.id
        kind = fields.event_type
        if kind == ua.ObjectIds.RefreshStartEventType:
            self._refreshing = True
            if sink is not None:
                sink.refresh_began(source)
        elif kind == ua.ObjectIds.RefreshEndEventType:
            # What was lost on the way must not look like what is gone.
            if sink is not None and self._refreshing and not self._overflowed:
                sink.refresh_ended(source)
            self._refreshing = False
            self._refreshed.set()
        elif kind == ua.ObjectIds.RefreshRequiredEventType:
            self.refresh_due.set()
        elif kind == ua.ObjectIds.EventQueueOverflowEventType:
            self._lost("the server's queue of events overflowed")
        elif sink is not None:
            event = alarm_event(fields, source, self._connection.namespaces, self._nodes, now=self._now())
            if event is not None:
                sink.alarm(event)

    def _lost(self, what: str) -> None:
        logger.warning("Source %s: %s; its alarms are asked for again.", self._settings.id, what)
        self._overflowed = True
        self.refresh_due.set()
