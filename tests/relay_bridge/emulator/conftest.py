"""A relay on a free port, whose clock the test holds still.

``SIGHTLINE_LOOP=uvloop`` runs these tests on the event loop that the program itself takes where it is installed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable

import pytest

from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.raw_peers import Exchange, HttpPeer, RawListener
from tests.relay_bridge.emulator.support import CONFIG


@pytest.fixture
async def emulator() -> AsyncIterator[RelayEmulator]:
    async with RelayEmulator(CONFIG) as running:
        yield running


if os.environ.get("SIGHTLINE_LOOP") == "uvloop":

    def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
        import uvloop  # noqa: PLC0415 - not on every machine

        return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def exchange(emulator: RelayEmulator) -> AsyncIterator[Exchange]:
    listener, sender = await RawListener.open(emulator), await HttpPeer.open(emulator)
    yield Exchange(emulator, listener, sender)
    listener.close()
    sender.close()
