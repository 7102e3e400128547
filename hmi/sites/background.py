"""Tasks that outlive the request in which they were started."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any, TypeVar

from django.http import HttpRequest
from django.utils.translation import get_language, override

from accounts.audit.context import answering, current_request

_T = TypeVar("_T")
_running: set[asyncio.Task[Any]] = set()  # the loop itself keeps only weak references


def in_background(work: Coroutine[Any, Any, _T], name: str) -> asyncio.Task[_T]:
    """Start ``work`` in a fresh context: in the request's own, database work would go to a thread that ends with it."""
    task = asyncio.get_running_loop().create_task(work, name=name, context=contextvars.Context())
    _running.add(task)
    task.add_done_callback(_look)
    return task


async def to_its_end(work: Coroutine[Any, Any, _T], name: str) -> _T:
    """The result of ``work``, which goes on when whoever waits for it is gone: a browser that leaves cancels its view.

    Its words are in the language of the request, and its events belong to it.
    """
    return await asyncio.shield(in_background(_as_here(work, current_request(), get_language()), name))


async def _as_here(work: Coroutine[Any, Any, _T], request: HttpRequest | None, language: str | None) -> _T:
    with answering(request), override(language):
        return await work


def _look(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # looked at: those who wait for the task have it; if nobody does, it is old news
