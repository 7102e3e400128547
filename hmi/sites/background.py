"""Tasks that outlive the request in which they were started."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")
_running: set[asyncio.Task[Any]] = set()  # the loop itself keeps only weak references


def in_background(work: Coroutine[Any, Any, _T], name: str) -> asyncio.Task[_T]:
    """Start ``work`` in a fresh context: in the request's own, database work would go to a thread that ends with it."""
    task = asyncio.get_running_loop().create_task(work, name=name, context=contextvars.Context())
    _running.add(task)
    task.add_done_callback(_look)
    return task


def _look(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # looked at: those who wait for the task have it; if nobody does, it is old news
