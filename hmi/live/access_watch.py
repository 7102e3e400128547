"""Ends live pages and links whose access ended: one look a second at what stands behind them, at once on a change.

A socket that has just come is looked at alone, and at once: with a thousand phones coming back after a restart, a
look at everything for each of them would keep them all waiting.

Channels asks who somebody is once, when the socket opens; without this a revoked page would go on for ever. A page
whose access cannot be checked for ``FAIL_CLOSED`` seconds is closed as well.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol
from uuid import UUID

from channels.db import database_sync_to_async

from accounts.session_moves import has_moved
from accounts.session_standing import standing_session_keys
from accounts.sessions import touch_sessions
from hmi.live.live_socket import CHECKED_FOR, CLOSE_ACCESS_ENDED, CLOSE_FAULT, CLOSE_RELOAD, LiveSocket
from hmi.live.open_tokens import keep_open
from hmi.sites import access_changes
from hmi.sites.access import AccessKey, SiteAccess, still_live
from hmi.sites.background import in_background
from hmi.sites.conduit_info import conduit_stamps

logger = logging.getLogger(__name__)

SWEEP = 1.0  # seconds; the promise is 5 s from the change to the last value
AFTER_BELL = 0.05  # seconds: one administrator's click saves several rows
SWEEP_DEADLINE = 4.0  # seconds for one look
FAIL_CLOSED = CHECKED_FOR  # seconds without a look that worked; then nobody may look any more
TOUCH = 60.0  # seconds between two notes that an open page in front counts as use
SIGNED_OUT = "You were signed out."
CONFIRMED = "You confirmed that it is you. The page connects again."
ENDED_BY_HAND = "An administrator ended this access; open the page again."
UNCHECKED = "Sightline cannot check at the moment who may see this page."

# A thread of its own: a slow page must not hold up the look that ends other pages.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="access-watch")


class Findings(NamedTuple):
    """Which accesses ended, each with the reason in words, which sessions are still signed in, and how sites are
    reached now (``conduit_info.conduit_stamps``)."""

    ended: dict[AccessKey, str]
    sessions: set[str]
    stamps: dict[UUID, str]


class Lease(Protocol):
    """What a link streams under. Like a socket it must end with the access behind it, also when nobody looks."""

    site_id: UUID
    conduit_stamp: str

    @property
    def lease_access(self) -> SiteAccess | None:
        """The access whose site token the agent holds; ``None`` when it holds none."""

    def access_over(self) -> None:
        """That access ended. Must not block and must not raise."""

    def conduit_changed(self) -> None:
        """The site is reached otherwise now, or not at all."""


def look(keys: set[AccessKey], sessions: set[str], sites: set[UUID]) -> Findings:
    """A handful of queries, however many sockets are open; the news of other processes first, then what is so now."""
    access_changes.hear_others()
    signed_in = standing_session_keys(sessions, time.time())
    return Findings(still_live(keys, to_people=True), signed_in, conduit_stamps(sites) if sites else {})


_alook = database_sync_to_async(look, thread_sensitive=False, executor=_thread)
_atouch = database_sync_to_async(touch_sessions, thread_sensitive=False, executor=_thread)


class AccessWatch:
    """The sockets and links of one event loop, and the one task that looks after them while there are any."""

    def __init__(self) -> None:
        self._sockets: dict[LiveSocket, None] = {}
        self._leases: dict[Lease, None] = {}
        self._loop = asyncio.get_running_loop()
        self._new: dict[LiveSocket, None] = {}
        self._bell = asyncio.Event()
        self._changed = False  # something that decides access did: look at everything
        self._full_at = 0.0  # loop time at which everything is looked at in any case
        self._task: asyncio.Task[None] | None = None
        self._touched_at = self._loop.time()

    def __len__(self) -> int:
        return len(self._sockets)

    def count_of(self, user_id: int) -> int:
        """How many sockets this person has open."""
        return sum(socket.user_id == user_id for socket in self._sockets)

    def add(self, socket: LiveSocket) -> None:
        """Look after ``socket`` from now on, for the first time at once: much may have happened since it asked."""
        self._sockets[socket] = self._new[socket] = None
        self._bell.set()
        self._begin()

    def hold(self, lease: Lease) -> None:
        """Look after what this link streams under, until ``let_go``."""
        self._leases[lease] = None
        self._begin()

    def let_go(self, lease: Lease) -> None:
        self._leases.pop(lease, None)

    def remove(self, socket: LiveSocket) -> None:
        self._sockets.pop(socket, None)
        self._new.pop(socket, None)

    def ring(self) -> None:
        """Something that decides access was changed."""
        self._changed = True
        self._bell.set()

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = in_background(self._run(), "access watch")

    async def _run(self) -> None:
        forget_bell = access_changes.on_change(_thread_safe_bell(self))
        good_at = self._loop.time()
        try:
            while self._sockets or self._leases:
                everything, sockets = self._due()
                if not await self._sweep(sockets, list(self._leases) if everything else []):
                    self._full_at = 0.0  # who has just come counts as unchecked too: everything is next
                    if self._loop.time() - good_at >= FAIL_CLOSED:
                        self._close_everything()
                elif everything:
                    good_at = self._loop.time()
                await self._wait()
        finally:
            forget_bell()

    def _due(self) -> tuple[bool, list[LiveSocket]]:
        """Whether this look is at everything, and whom it is at."""
        now = self._loop.time()
        everything = self._changed or now >= self._full_at
        sockets = list(self._sockets if everything else self._new)
        if everything:
            self._full_at = now + SWEEP
        self._changed = False
        self._new.clear()
        return everything, sockets

    async def _wait(self) -> None:
        left = self._full_at - self._loop.time()
        try:
            async with asyncio.timeout(left if left > 0 else SWEEP):
                await self._bell.wait()
            await asyncio.sleep(AFTER_BELL)
        except TimeoutError:
            pass
        self._bell.clear()

    async def _sweep(self, sockets: list[LiveSocket], leases: list[Lease]) -> bool:
        """One look at ``sockets`` and ``leases``; False when it could not be done."""
        held = [access for lease in leases if (access := lease.lease_access) is not None]
        keys = {access.key for socket in sockets for access in socket.accesses} | {access.key for access in held}
        sessions = {socket.session_key for socket in sockets} | {access.session_key for access in held}
        begun = self._loop.time()
        try:
            async with asyncio.timeout(SWEEP_DEADLINE):
                findings = await _alook(keys, sessions - {""}, {lease.site_id for lease in leases})
            # Sockets first: whoever looks under an access that still stands is who the link goes on under.
            for socket in sockets:
                end_if_over(socket, findings)
                socket.checked(begun)
            for lease in leases:
                end_lease_if_over(lease, findings, held)
        except Exception as error:  # whatever it is, the answer is the same: not checked
            logger.warning("Open live pages could not be checked: %s", error or type(error).__name__)
            return False
        await self._touch()
        return True

    async def _touch(self) -> None:
        now = self._loop.time()
        if now - self._touched_at < TOUCH:
            return
        self._touched_at = now
        keep_open(self._sockets)
        in_front = {socket.session_key for socket in self._sockets if socket.in_front}
        try:
            async with asyncio.timeout(SWEEP_DEADLINE):
                await _atouch(in_front)
        except Exception as error:  # the worst that follows is a sign-in that ends early
            logger.warning("The use of open pages could not be noted: %s", error or type(error).__name__)

    def _close_everything(self) -> None:
        logger.error("Open live pages could not be checked for %.0f s: closing them.", FAIL_CLOSED)
        for socket in list(self._sockets):
            socket.end(UNCHECKED, CLOSE_FAULT)
        for lease in list(self._leases):
            lease.access_over()


def end_if_over(socket: LiveSocket, findings: Findings) -> None:
    """End the socket when its sign-in or one of its accesses is over.

    A list of sites that lost one of several is not over: the page connects again and gets the others.
    """
    over = [access for access in socket.accesses if access.key in findings.ended]
    stopped = [access for access in socket.accesses if access not in over and access.token_ended]
    if socket.session_key not in findings.sessions:
        if not over and has_moved(socket.session_key):  # by step-up: the page comes back with the session's new key
            socket.end(CONFIRMED, CLOSE_RELOAD, ended=socket.accesses)
            return
        why = next((findings.ended[access.key] for access in over), SIGNED_OUT)
        socket.end(why, CLOSE_ACCESS_ENDED, ended=socket.accesses)
    elif over:
        all_over = len(over) == len(socket.accesses)
        code = CLOSE_ACCESS_ENDED if all_over else CLOSE_RELOAD
        socket.end(findings.ended[over[0].key], code, ended=[*over, *stopped])
    elif stopped:  # the page may come back, and looks anew whether it may
        socket.end(ENDED_BY_HAND, CLOSE_RELOAD, ended=stopped)


def end_lease_if_over(lease: Lease, findings: Findings, looked_at: Sequence[SiteAccess]) -> None:
    """Tell the link when the access that it streams under is over, or the site is reached otherwise."""
    access = lease.lease_access
    # One that was taken while the look was under way is looked at next time.
    if access is not None and access in looked_at:
        signed_out = bool(access.session_key) and access.session_key not in findings.sessions
        if access.key in findings.ended or signed_out or access.token_ended:
            lease.access_over()
    if findings.stamps.get(lease.site_id) != lease.conduit_stamp:
        lease.conduit_changed()


_watches: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AccessWatch] = weakref.WeakKeyDictionary()


def get_access_watch() -> AccessWatch:
    """The watch of the running event loop."""
    loop = asyncio.get_running_loop()
    watch = _watches.get(loop)
    if watch is None:
        watch = _watches[loop] = AccessWatch()
    return watch


def _thread_safe_bell(watch: AccessWatch) -> Callable[[], None]:
    loop = watch._loop  # noqa: SLF001 - its own file

    def ring() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(watch.ring)

    return ring
