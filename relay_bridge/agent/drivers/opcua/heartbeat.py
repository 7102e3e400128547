"""Is the process server alive, ready and right about the time: judged by what is received, never by a socket."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from asyncua import ua

from relay_bridge.agent.drivers.base import CLOCK_TOLERANCE
from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.deadlines import HEARTBEAT_PUBLISH_MS, SILENCE_PER_INTERVAL
from relay_bridge.agent.drivers.opcua.problems import SourceLost, status_words
from relay_bridge.agent.drivers.opcua.publishing import Notification, create_items, create_subscription
from relay_bridge.agent.drivers.opcua.settings import OpcUaSettings
from relay_bridge.contract.readings import quality_class

logger = logging.getLogger(__name__)
BEAT, SERVICE_LEVEL = 1, 2  # client handles in the heartbeat's own subscription
READY = 200  # service level from which a server is healthy (OPC 10000-4, 6.6.2.4.2)
LOOK_AGAIN = 0.1  # seconds in which unread notifications are taken in
REMEMBERED = 30  # beats by which the server's clock is known: more than can have been held up on their way
WRONG_IN_A_ROW = 2  # beats with a wrong time before the clock is blamed: one may merely have been held up


class Heartbeat:
    """A subscription to a value that must keep changing, with the server's service level beside it.

    ``wall`` gives seconds since the epoch; ``changed`` is called when ``warning`` may have. ``last_value`` is what an
    earlier connection saw last: the very same value again is no sign of life.
    """

    def __init__(
        self,
        settings: OpcUaSettings,
        wall: Callable[[], float],
        changed: Callable[[], None],
        last_value: Any = None,
    ) -> None:
        self._settings = settings
        self._wall = wall
        self._changed = changed
        self._silence = settings.stale_s  # seconds
        self._last = time.monotonic()
        self._last_wall = wall()
        self.last_value = last_value
        self._level = 255
        self._wrong_clock = 0
        self._clock_warning = ""
        self._offsets: deque[float] = deque(maxlen=REMEMBERED)  # seconds by which beats were ahead of our clock
        self.began = asyncio.Event()

    async def start(self, connection: Connection) -> None:
        """Subscribe. A server without a service level is taken for healthy, one without the heartbeat is refused."""
        node = self._settings.heartbeat_node.resolve(connection.namespaces)
        if node is None:
            raise SourceLost("the process server does not have the configured heartbeat")
        interval = min(HEARTBEAT_PUBLISH_MS, self._settings.stale_s * 1000 / 4)
        self._last, self._last_wall = time.monotonic(), self._wall()
        result = await create_subscription(connection, interval, self._receive)
        revised = float(result.RevisedPublishingInterval) / 1000
        if revised * SILENCE_PER_INTERVAL > self._silence:
            self._silence = revised * SILENCE_PER_INTERVAL
            logger.warning(
                "Source %s: the server publishes every %g s at best, so its silence is noticed after %g s.",
                self._settings.id, revised, self._silence,
            )  # fmt: skip
        wanted = [(BEAT, node, None), (SERVICE_LEVEL, ua.NodeId(ua.ObjectIds.Server_ServiceLevel), None)]
        codes = await create_items(connection, result.SubscriptionId, wanted, interval)
        if codes[0].status:
            raise SourceLost(f"the heartbeat cannot be watched: {status_words(codes[0].status)}")

    async def watch(self) -> None:
        """Raise SourceLost when no change was received for the allowed silence.

        When this program itself stood still (a loaded machine, a suspended one), what came meanwhile waits unread in
        the socket: it is looked at before the server is blamed.
        """
        heard = True
        while True:
            rest = self._last + self._silence - time.monotonic()
            if rest > 0:
                heard = True
                await asyncio.sleep(rest)
            elif heard:
                heard = False
                await asyncio.sleep(LOOK_AGAIN)
            else:
                since = datetime.fromtimestamp(self._last_wall, UTC)
                raise SourceLost(f"process server silent since {since:%H:%M:%S} UTC")

    @property
    def ahead(self) -> float | None:
        """Seconds by which the server's clock is ahead of ours, as far as the last beats tell; None before the first.

        The largest of them: a beat that was held up, by the network or because this program stood still, tells of a
        clock that is behind, and none of one that is ahead.
        """
        return max(self._offsets, default=None)

    @property
    def warning(self) -> str:
        """Why the source is degraded, or nothing."""
        if self._level < READY:
            return f"the process server reports service level {self._level} of 255"
        return self._clock_warning

    def _receive(self, notification: Notification) -> None:
        for handle, data in notification.values:
            value = data.Value.Value if data.Value is not None else None
            if handle == SERVICE_LEVEL and isinstance(value, int):
                self._level = value
                self._changed()
            elif handle == BEAT and _counts(data, value) and value != self.last_value:
                is_first = self.last_value is None
                self.last_value = value
                self._last, self._last_wall = time.monotonic(), self._wall()
                self._judge_clock(value if isinstance(value, datetime) else data.ServerTimestamp)
                if not is_first:  # the first value is merely the last that was written; a change is life
                    self.began.set()

    def _judge_clock(self, server: datetime | None) -> None:
        if server is None:
            return
        moment = server if server.tzinfo is not None else server.replace(tzinfo=UTC)
        off = moment.timestamp() - self._wall()
        self._offsets.append(off)
        self._wrong_clock = self._wrong_clock + 1 if abs(off) > CLOCK_TOLERANCE else 0
        if self._wrong_clock >= WRONG_IN_A_ROW and not self._clock_warning:
            side = "ahead of" if off > 0 else "behind"
            self._clock_warning = f"the process server's clock is {abs(off):.0f} s {side} this machine's"
            self._changed()
        elif not self._wrong_clock and self._clock_warning:
            self._clock_warning = ""
            self._changed()


def _counts(data: Any, value: Any) -> bool:
    """Whether it can be a sign of life: a bad value is none, and NaN differs even from itself."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return False
    return data.StatusCode is None or quality_class(int(data.StatusCode.value)) != "bad"
