"""What a live stream sends next, and when: a calculation without sockets, tasks or clocks.

    put, source_changed, acknowledge ...     something happened
    due(now, lease_left)                     seconds until take() may have something to send
    take(now, wall_ms, lease_left, states)   the next push, or None

Rules, in their order: a turned switch is told before anything else, and off ends the values; a source that changed its
state is told at once, but one that is back only after the values it came back with, though they wait for credit (under
the good news alone, those from before would look fresh); a lost lease ends the values; a first snapshot goes at once,
later values at most once a tick; a heartbeat goes whenever nothing else did.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from relay_bridge.agent.alarms.feed import AlarmFeed
from relay_bridge.contract.acting import ModePush, SiteMode
from relay_bridge.contract.messages import HEARTBEAT_MS, MIN_RATE_MS, Bye, Heartbeat, Push, SourceState
from relay_bridge.contract.readings import Reading
from relay_bridge.contract.update_stream import UpdateSender

HEARTBEAT = HEARTBEAT_MS / 1000  # seconds
BACKGROUND_HEARTBEAT = 30.0  # seconds: what a receiver asks for with rate bg=true, and then must allow for
GATHER = 0.02  # seconds: readings of one notification of the source leave in one push
AFTER_SNAPSHOT = MIN_RATE_MS / 1000  # seconds: a snapshot of "no value yet" must not cost a whole tick


class LivePlan:
    """One session's stream. ``now`` is seconds of a monotonic clock everywhere."""

    def __init__(self, now: float, heartbeat: float = HEARTBEAT, alarms: AlarmFeed | None = None) -> None:
        self._sender = UpdateSender()
        self._alarms = alarms
        self._front_heartbeat = heartbeat
        self._heartbeat = heartbeat
        self._tick = 1.0
        self._last_push = now
        self._next_values = now
        self._gathering_since: float | None = None
        self._states_due = False
        self._held = False  # good news of a source waits for credit, with its values
        self._told: Mapping[str, SourceState] = {}
        self._open = False
        self._mode = self._told_mode = SiteMode()

    @property
    def is_open(self) -> bool:
        """True from the first subscription until the lease is lost or nothing is subscribed any more."""
        return self._open

    def subscribe(self, readings: Iterable[tuple[int, Reading]], rate_ms: int, now: float) -> None:
        """Handles that join, each with what it starts from; the next push is a full snapshot, due now."""
        readings = list(readings)
        self._sender.add(handle for handle, _ in readings)
        for handle, reading in readings:
            self._sender.put(handle, reading)
        self._tick = rate_ms / 1000
        self._next_values = now
        self._gathering_since = -math.inf
        self._open = True

    def unsubscribe(self, handles: Iterable[int], *, any_left: bool) -> None:
        self._sender.remove(handles)
        self._open = self._open and any_left
        self._held = False

    def set_rate(self, ms: int, *, background: bool) -> None:
        """The receiver's wish: a tick of ``ms``, and fewer heartbeats while nobody looks."""
        self._tick = ms / 1000
        self._heartbeat = BACKGROUND_HEARTBEAT if background else self._front_heartbeat
        self._next_values = min(self._next_values, self._last_push + self._tick)

    def put(self, handle: int, reading: Reading) -> bool:
        """Take a reading; True when the stream had nothing to send before, so whoever sends it must wake."""
        was_pending = self._sender.pending
        self._sender.put(handle, reading)
        return not was_pending and self._sender.pending

    def source_changed(self) -> None:
        self._states_due = True
        self._held = False

    def states_told(self, states: Mapping[str, SourceState]) -> None:
        """The receiver knows these already, by the answer to its hello."""
        self._told = dict(states)

    def mode_changed(self, mode: SiteMode, *, told: bool = False) -> None:
        """The switch stands like this; ``told``: the receiver knows it already, by the answer to its hello."""
        self._mode = mode
        if told:
            self._told_mode = mode

    def acknowledge(self, n: int) -> None:
        self._sender.acknowledge(n)
        self._held = False
        if self._alarms is not None:
            self._alarms.acknowledge(n)

    def due(self, now: float, lease_left: float) -> float:
        """Seconds until something may have to be sent; 0 for at once."""
        states_due = self._states_due and not self._held
        if states_due or self._mode != self._told_mode or (self._flows and (lease_left <= 0 or self._is_off)):
            return 0.0
        at = self._last_push + self._heartbeat
        if self._flows:
            at = min(at, now + lease_left)
        alarms_at = self._alarms.due(now) if self._alarms is not None else None
        if alarms_at is not None:
            at = min(at, alarms_at)
        if self._values_wait():
            at = min(at, self._values_at(now))
        return max(0.0, at - now)

    def take(self, now: float, wall_ms: int, lease_left: float, states: Mapping[str, SourceState]) -> Push | None:
        """The push that is due at ``now``, or ``None``. A ``Bye`` means: the caller drops the subscriptions."""
        push = self._choose(now, wall_ms, lease_left, states)
        if push is not None:
            self._last_push = now
        return push

    def bye(self, wall_ms: int, why: str) -> Bye:
        """The last push of a stream: ``lease``, ``off`` or ``shutdown``."""
        self._open = False
        return Bye(n=self._sender.next_number(), t=wall_ms, why=why)

    def _choose(self, now: float, wall_ms: int, lease_left: float, states: Mapping[str, SourceState]) -> Push | None:
        if self._mode != self._told_mode:
            self._told_mode = self._mode
            return ModePush(n=self._sender.next_number(), t=wall_ms, mode=self._mode)
        if self._flows and self._is_off:
            return self.bye(wall_ms, "off")
        if self._states_due:
            back = self._back(states) if self._open and self._sender.pending else {}
            tellable = {**states, **back}
            if not back or tellable != self._told:
                self._states_due = bool(back)
                return self._beat(wall_ms, tellable)
            if lease_left > 0 and not self._sender.blocked:
                return self._values(now, wall_ms)
            self._held, states = True, tellable
        if self._flows and lease_left <= 0:
            return self.bye(wall_ms, "lease")
        alarms = self._alarms.take(now, wall_ms, self._sender.next_number) if self._alarms is not None else None
        if alarms is not None:
            return alarms
        if self._values_wait() and now >= self._values_at(now):
            return self._values(now, wall_ms)
        if now - self._last_push >= self._heartbeat:
            return self._beat(wall_ms, states)
        return None

    @property
    def _flows(self) -> bool:
        """Something goes out that needs a lease: values or alarms."""
        return self._open or (self._alarms is not None and self._alarms.is_on)

    @property
    def _is_off(self) -> bool:
        return self._mode.mode == "off"

    def _values_wait(self) -> bool:
        return self._open and self._sender.pending and not self._sender.blocked

    def _values_at(self, now: float) -> float:
        """When the waiting values may go; the first call after they came starts the gathering."""
        if self._gathering_since is None:
            self._gathering_since = now
        return max(self._next_values, self._gathering_since + GATHER)

    def _values(self, now: float, wall_ms: int) -> Push | None:
        push = self._sender.take(wall_ms)
        self._gathering_since = None
        # What did not fit into this push goes on at once, as far as the credit reaches.
        if self._sender.pending:
            self._gathering_since = -math.inf
        elif push is not None and push.__struct_config__.tag == "s":
            self._next_values = now + min(AFTER_SNAPSHOT, self._tick)
        else:
            self._next_values = now + self._tick
        return push

    def _back(self, states: Mapping[str, SourceState]) -> dict[str, SourceState]:
        """The sources that are better than the receiver knows, each as it knows it."""
        return {
            source: self._told[source]
            for source, state in states.items()
            if source in self._told and state.code < self._told[source].code
        }

    def _beat(self, wall_ms: int, states: Mapping[str, SourceState]) -> Heartbeat:
        self._told = dict(states)
        return Heartbeat(n=self._sender.next_number(), t=wall_ms, src=dict(states))
