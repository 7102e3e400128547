"""Nothing is awaited without an end."""

from __future__ import annotations

import asyncio

import pytest

from relay_bridge.agent.drivers.opcua.deadlines import bounded, within
from relay_bridge.agent.drivers.opcua.problems import SourceLost


async def test_what_takes_too_long_is_lost_with_the_reason():
    with pytest.raises(SourceLost, match=r"did not answer within 0\.01 s while reading"):
        await within(0.01, asyncio.Event().wait(), "reading")


async def test_what_comes_in_time_comes_through():
    assert await within(1.0, asyncio.sleep(0, "value"), "reading") == "value"


class _AnswerWithCancellation(asyncio.CancelledError):
    """As wait_for2 raises it, when a cancellation meets the answer that was waited for."""


async def _answered_while_cancelled():
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise _AnswerWithCancellation from None


async def _swallows_its_cancellation():
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0)


@pytest.mark.parametrize("work", [_answered_while_cancelled, _swallows_its_cancellation])
async def test_a_deadline_stays_a_deadline_whatever_the_library_makes_of_the_cancellation(work):
    with pytest.raises(SourceLost, match="did not answer"):
        await within(0.01, work(), "reading")


@pytest.mark.parametrize("work", [_answered_while_cancelled, _swallows_its_cancellation])
async def test_a_cancellation_of_the_caller_is_never_swallowed(work):
    task = asyncio.create_task(within(5.0, work(), "reading"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_what_the_library_breaks_off_by_itself_is_no_cancellation_of_ours():
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    with pytest.raises(ConnectionError):
        await bounded(1.0, future)


async def test_an_error_of_the_work_comes_through():
    async def broken():
        raise KeyError("x")

    with pytest.raises(KeyError):
        await bounded(1.0, broken())
