"""One phone's live socket without the web server around it: who looks, at what, and the one task that writes.

The writer takes frames from the outbox only when the socket is free, so a slow phone holds up nobody and nothing
piles up. After ``end`` no data frame leaves any more: the next frame is the farewell.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from hmi.live.hub import SharedView, get_hub
from hmi.live.outbox import Outbox
from hmi.live.phone_messages import Answered, Background, Resync
from hmi.sites.access import SiteAccess

logger = logging.getLogger(__name__)

CHECKED_FOR = 10.0  # seconds that a look at the access behind the socket lets frames leave
SILENT = "This page answered nothing for a while. It connects again by itself."  # in static/js/said.js too
SEND_DEADLINE = 10.0  # seconds for one frame to be taken by the server; a phone that takes longer is gone

# Close codes, from the range that RFC 6455, 7.4.2 leaves to applications.
CLOSE_NOT_UNDERSTOOD = 4400
CLOSE_ACCESS_ENDED = 4403
CLOSE_TOO_FAST = 4408  # too many messages, or none where answers were due
CLOSE_RELOAD = 4410  # a part of what the page shows is not this person's any more: connect again for the rest
CLOSE_TOO_MANY = 4429
CLOSE_FAULT = 4500  # ours; connecting again may help

Send = Callable[[str], Awaitable[None]]
Close = Callable[[int], Awaitable[None]]


class Farewell(NamedTuple):
    code: int
    why: str


class LiveSocket:
    """A member of a shared view. ``accesses`` are live when it is made; ``access_watch`` keeps looking after them."""

    def __init__(
        self, *, user_id: int, session_key: str, accesses: Sequence[SiteAccess], send: Send, close: Close
    ) -> None:
        self.user_id = user_id
        self.session_key = session_key
        self.accesses = tuple(accesses)
        self.outbox = Outbox()
        self._send = send
        self._close = close
        self._awake = asyncio.Event()
        self._farewell: Farewell | None = None
        self._hub = get_hub()
        self._key: Hashable = None
        self._view: SharedView | None = None
        self._loop = asyncio.get_running_loop()
        self._checked_at = self._loop.time()

    @property
    def ended(self) -> bool:
        return self._farewell is not None

    @property
    def in_front(self) -> bool:
        """Somebody may be looking: not in the background and not over."""
        return not self.outbox.background and not self.ended

    def look_at(self, key: Hashable, make: Callable[[], SharedView]) -> None:
        """Join the view of this key; ``make`` makes it when nobody looks at it yet."""
        self._key = key
        self._view = self._hub.join(key, self, make)
        self.wake()

    def leave(self, *, ended: Iterable[SiteAccess] = ()) -> None:
        """Stop looking; nothing more is computed or streamed for this socket. Leaving twice changes nothing."""
        if self._view is not None:
            self._view = None
            self._hub.leave(self._key, self, ended=ended)

    def live_accesses(self) -> Sequence[SiteAccess]:
        return () if self.ended else self.accesses

    def wake(self) -> None:
        self._awake.set()

    def checked(self, at: float) -> None:
        """Somebody looked ``at`` (loop time): the access behind this socket stood."""
        held_back = not self._is_checked()
        self._checked_at = at
        if held_back:
            self.wake()

    def _is_checked(self) -> bool:
        return self._loop.time() - self._checked_at <= CHECKED_FOR

    def take_message(self, message: Answered | Resync | Background) -> None:
        """Do what the phone said."""
        if isinstance(message, Answered):
            was_blocked = self.outbox.blocked
            self.outbox.acknowledge(message.n)
            if not was_blocked:
                return  # nothing was held back, so nothing is due: the common case, once for every frame sent
        elif isinstance(message, Resync):
            self.outbox.resync()
        else:
            self.outbox.set_background(message.on)
        self.wake()

    def end(self, why: str, code: int, *, ended: Iterable[SiteAccess] = ()) -> None:
        """Stop the data now, say why, then close with ``code``. ``ended`` are accesses that are over.

        Only the first call counts.
        """
        if self._farewell is None:
            self._farewell = Farewell(code, why)
            self.leave(ended=ended)
            self.wake()

    async def write(self) -> None:
        """The writer: until the socket ends or cannot be written to. Ends by itself; cancel it when the phone left."""
        try:
            while self._farewell is None:
                await self._awake.wait()
                self._awake.clear()
                await self._write_what_is_due()
            await self._say_farewell(self._farewell)
        except (TimeoutError, OSError):
            await self._close_quietly()
        except Exception:
            logger.exception("A live socket's writer failed; the socket is closed.")
            await self._close_quietly()
        finally:
            self.leave()

    async def _write_what_is_due(self) -> None:
        # A process that was stopped and goes on must not send what it still had before it has looked again.
        while self._view is not None and self._is_checked():
            now = self._loop.time()
            frame = self.outbox.take(self._view, now)
            if frame is None:
                wait = self.outbox.wait_for_snapshot(now)
                if wait:
                    self._loop.call_later(wait, self.wake)
                if self.outbox.stuck(now):
                    self.end(SILENT, CLOSE_TOO_FAST)
                return
            await self._within_deadline(self._send(frame))

    async def _say_farewell(self, farewell: Farewell) -> None:
        words = msgspec.json.encode(farewell.why).decode()
        await self._within_deadline(self._send(self.outbox.farewell(words)))
        await self._within_deadline(self._close(farewell.code))

    async def _close_quietly(self) -> None:
        try:
            await self._within_deadline(self._close(CLOSE_FAULT))
        except Exception:  # whatever it is, the socket is gone, and that was the wish
            logger.debug("A live socket was gone before it could be closed.", exc_info=True)

    async def _within_deadline(self, sending: Awaitable[None]) -> None:
        async with asyncio.timeout(SEND_DEADLINE):
            await sending
