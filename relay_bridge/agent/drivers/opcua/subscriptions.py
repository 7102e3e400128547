"""The watched tags of one connection as monitored items: reconciled with what is wanted, newest value wins."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.deadlines import FAILED_ITEM_RETRY
from relay_bridge.agent.drivers.opcua.problems import SourceLost, status_words
from relay_bridge.agent.drivers.opcua.publishing import (
    NoFreeSubscription,
    Notification,
    create_items,
    create_subscription,
    delete_items,
)
from relay_bridge.agent.drivers.opcua.reads import read_tags
from relay_bridge.agent.drivers.opcua.settings import OpcUaSettings, OpcUaTag
from relay_bridge.agent.drivers.opcua.values import BAD_DECODING_ERROR, reading_from
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN, Reading

logger = logging.getLogger(__name__)
_CODE = 0xFFFF0000  # of a StatusCode; below are flags, some of which are set in notifications only (10000-4, 7.39)
SUSPICIONS = 2  # sweeps in a row that find a value held back before a server's deadband is given up


@dataclass
class _Item:
    tag: OpcUaTag
    handle: int
    bucket: _Bucket
    monitored_id: int = 0
    filtered: bool = False
    last: Reading | None = None  # as put
    notified: int = 0  # how often the server sent a value
    seen_notified: int = -1  # at the last sweep
    suspicions: int = 0


@dataclass
class _Bucket:
    """One subscription at the server."""

    id: int = 0
    items: dict[int, _Item] = field(default_factory=dict)  # by client handle
    lost_some: bool = False  # a notification is missing: its values must be read
    ended: int = 0  # the StatusCode with which the server ended it


class TagSubscriptions:
    """Keeps the wanted tags subscribed. ``put`` gets every reading at once; ``now`` is the agent's time in epoch ms,
    ``latest`` what no time of a value can be after.

    ``use_deadband`` says whether this server's deadband can be trusted; it survives reconnects with the driver.
    """

    def __init__(
        self,
        connection: Connection,
        settings: OpcUaSettings,
        put: Callable[[str, Reading], None],
        now: Callable[[], int],
        latest: Callable[[], int | None],
        *,
        use_deadband: bool = True,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._put = put
        self._now = now
        self._latest = latest
        self.use_deadband = use_deadband
        self._buckets: list[_Bucket] = []
        self._items: dict[str, _Item] = {}
        self._failed: dict[str, tuple[float, Reading]] = {}  # tags that cannot be had: when to try again, what was put
        self._handle = 0
        self._misread = False
        self.attention = asyncio.Event()  # a lost notification or an ended subscription waits for ``mend``

    async def sync(self, wanted: Iterable[OpcUaTag]) -> None:
        """Subscribe what is wanted and is not, unsubscribe what is and is not wanted."""
        by_id = {tag.id: tag for tag in wanted}
        await self._drop([item for item in self._items.values() if item.tag.id not in by_id])
        self._failed = {tag: failure for tag, failure in self._failed.items() if tag in by_id}
        now = time.monotonic()
        late = {tag for tag, (again, _) in self._failed.items() if again > now}
        missing = [tag for tag in by_id.values() if tag.id not in self._items and tag.id not in late]
        while missing:
            bucket = await self._roomy_bucket()
            room = max(self._connection.limits.subscription - len(bucket.items), 0) or len(missing)
            await self._add(bucket, missing[:room])
            missing = missing[room:]

    def repeat(self, tags: Iterable[str]) -> None:
        """Put again what is known of these tags: whoever began to watch them has heard nothing yet.

        A tag that was let go and is wanted again before ``sync`` came round keeps its monitored item, and a server
        tells a value only when it changes.
        """
        for tag in tags:
            item = self._items.get(tag)
            if item is not None and item.last is not None:
                self._put(tag, item.last)
            elif item is None and tag in self._failed:
                self._put(tag, self._failed[tag][1])

    async def mend(self) -> None:
        """Read what lost notifications may have carried; raise SourceLost for a subscription that ended."""
        self.attention.clear()
        for bucket in self._buckets:
            if bucket.ended:
                raise SourceLost(f"the process server ended a subscription: {status_words(bucket.ended)}")
            if bucket.lost_some:
                bucket.lost_some = False
                await self.refresh([item.tag for item in bucket.items.values()])

    async def refresh(self, tags: Iterable[OpcUaTag]) -> None:
        """Read the tags themselves and put what was read, unless something newer was put meanwhile."""
        for item, reading in await self._read([tag.id for tag in tags]):
            self._deliver(item, reading)

    async def sweep(self) -> bool:
        """Compare filtered items with the server itself; False when its deadband proved wrong and was given up.

        Some servers measure a deadband from the last sample instead of the last value sent: a slow rise is then never
        told. What is found held back is put at once, and twice in a row ends the filtering.
        """
        filtered = [item for item in self._items.values() if item.filtered]
        if not filtered:
            return True
        for item, reading in await self._read([item.tag.id for item in filtered]):
            if item.notified != item.seen_notified:
                item.suspicions, item.seen_notified = 0, item.notified
            if item.last is None:
                self._deliver(item, reading)
            elif _held_back(item.last, reading, item.tag.deadband):
                item.suspicions += 1
                self._deliver(item, reading)
        if all(item.suspicions < SUSPICIONS for item in filtered):
            return True
        logger.warning("Source %s: the server's deadband holds changes back; watching without it.", self._settings.id)
        self.use_deadband = False
        tags = [item.tag for item in filtered]
        await self._drop(filtered)
        await self.sync([*(item.tag for item in self._items.values()), *tags])
        return False

    async def _read(self, tags: Iterable[str]) -> list[tuple[_Item, Reading]]:
        """What the server itself has of these tags, without those of which it told something newer meanwhile."""
        asked = [(item, item.notified) for tag in tags if (item := self._items.get(tag)) is not None]
        readings = await read_tags(self._connection, [item.tag for item, _ in asked], self._now, self._latest)
        return [
            (item, readings[item.tag.id])
            for item, notified in asked
            if self._items.get(item.tag.id) is item
            # A value that came while the question was on its way may be younger than the answer; its time tells.
            and (item.notified == notified or item.last is None or item.last.time < readings[item.tag.id].time)
        ]

    # --- items ---------------------------------------------------------------------------------------------------

    async def _roomy_bucket(self) -> _Bucket:
        for bucket in self._buckets:
            if len(bucket.items) < self._connection.limits.subscription:
                return bucket
        bucket = _Bucket()

        def receive(notification: Notification) -> None:
            self._receive(bucket, notification)

        try:
            result = await create_subscription(self._connection, self._settings.publish_ms, receive)
        except NoFreeSubscription:
            if not self._buckets:
                raise
            return self._buckets[
                -1
            ]  # better too full than not at all: the server says so of each item that is too much
        bucket.id = int(result.SubscriptionId)
        self._buckets.append(bucket)
        return bucket

    async def _add(self, bucket: _Bucket, tags: list[OpcUaTag]) -> None:
        wanted = []
        for tag in tags:
            node = tag.address.resolve(self._connection.namespaces)
            if node is None:
                self._fail(tag, BAD_NODE_ID_UNKNOWN)
                continue
            self._handle += 1
            # Known before the call: the first notification may overtake the answer.
            item = self._items[tag.id] = bucket.items[self._handle] = _Item(tag, self._handle, bucket)
            deadband = tag.deadband if self.use_deadband and tag.kind == "number" and tag.deadband > 0 else None
            wanted.append((item, (self._handle, node, deadband)))
        requests = [request for _, request in wanted]
        results = await create_items(self._connection, bucket.id, requests, self._settings.publish_ms)
        for (item, _), result in zip(wanted, results, strict=True):
            if result.status:
                self._forget(item)
                self._fail(item.tag, result.status)
            else:
                item.monitored_id, item.filtered = result.monitored_id, result.filtered
                self._failed.pop(item.tag.id, None)

    async def _drop(self, items: list[_Item]) -> None:
        for bucket in self._buckets:
            ids = [item.monitored_id for item in items if item.bucket is bucket and item.monitored_id]
            if ids:
                await delete_items(self._connection, bucket.id, ids)
        for item in items:
            self._forget(item)

    def _forget(self, item: _Item) -> None:
        item.bucket.items.pop(item.handle, None)
        self._items.pop(item.tag.id, None)

    def _fail(self, tag: OpcUaTag, status: int) -> None:
        reading = Reading(None, self._now(), status)
        self._failed[tag.id] = time.monotonic() + FAILED_ITEM_RETRY, reading
        self._put(tag.id, reading)

    # --- values --------------------------------------------------------------------------------------------------

    def _receive(self, bucket: _Bucket, notification: Notification) -> None:
        received, latest = self._now(), self._latest()
        for handle, data in notification.values:
            item = bucket.items.get(handle)
            if item is not None:
                item.notified += 1
                self._deliver(item, self._reading(item.tag, data, received, latest))
        if notification.gap or notification.status:
            bucket.lost_some = True
            bucket.ended = notification.status
            self.attention.set()

    def _reading(self, tag: OpcUaTag, data: Any, received: int, latest: int | None) -> Reading:
        """What cannot be understood is bad, and takes the other values of its notification not along."""
        try:
            return reading_from(data, tag.kind, tag.decimals, received, latest)
        except Exception:
            if not self._misread:
                logger.exception("Source %s: a value was not understood; more are not told.", self._settings.id)
            self._misread = True
            return Reading(None, received, BAD_DECODING_ERROR)

    def _deliver(self, item: _Item, reading: Reading) -> None:
        item.last = reading
        self._put(item.tag.id, reading)


def _held_back(told: Reading, read: Reading, deadband: float) -> bool:
    """True when the server should have told of what was read: another quality, or further away than the deadband."""
    if (told.quality ^ read.quality) & _CODE:
        return True
    if isinstance(told.value, int | float) and isinstance(read.value, int | float):
        return abs(read.value - told.value) > deadband
    return told.value != read.value
