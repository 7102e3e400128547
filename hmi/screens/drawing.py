"""Long pages are worked out and drawn beside the event loop, so that live pages of other people go on meanwhile.

A list of 300 tanks takes a quarter of a second of CPU. In the event loop no value and no heartbeat would leave in that
time; on a thread the interpreter changes between the two every few milliseconds. One thread draws one page after the
other: more would compete for the same interpreter and slow down the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import sync_to_async
from django.http import HttpResponse

_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drawing")


async def drawn(draw: Callable[[], HttpResponse]) -> HttpResponse:
    """What ``draw`` answers, in the language and time zone of the caller. ``draw`` must not touch the database."""
    return await sync_to_async(draw, thread_sensitive=False, executor=_THREAD)()
