"""How long the OPC UA driver waits for what, in seconds unless the name says otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from relay_bridge.agent.drivers.opcua.problems import SourceLost

SOCKET_DEADLINE = 3.0  # name lookup and TCP
HELLO_DEADLINE = 2.0  # a frozen process still gets its TCP connections accepted; only the hello tells
REQUEST_DEADLINE = 4.0  # one service call
CLOSE_DEADLINE = 1.0  # a polite goodbye; then the client object is abandoned
TASKS_DEADLINE = 1.0  # for our own tasks to end after being cancelled
SESSION_TIMEOUT_MS = 60_000  # an orphaned session must not fill a server with five of them for an hour
CHANNEL_LIFETIME_MS = 3_600_000
CHANNEL_RENEW_SHARE = 0.75  # OPC 10000-4, 5.5.2.1: renew after 75 % of the lifetime

HEARTBEAT_PUBLISH_MS = 500
KEEP_ALIVE = 5.0  # silence after which an idle subscription speaks
SUBSCRIPTION_LIFE = 60.0  # an abandoned subscription dies with its session
SILENCE_PER_INTERVAL = 2.5  # silence allowed, in publishing intervals of a server that publishes slowly

PAUSE_MIN, PAUSE_BASE, PAUSE_MAX = 0.5, 1.0, 4.0  # back-off between two attempts, full jitter
SETTLED = 10.0  # a connection that lived this long starts the back-off anew
FAILED_ITEM_RETRY = 60.0  # a node that was unknown may have been added since
SWEEP = 5.0  # between two looks at whether a server's deadband holds values back that it should send
CLOCK_TOLERANCE = 5.0  # display rules, 3.4: beyond it a clock warning instead of a false age

T = TypeVar("T")


async def within(seconds: float, work: Awaitable[T], what: str) -> T:
    """The result of ``work``, or ``SourceLost`` saying that ``what`` took longer than ``seconds``."""
    try:
        async with asyncio.timeout(seconds):
            result = await work
    except TimeoutError as error:
        raise SourceLost(f"the process server did not answer within {seconds:g} s while {what}") from error
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        # asyncio.wait_for of Python 3.11, used inside the library, can swallow a cancellation: nobody would ever stop.
        raise asyncio.CancelledError
    return result
