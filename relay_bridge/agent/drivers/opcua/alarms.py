"""Alarms & Conditions of one OPC UA server (OPC 10000-9), over all reconnects, and the driver that has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from relay_bridge.agent.drivers.abilities import AlarmRef, AlarmSink
from relay_bridge.agent.drivers.opcua import alarm_calls
from relay_bridge.agent.drivers.opcua.alarm_watch import RETRY, AlarmWatch, NotOffered
from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.settings import OpcUaSettings, OpcUaTag
from relay_bridge.agent.drivers.opcua.source import OpcUaDriver

REFRESH_EVERY = 600.0  # seconds
REFRESH_SILENCE = 10.0  # seconds without an event until a refresh counts as failed
logger = logging.getLogger(__name__)


class OpcUaAlarms:
    """The companion of a driver that watches alarms and acts on them. ``now``: epoch ms."""

    def __init__(
        self,
        settings: OpcUaSettings,
        tags: Iterable[OpcUaTag],
        now: Callable[[], int],
        *,
        refresh_every: float = REFRESH_EVERY,
        refresh_silence: float = REFRESH_SILENCE,
    ) -> None:
        self._settings = settings
        self._tags = list(tags)
        self._now = now
        self._refresh_every = refresh_every
        self._refresh_silence = refresh_silence
        self._sink: AlarmSink | None = None
        self._wanted = asyncio.Event()
        self._watch: AlarmWatch | None = None
        self._warned: set[str] = set()  # on this connection

    def watch_alarms(self, sink: AlarmSink | None) -> None:
        """Put alarms there from the next connection on, or nowhere."""
        self._sink = sink
        if sink is None:
            self._wanted.clear()
        else:
            self._wanted.set()

    def refresh(self) -> None:
        """Have everything repeated soon: something changed of which not every server tells."""
        if self._watch is not None:
            self._watch.refresh_due.set()

    async def serve(self, connection: Connection) -> None:
        """Watch until the connection ends. ``SourceLost`` ends it; a server without alarms is asked again later."""
        await self._wanted.wait()
        self._warned.clear()
        while True:
            watch = self._watch = AlarmWatch(
                connection, self._settings, self._tags, self._tell, now=self._now, warn=self._warn
            )
            try:
                await watch.start()
                await watch.follow(self._refresh_every, self._refresh_silence)
            except NotOffered as reason:
                self._warn(f"no alarms from there: {reason}")
            await asyncio.sleep(RETRY)

    def _tell(self) -> AlarmSink | None:
        return self._sink

    def _warn(self, words: str) -> None:
        """Once a connection: what a server has not got it is asked for again every minute."""
        level = logging.DEBUG if words in self._warned else logging.WARNING
        self._warned.add(words)
        logger.log(level, "Source %s: %s.", self._settings.id, words)


class AlarmingOpcUaDriver(OpcUaDriver):
    """``OpcUaDriver`` with the server's own alarms (``AlarmDriver``)."""

    capabilities = OpcUaDriver.capabilities | {"alarms", "ack", "confirm", "shelve"}

    def __init__(self, config: OpcUaSettings, tags: Iterable[OpcUaTag], **settings: Any) -> None:
        tags = list(tags)
        super().__init__(config, tags, **settings)
        self.alarms = OpcUaAlarms(config, tags, self._now)
        self.companions.append(self.alarms)

    def watch_alarms(self, sink: AlarmSink | None) -> None:
        self.alarms.watch_alarms(sink)

    async def acknowledge(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None:
        await alarm_calls.acknowledge(self.live(), ref, event, comment, confirm=False, deadline=deadline)

    async def confirm(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None:
        await alarm_calls.acknowledge(self.live(), ref, event, comment, confirm=True, deadline=deadline)

    async def shelve(self, ref: AlarmRef, milliseconds: int, comment: str, deadline: float) -> None:
        """The standard's methods take no comment; the agent's journal has it."""
        await alarm_calls.shelve(self.live(), ref, milliseconds, deadline)
        self.alarms.refresh()
