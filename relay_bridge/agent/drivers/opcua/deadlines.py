"""How long the OPC UA driver waits for what, in seconds unless the name says otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from relay_bridge.agent.drivers.opcua.problems import SourceLost

SOCKET_DEADLINE = 3.0  # name lookup and TCP
HELLO_DEADLINE = 2.0  # a frozen process still gets its TCP connections accepted; only the hello tells
REQUEST_DEADLINE = 4.0  # one service call
LIBRARY_DEADLINE = 60.0  # what the library would wait by itself: longer than any deadline of ours
CLOSE_DEADLINE = 1.0  # a polite goodbye; then the client object is abandoned
TASKS_DEADLINE = 1.0  # for our own tasks to end after being cancelled
SESSION_TIMEOUT_MS = 60_000  # an orphaned session must not fill a server with five of them for an hour
CHANNEL_LIFETIME_MS = 3_600_000
CHANNEL_SHORTEST = 5.0  # a server that grants no lifetime worth the name is not asked for a new channel all the time
CHANNEL_RENEW_SHARE = 0.75  # OPC 10000-4, 5.5.2.1: renew after 75 % of the lifetime

HEARTBEAT_PUBLISH_MS = 500
KEEP_ALIVE = 5.0  # silence after which an idle subscription speaks
SUBSCRIPTION_LIFE = 60.0  # an abandoned subscription dies with its session
SILENCE_PER_INTERVAL = 2.5  # silence allowed, in publishing intervals of a server that publishes slowly

PAUSE_MIN, PAUSE_BASE, PAUSE_MAX = 0.5, 1.0, 4.0  # back-off between two attempts, full jitter
PAUSE_REFUSED = 1.0  # at most, where the machine answers that nobody listens: asking costs the server nothing
SETTLED = 10.0  # a connection that lived this long starts the back-off anew
FAILED_ITEM_RETRY = 60.0  # a node that was unknown may have been added since
SWEEP = 5.0  # between two looks at whether a server's deadband holds values back that it should send

T = TypeVar("T")


async def bounded(seconds: float, work: Awaitable[T]) -> T:
    """The result of ``work``; TimeoutError when it takes longer, CancelledError only when the caller is cancelled.

    It runs in a task of its own. Inside the library a cancellation that meets an answer is swallowed (``wait_for`` of
    Python 3.11) or comes out as another exception (``wait_for2``), which ``asyncio.timeout`` does not take for its own:
    on a busy machine a deadline would then end the driver instead of the call.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except BaseException:
        _drop(task)
        raise
    if not done:
        _drop(task)
        raise TimeoutError
    if task.cancelled():
        raise ConnectionError("the library broke it off")
    return task.result()


async def within(seconds: float, work: Awaitable[T], what: str) -> T:
    """The result of ``work``, or ``SourceLost`` saying that ``what`` took longer than ``seconds``."""
    try:
        return await bounded(seconds, work)
    except TimeoutError as error:
        raise SourceLost(f"the process server did not answer within {seconds:g} s while {what}") from error


def _drop(task: asyncio.Future[Any]) -> None:
    task.cancel()
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody else will ask
