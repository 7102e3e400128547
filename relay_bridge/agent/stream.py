"""The live stream of one session: waits for readings, source states, credit and time, and sends what the plan says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from relay_bridge.agent.alarms.feed import AlarmFeed
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.handles import Handles
from relay_bridge.agent.live_plan import HEARTBEAT, LivePlan
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.acting import SiteMode
from relay_bridge.contract.codec import encode
from relay_bridge.contract.messages import Bye, SourceState
from relay_bridge.contract.readings import Reading

_SHORTEST_WAIT = 0.001  # seconds: a plan that is due "now" must still let others run
ALARM_SCOPE = "alarm:read"
BYE_DEADLINE = 0.5  # seconds for the last word to a peer that may be gone


class LiveStream:
    """One session's ``Watcher``. ``run`` never returns by itself; it ends with its session."""

    def __init__(
        self,
        send: Callable[[bytes], Awaitable[None]],
        turn: asyncio.Lock,
        *,
        subscriptions: Subscriptions,
        handles: Handles,
        clock: Clock,
        heartbeat: float = HEARTBEAT,
        lease_ended: Callable[[], None] = lambda: None,
        alarms: AlarmFeed | None = None,
    ) -> None:
        self._send = send
        self._turn = turn  # whose turn it is to send on this session
        self._subscriptions = subscriptions
        self._handles = handles
        self._clock = clock
        self._lease_ended = lease_ended
        self._alarms = alarms
        self._plan = LivePlan(clock.monotonic(), heartbeat, alarms)
        self._wake = asyncio.Event()
        if alarms is not None:
            alarms.woke = self._wake.set
        self._watched: set[str] = set()

    @property
    def watched(self) -> frozenset[str]:
        return frozenset(self._watched)

    # --- Watcher ------------------------------------------------------------------------------------------------

    def put(self, handle: int, reading: Reading) -> None:
        if self._plan.put(handle, reading):
            self._wake.set()

    def source_changed(self) -> None:
        self._plan.source_changed()
        self._wake.set()

    def states_told(self, states: Mapping[str, SourceState]) -> None:
        """The peer knows these by the answer to its hello."""
        self._plan.states_told(states)

    # --- ModeListener -------------------------------------------------------------------------------------------

    def mode_changed(self, mode: SiteMode, *, told: bool = False) -> None:
        self._plan.mode_changed(mode, told=told)
        self._wake.set()

    # --- requests -----------------------------------------------------------------------------------------------

    def subscribe(self, tags: Sequence[TagConfig], rate_ms: int) -> dict[str, int]:
        """Join ``tags`` to the stream; the handle of each. A full snapshot follows at once."""
        handles = self._subscriptions.watch(self, tags)
        self._watched.update(handles)
        self._plan.subscribe(self._subscriptions.handle_readings(tags), rate_ms, self._clock.monotonic())
        self._wake.set()
        return handles

    def unsubscribe(self, tags: Sequence[str]) -> None:
        self._watched.difference_update(tags)
        ended = self._subscriptions.unwatch(self, tags)
        self._plan.unsubscribe(ended, any_left=bool(self._watched))
        self._wake.set()

    def set_rate(self, ms: int, *, background: bool) -> None:
        self._plan.set_rate(ms, background=background)
        self._wake.set()

    def show_alarms(self, area: str | None, least: int) -> None:
        """The alarm list, from a snapshot on: of ``area`` or of all, at least this severe."""
        if self._alarms is not None:
            self._alarms.turn_on(area, least, self._clock.monotonic())

    def hide_alarms(self) -> None:
        if self._alarms is not None:
            self._alarms.turn_off()

    def acknowledge(self, n: int) -> None:
        self._plan.acknowledge(n)
        self._wake.set()

    # --- sending ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send whatever is due, for as long as the session lives; errors of the channel end it."""
        while True:
            self._wake.clear()
            # A push gets its number when it has its turn: nothing can come between the number and its sending.
            async with self._turn:
                if await self._send_next():
                    continue
            wait = self._plan.due(self._clock.monotonic(), self.lease_left())
            try:
                async with asyncio.timeout(max(wait, _SHORTEST_WAIT)):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _send_next(self) -> bool:
        push = self._plan.take(
            self._clock.monotonic(), self._clock.wall_ms(), self.lease_left(), self._subscriptions.states()
        )
        if push is None:
            return False
        if isinstance(push, Bye):
            if push.why == "lease":
                self._lease_ended()
            self.unsubscribe(sorted(self._watched))
            self.hide_alarms()
        await self._send(encode(push))
        return True

    @property
    def flows(self) -> bool:
        """Something goes out that needs a lease."""
        return bool(self._watched) or (self._alarms is not None and self._alarms.is_on)

    def lease_left(self) -> float:
        """Seconds that all that flows may still flow; the shorter one ends both, so that no half is left unnoticed."""
        if self._alarms is None or not self._alarms.is_on:
            return self._handles.lease_left()
        alarms = self._handles.lease_left(ALARM_SCOPE)
        return min(alarms, self._handles.lease_left()) if self._watched else alarms

    async def say_bye(self, why: str) -> None:
        """The last push, as far as the peer still takes it."""
        try:
            async with asyncio.timeout(BYE_DEADLINE), self._turn:
                await self._send(encode(self._plan.bye(self._clock.wall_ms(), why)))
        except TimeoutError:
            pass
