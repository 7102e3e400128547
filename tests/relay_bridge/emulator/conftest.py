"""A relay on a free port, whose clock the test holds still."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.support import CONFIG


@pytest.fixture
async def emulator() -> AsyncIterator[RelayEmulator]:
    async with RelayEmulator(CONFIG) as running:
        yield running
