"""Nothing is awaited without an end."""

from __future__ import annotations

import asyncio

import pytest

from relay_bridge.agent.drivers.opcua.deadlines import within
from relay_bridge.agent.drivers.opcua.problems import SourceLost


async def test_what_takes_too_long_is_lost_with_the_reason():
    with pytest.raises(SourceLost, match=r"did not answer within 0\.01 s while reading"):
        await within(0.01, asyncio.Event().wait(), "reading")


async def test_what_comes_in_time_comes_through():
    assert await within(1.0, asyncio.sleep(0, "value"), "reading") == "value"
