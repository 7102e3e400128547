"""The hub of one event loop: every distinct view exists once, however many phones look at it.

A view computes and encodes a change once; each socket's writer takes the shared text behind its own number
(``outbox.py``). The hub itself never waits for a phone.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from hmi.sites.access import SiteAccess

PUBLISH_SPACING = 0.5  # seconds: at most two data frames a second and view
HEARTBEAT = 2.0  # seconds of nothing before a heartbeat; the phone calls 4.5 s without a frame stale
SLOW_HEARTBEAT = 10.0  # seconds between heartbeats to pages in the background


class Member(Protocol):
    """One socket, as its view knows it."""

    def wake(self) -> None:
        """There may be something to take from the outbox. Must not block and must not raise."""

    def live_accesses(self) -> Iterable[SiteAccess]:
        """The accesses under which this socket watches."""


class SharedView:
    """One view and the sockets that look at it. Subclasses say what it shows (``hmi/live/views.py``).

    Subclasses call ``values_changed`` and ``say_now`` and give the bodies; when to send is decided here.
    """

    def __init__(self) -> None:
        self.members: dict[Member, None] = {}  # a dict keeps the order, so that bursts treat everybody alike
        self.layout = self.revision = self.state = self.beat = self.slow_beat = 0
        self._loop = asyncio.get_running_loop()
        self._published_at = self._said_at = self._slow_at = self._loop.time()
        self._publish_timer: asyncio.TimerHandle | None = None
        self._beat_timer: asyncio.TimerHandle | None = None
        self._delta_bodies: dict[int, str] = {}
        self._state_body: tuple[tuple[int, int, int], str] | None = None

    # --- what subclasses give ------------------------------------------------------------------------------

    @property
    def trustworthy(self) -> bool:
        """Values may be taken for the present. A socket is told so only together with all of them."""
        return True

    def start(self) -> None:
        """The first socket looks: begin to watch."""

    def stop(self, parting: Sequence[SiteAccess]) -> None:
        """The last socket left; ``parting`` are its accesses, as far as they still hold."""

    def access_ended(self, access: SiteAccess) -> None:
        """An access of a member that has just left is over."""

    def members_changed(self) -> None:
        """Somebody joined or left, and somebody is still there."""

    def snapshot_body(self) -> str:
        raise NotImplementedError

    def make_delta_body(self, since: int) -> str:
        """Everything that changed after revision ``since``."""
        raise NotImplementedError

    def make_state_body(self) -> str:
        raise NotImplementedError

    def collect(self) -> None:
        """A publication begins: work out, once for everybody, what belongs to ``self.revision``."""

    # --- shared bodies -------------------------------------------------------------------------------------

    def delta_body(self, since: int) -> str:
        body = self._delta_bodies.get(since)
        if body is None:
            body = self._delta_bodies[since] = self.make_delta_body(since)
        return body

    def state_body(self) -> str:
        key = (self.state, self.beat, self.slow_beat)
        if self._state_body is None or self._state_body[0] != key:
            self._state_body = key, self.make_state_body()
        return self._state_body[1]

    # --- sockets -------------------------------------------------------------------------------------------

    def join(self, member: Member) -> None:
        first = not self.members
        self.members[member] = None
        if first:
            self.start()
            self._schedule_beat()
        else:
            self.members_changed()

    def leave(self, member: Member, *, ended: Iterable[SiteAccess] = ()) -> None:
        """``ended``: accesses of this socket that are over, not merely closed."""
        if member not in self.members:
            return
        parting = list(member.live_accesses())
        del self.members[member]
        for access in ended:
            self.access_ended(access)
        if self.members:
            self.members_changed()
        else:
            self.stop(parting)
            for timer in (self._publish_timer, self._beat_timer):
                if timer is not None:
                    timer.cancel()

    def wake_all(self) -> None:
        self._said_at = self._loop.time()
        for member in list(self.members):
            member.wake()

    # --- when ------------------------------------------------------------------------------------------------

    def values_changed(self, *, after: float = 0.0) -> None:
        """Publish soon: at once after a quiet half second, else at its end; not before ``after`` seconds."""
        due = max(self._loop.time() + after, self._published_at + PUBLISH_SPACING)
        if self._publish_timer is not None:
            if self._publish_timer.when() <= due:
                return
            self._publish_timer.cancel()
        self._publish_timer = self._loop.call_at(due, self._publish)

    def publish_now(self) -> None:
        """For what must not wait for its half second: rare, and bounded by how often links change their state."""
        if self._publish_timer is not None:
            self._publish_timer.cancel()
        self._publish()

    def say_now(self, *, layout: bool = False, state: bool = False) -> None:
        """What cannot wait for the next publication.

        ``layout``: everybody gets a snapshot instead of a change, because handles mean something else or all values
        are new. ``state``: the link or a source changed its state.
        """
        if layout:
            self.layout += 1
            self._delta_bodies.clear()
        if state:
            self.state += 1
        if layout or state:
            self.wake_all()

    def _publish(self) -> None:
        self._publish_timer = None
        self._published_at = self._loop.time()
        before = self.revision
        self.collect()
        if self.revision != before:
            self._delta_bodies.clear()
            self.wake_all()

    def _schedule_beat(self) -> None:
        due = min(self._said_at + HEARTBEAT, self._slow_at + SLOW_HEARTBEAT)
        self._beat_timer = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        now = self._loop.time()
        slow = now - self._slow_at >= SLOW_HEARTBEAT
        quiet = now - self._said_at >= HEARTBEAT
        if slow:
            self._slow_at = now
            self.slow_beat += 1
        if quiet:
            self.beat += 1
        if quiet or slow:
            for member in list(self.members):
                member.wake()
        if quiet:
            self._said_at = now
        self._schedule_beat()


_View = TypeVar("_View", bound=SharedView)


class Hub:
    """The views of one event loop, by what they show; ``parts`` are what several views share."""

    def __init__(self) -> None:
        self.views: dict[Hashable, SharedView] = {}
        self.parts: dict[Hashable, Any] = {}

    def join(self, key: Hashable, member: Member, make: Callable[[], _View]) -> _View:
        """Put a socket to the view of this key; ``make`` is called when nobody looks at it yet."""
        view = self.views.get(key)
        if view is None:
            view = self.views[key] = make()
        view.join(member)
        return view  # type: ignore[return-value]

    def leave(self, key: Hashable, member: Member, *, ended: Iterable[SiteAccess] = ()) -> None:
        view = self.views.get(key)
        if view is None:
            return
        view.leave(member, ended=ended)
        if not view.members:
            del self.views[key]


_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def get_hub() -> Hub:
    """The hub of the running event loop."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None:
        hub = _hubs[loop] = Hub()
    return hub
