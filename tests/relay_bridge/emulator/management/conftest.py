"""A relay with a management port on free ports, its files below the test's own directory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.management.support import DECLARED, Plane, config_in


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with RelayEmulator(DECLARED, management=config_in(tmp_path)) as relay:
        yield Plane(relay, tmp_path)
