"""``OpcUaDriver``: the supervisor of one process server. Connect, watch, announce what happens, abandon, try again."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Protocol

from asyncua import ua

from relay_bridge.agent.drivers.abilities import Bucket, FoundNode, RawHistory
from relay_bridge.agent.drivers.announcing import Announcer
from relay_bridge.agent.drivers.base import CLOCK_TOLERANCE, DEGRADED, DOWN, OK, Sink
from relay_bridge.agent.drivers.opcua.browsing import browse
from relay_bridge.agent.drivers.opcua.certificates import Expiry
from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.deadlines import (
    PAUSE_BASE,
    PAUSE_MAX,
    PAUSE_MIN,
    PAUSE_REFUSED,
    SETTLED,
    SWEEP,
    TASKS_DEADLINE,
    within,
)
from relay_bridge.agent.drivers.opcua.descriptions import read_descriptions
from relay_bridge.agent.drivers.opcua.heartbeat import Heartbeat
from relay_bridge.agent.drivers.opcua.history import History
from relay_bridge.agent.drivers.opcua.problems import SourceLost, words
from relay_bridge.agent.drivers.opcua.reads import read_tags
from relay_bridge.agent.drivers.opcua.refusals import asking
from relay_bridge.agent.drivers.opcua.settings import OpcUaSettings, OpcUaTag
from relay_bridge.agent.drivers.opcua.subscriptions import TagSubscriptions
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import CatalogTag
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN, Reading
from relay_bridge.protocol.backoff import full_jitter

logger = logging.getLogger(__name__)
DESCRIBED_AT_ONCE = 500  # tags: one that cannot be described costs no more than these their units


class Companion(Protocol):
    """Something that works on every connection beside the tags: alarms."""

    async def serve(self, connection: Connection) -> None:
        """Work for as long as the connection lives, until cancelled. SourceLost ends the connection."""


class OpcUaDriver:
    """The driver of one OPC UA source (``relay_bridge.agent.drivers.base.Driver``).

    ``clock`` gives seconds since the epoch, ``chance`` numbers in [0, 1) for the back-off.
    """

    capabilities = frozenset({"read", "subscribe", "history_raw", "history_aggregate", "browse"})
    tells_before = True

    def __init__(
        self,
        config: OpcUaSettings,
        tags: Iterable[OpcUaTag],
        *,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.source = config.id
        self._settings = config
        self._tags = {tag.id: tag for tag in tags}
        self._clock = clock
        self._chance = chance
        self._announcer = Announcer(config.id, self._now)
        self._sink: Sink | None = None
        self._watched: dict[str, None] = {}  # in the order asked
        self._begun: set[str] = set()  # watched since the subscriptions were last brought in line
        self._wanted_changed = asyncio.Event()
        self._online: Connection | None = None
        self._is_refused = False  # the last attempt: nobody listens there
        self._descriptions: dict[str, CatalogTag] = {}
        self._has_asked = False  # the server about every tag, once
        self._trust_deadband = True
        self._history = History()
        self._expiries: list[Expiry] = []  # of the certificates that were last used
        self._warned: dict[str, None] = {}
        self.companions: list[Companion] = []
        self._heartbeat: Heartbeat | None = None
        self._last_beat: Any = None  # the heartbeat as last seen, over all connections

    async def run(self, sink: Sink) -> None:
        """Keep the source connected until cancelled."""
        self._sink = self._announcer.sink = sink
        _quiet_library()
        self._announcer.announce(DOWN, "connecting to the process server")
        attempt = 0
        while True:
            began = time.monotonic()
            reason = await self._live()
            attempt = 0 if time.monotonic() - began > SETTLED else attempt + 1
            most = PAUSE_REFUSED if self._is_refused else PAUSE_MAX
            pause = max(PAUSE_MIN, full_jitter(max(attempt - 1, 0), PAUSE_BASE, most, self._chance))
            logger.info("Source %s: %s; next attempt in %.1f s.", self.source, reason, pause)
            await asyncio.sleep(pause)

    def watch(self, tags: Iterable[str]) -> None:
        for tag in tags:
            if tag in self._tags:
                if tag not in self._watched:
                    self._begun.add(tag)
                self._watched[tag] = None
            elif self._sink is not None:
                self._sink.put(tag, Reading(None, self._now(), BAD_NODE_ID_UNKNOWN))
        self._wanted_changed.set()

    def unwatch(self, tags: Iterable[str]) -> None:
        for tag in tags:
            self._watched.pop(tag, None)
        self._wanted_changed.set()

    async def read(self, tags: Sequence[str], deadline: float) -> Mapping[str, Reading]:
        """Fresh readings. RequestRefused: ``source_down`` without a live source, ``source_refused`` by the server."""
        connection = self.live()
        known = [self._tags[tag] for tag in dict.fromkeys(tags) if tag in self._tags]
        with asking("reading"):
            readings = dict(await within(deadline, read_tags(connection, known, self._now, self._latest), "reading"))
        unknown = Reading(None, self._now(), BAD_NODE_ID_UNKNOWN)
        return {tag: readings.get(tag, unknown) for tag in tags}

    async def history_raw(self, tag: str, start: int, end: int, limit: int, deadline: float) -> RawHistory:
        """``HistoryDriver``. RequestRefused: also ``unsupported`` where the server keeps no history of the tag."""
        return await self._history.raw(self.live(), self._tag(tag), start, end, limit, deadline=deadline)

    async def history_aggregate(self, tag: str, start: int, width: int, count: int, deadline: float) -> list[Bucket]:
        """``HistoryDriver``. RequestRefused: also ``unsupported`` where the server makes no aggregates of the tag."""
        return await self._history.aggregate(self.live(), self._tag(tag), start, width, count, deadline=deadline)

    def browse(self, root: str | None, *, most: int, deadline: float) -> AsyncIterator[FoundNode]:
        """``BrowsingDriver``. After ``deadline`` seconds RequestRefused; what was found has been given by then."""
        return browse(self.live(), root, most=most, deadline=deadline)

    def describe(self) -> Mapping[str, CatalogTag]:
        return dict(self._descriptions)

    @property
    def is_asking(self) -> bool:
        """``Describing``."""
        return not self._has_asked

    @property
    def warnings(self) -> tuple[str, ...]:
        """What somebody should see to although the source works: certificates that end soon. Clauses, without paths."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        return tuple(filter(None, (expiry.warning(now) for expiry in self._expiries)))

    def live(self) -> Connection:
        """The connection, if the source is there; else RequestRefused ``source_down`` with the reason."""
        if self._online is None:
            raise RequestRefused("source_down", f"The source cannot be asked: {self._announcer.reason}.")
        return self._online

    def _tag(self, tag: str) -> OpcUaTag:
        try:
            return self._tags[tag]
        except KeyError:
            raise RequestRefused("not_found", "The source has no such tag.") from None

    # --- one life ------------------------------------------------------------------------------------------------

    async def _live(self) -> str:
        """One connection from opening to its end; the reason of the end, which has been announced."""
        connection: Connection | None = None
        self._history.forget()
        reason = ""
        self._is_refused = False
        try:
            connection = Connection(self._settings)
            await self._open(connection)
            await self._serve(connection)
        except asyncio.CancelledError:
            raise
        except SourceLost as lost:
            reason = lost.reason
            self._is_refused = isinstance(lost.__cause__, ConnectionRefusedError)
        except Exception as error:
            logger.exception("Source %s: the connection ended in a way that was not foreseen.", self.source)
            reason = words(error, "watching")
        finally:
            self._online = None
            if reason:
                # At once, before any cleaning up: every second counts towards what an operator is told.
                self._announcer.announce(DOWN, reason)
            if connection is not None:
                await connection.close()
        return reason

    async def _open(self, connection: Connection) -> None:
        try:
            await connection.open()
        finally:
            self._expiries = connection.expiries or self._expiries
            self._log_warnings()

    async def _serve(self, connection: Connection) -> None:
        """Subscribe, announce, and stay until something ends it with SourceLost."""
        heartbeat = Heartbeat(self._settings, self._clock, lambda: self._judge(heartbeat), self._last_beat)
        self._heartbeat = heartbeat
        subscriptions = TagSubscriptions(
            connection, self._settings, self._put, self._now, self._latest, use_deadband=self._trust_deadband
        )
        there = asyncio.Event()
        watchers: list[Awaitable[None]] = [
            self._until_lost(connection),
            connection.keep_channel(),
            self._beat(connection, heartbeat),
            self._follow(connection, heartbeat, subscriptions, there),
            self._describe(connection, there),
            *(self._accompany(companion, connection) for companion in self.companions),
        ]
        tasks = [asyncio.ensure_future(watcher) for watcher in watchers]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            self._online = None
            await next(task for task in tasks if task in done)
        finally:
            self._last_beat = heartbeat.last_value
            await _end(tasks)

    async def _accompany(self, companion: Companion, connection: Connection) -> None:
        await companion.serve(connection)
        await asyncio.Event().wait()  # one that has nothing more to do does not end the connection

    async def _until_lost(self, connection: Connection) -> None:
        await connection.lost()
        raise SourceLost("the process server closed the connection")

    async def _beat(self, connection: Connection, heartbeat: Heartbeat) -> None:
        await heartbeat.start(connection)
        await heartbeat.watch()

    async def _follow(
        self, connection: Connection, heartbeat: Heartbeat, subscriptions: TagSubscriptions, there: asyncio.Event
    ) -> None:
        """Bring every watched tag up to date, say that the source is there, then keep to what is wanted."""
        await heartbeat.began.wait()
        self._wanted_changed.clear()
        self._begun.clear()
        await subscriptions.sync(self._wanted())
        # Values first, the good news second: nothing old may look live between the two.
        await self._read_now(subscriptions, self._wanted())
        self._online = connection
        self._judge(heartbeat)
        there.set()
        swept = time.monotonic()
        while True:
            await _first_of(SWEEP, self._wanted_changed, subscriptions.attention)
            if self._wanted_changed.is_set():
                self._wanted_changed.clear()
            begun, self._begun = self._begun, set()
            await subscriptions.sync(self._wanted())
            subscriptions.repeat(begun)
            await subscriptions.mend()
            if time.monotonic() - swept >= SWEEP:
                swept = time.monotonic()
                try:
                    await subscriptions.sweep()
                except ua.UaStatusCodeError as error:
                    raise SourceLost(words(error, "reading")) from error
                self._trust_deadband = subscriptions.use_deadband
                self._log_warnings()

    async def _read_now(self, subscriptions: TagSubscriptions, tags: Sequence[OpcUaTag]) -> None:
        try:
            await subscriptions.refresh(tags)
        except ua.UaStatusCodeError as error:
            raise SourceLost(words(error, "reading")) from error

    async def _describe(self, connection: Connection, there: asyncio.Event) -> None:
        """Once for every tag, beside the values: thousands of tags take seconds. A server that fails at it is still
        worth watching, one that hangs is not."""
        await there.wait()
        missing = [tag for tag in self._tags.values() if tag.id not in self._descriptions]
        for first in range(0, len(missing), DESCRIBED_AT_ONCE):
            with suppress(ua.UaError):
                some = missing[first : first + DESCRIBED_AT_ONCE]
                self._descriptions.update(await read_descriptions(connection, self.source, some))
        self._has_asked = True
        await asyncio.Event().wait()

    # --- what is told --------------------------------------------------------------------------------------------

    def _judge(self, heartbeat: Heartbeat) -> None:
        """Healthy or degraded, once the source is online."""
        if self._online is not None:
            self._announcer.announce(DEGRADED if heartbeat.warning else OK, heartbeat.warning)

    def _log_warnings(self) -> None:
        """Each once, which is once a day for a certificate that ends soon."""
        for warning in self.warnings:
            if warning not in self._warned:
                logger.warning("Source %s: %s.", self.source, warning)
        self._warned = dict.fromkeys(self.warnings)

    def _put(self, tag: str, reading: Reading) -> None:
        if self._sink is not None and tag in self._watched:
            self._sink.put(tag, reading)

    def _wanted(self) -> list[OpcUaTag]:
        return [self._tags[tag] for tag in self._watched]

    def _latest(self) -> int | None:
        """What the server's clock shows now, with some tolerance, in epoch ms; None as long as it is not known."""
        ahead = self._heartbeat.ahead if self._heartbeat is not None else None
        return None if ahead is None else self._now() + round((ahead + CLOCK_TOLERANCE) * 1000)

    def _now(self) -> int:
        return int(self._clock() * 1000)


async def _first_of(seconds: float, *events: asyncio.Event) -> None:
    """Wait until one of the events is set, at most ``seconds``."""
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _end(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Cancel our own tasks and see them end; what they still had to say was said by the first."""
    for task in tasks:
        task.cancel()
    done, _ = await asyncio.wait(tasks, timeout=TASKS_DEADLINE)
    for task in done:
        if not task.cancelled():
            task.exception()


def _quiet_library() -> None:
    """asyncua logs every publish at INFO and every lost connection with a trace; we say it in words instead."""
    library = logging.getLogger("asyncua")
    if library.level == logging.NOTSET:
        library.setLevel(logging.CRITICAL)
