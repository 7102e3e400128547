"""Keeps the access tokens of open pages alive, so that the administration's list shows who has which site open now.

A page that only watches asks the server for nothing; without this its token would run out of the list after five
minutes while the page goes on.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from channels.db import database_sync_to_async

from hmi.live.live_socket import LiveSocket
from hmi.sites.access import SiteAccess
from hmi.sites.background import in_background
from hmi.sites.tokens import renew_open_tokens

logger = logging.getLogger(__name__)

# A thread of its own: a thousand renewals take seconds, and nobody waits for them.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="open-tokens")
_arenew = database_sync_to_async(renew_open_tokens, thread_sensitive=False, executor=_thread)
_renewing: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = weakref.WeakKeyDictionary()


def keep_open(sockets: Iterable[LiveSocket]) -> None:
    """Renew what runs out behind the pages of one site; to be called about once a minute, in the loop.

    The list of all sites is not counted as having them open.
    """
    loop = asyncio.get_running_loop()
    running = _renewing.get(loop)
    if running is not None and not running.done():
        return
    accesses = [socket.accesses[0] for socket in sockets if len(socket.accesses) == 1 and not socket.ended]
    if accesses:
        _renewing[loop] = in_background(_renew(accesses), "renew access tokens of open pages")


async def _renew(accesses: list[SiteAccess]) -> None:
    try:
        await _arenew(accesses)
    except Exception as error:  # the worst that follows is a row missing from a list
        logger.warning("Access tokens of open pages could not be renewed: %s", error or type(error).__name__)
