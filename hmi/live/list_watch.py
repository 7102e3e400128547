"""Ends or renews the open pages of a watch list that was taken back, removed or changed: at once here, soon elsewhere.

Who may see the site's values is the access watch's matter (access_watch.py). Whether a list may still be read, and what
stands in it, is asked here: one query for all open pages of lists together, on the bell of the process that made the
change and every ``LOOK`` seconds for changes of other processes.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from typing import NamedTuple
from uuid import UUID

from channels.db import database_sync_to_async

from hmi.live.chosen_entries import Entry, look_up_all
from hmi.live.live_socket import CLOSE_ACCESS_ENDED, CLOSE_RELOAD, LiveSocket
from hmi.sites import access_changes
from hmi.sites.background import in_background

logger = logging.getLogger(__name__)

LOOK = 2.0  # seconds; the promise is 5 s from the change to the last value
DEADLINE = 4.0  # seconds for one look
TAKEN_BACK = "This list is not open to you any more."
CHANGED = "This list was changed. Reload the page to see it as it is now."


class Watched(NamedTuple):
    """A page of a list: whose, of which list, and what stood in it when it opened."""

    user_id: int
    key: UUID
    entries: tuple[Entry, ...]


_alook = database_sync_to_async(look_up_all)


class ListWatch:
    """The open pages of lists of one event loop, and the task that looks after them while there are any."""

    def __init__(self) -> None:
        self._pages: dict[LiveSocket, Watched] = {}
        self._bell = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._pages)

    def add(self, socket: LiveSocket, watched: Watched) -> None:
        """Look after ``socket`` from now on, at once: the list may have changed since it was looked up."""
        self._pages[socket] = watched
        self._bell.set()
        if self._task is None or self._task.done():
            self._task = in_background(self._run(), "list watch")

    def remove(self, socket: LiveSocket) -> None:
        self._pages.pop(socket, None)

    def ring(self) -> None:
        """From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._bell.set)

    async def _run(self) -> None:
        forget = access_changes.on_change(self.ring)
        try:
            while self._pages:
                self._bell.clear()
                await self._sweep()
                await self._wait()
        finally:
            forget()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK):
                await self._bell.wait()
        except TimeoutError:
            pass

    async def _sweep(self) -> None:
        pages = {socket: watched for socket, watched in self._pages.items() if not socket.ended}
        try:
            async with asyncio.timeout(DEADLINE):
                standing = await _alook({(each.user_id, each.key) for each in pages.values()})
        except Exception as error:  # a database that stays away closes every live page by the access watch
            logger.warning("Open watch lists could not be looked after: %s", error or type(error).__name__)
            return
        for socket, watched in pages.items():
            entries = standing.get((watched.user_id, watched.key))
            if entries is None:
                socket.end(TAKEN_BACK, CLOSE_ACCESS_ENDED)
            elif entries != watched.entries:
                socket.end(CHANGED, CLOSE_RELOAD)


_watches: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, ListWatch] = weakref.WeakKeyDictionary()


def get_list_watch() -> ListWatch:
    """The watch of the running event loop."""
    loop = asyncio.get_running_loop()
    watch = _watches.get(loop)
    if watch is None:
        watch = _watches[loop] = ListWatch()
    return watch
