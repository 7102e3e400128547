"""A relay on a free port, listeners that end with the test, and two identities that pinned each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.relay_bridge.transport.support import CONFIG, Parties, Relay, make_parties


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with Relay(CONFIG) as running:
        yield running


@pytest.fixture(scope="session")
def parties(tmp_path_factory) -> Parties:
    return make_parties(tmp_path_factory.mktemp("parties"))


@pytest.fixture(autouse=True)
async def no_task_is_left_behind() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    async with asyncio.timeout(5):
        while left := {t for t in asyncio.all_tasks() - before if t is not asyncio.current_task()}:
            await asyncio.wait(left)
