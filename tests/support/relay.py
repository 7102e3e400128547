"""A real relay with its management port, in the test's own event loop or, for tests without one, beside it."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings

from hmi.bridge_settings import ManagementSettings
from relay_bridge.emulator.management.config import ManagementConfig
from relay_bridge.emulator.namespace import EmulatorConfig
from relay_bridge.emulator.server import RelayEmulator

DEADLINE = 20.0  # seconds for anything that is asked of the relay's thread
_T = TypeVar("_T")


def managed_relay(folder: Path, port: int = 0, **options: Any) -> RelayEmulator:
    """A relay that keeps its token and what is made over its management port in ``folder``; not started yet."""
    folder.mkdir(parents=True, exist_ok=True)
    management = ManagementConfig(token_file=folder / "relay.token", state_file=folder / "relay.json")
    return RelayEmulator(EmulatorConfig(), port=port, management=management, **options)


def use_relay(relay: RelayEmulator, folder: Path) -> None:
    """The web app of this test provisions at ``relay``. Call from a test whose fixtures put the settings back."""
    named = ManagementSettings("local", relay.management_url, folder / "relay.token")
    settings.SIGHTLINE = dataclasses.replace(settings.SIGHTLINE, relay_management=named)


@asynccontextmanager
async def running_relay(folder: Path, **options: Any) -> AsyncIterator[RelayEmulator]:
    """A relay in this event loop, and the web app told of it."""
    async with managed_relay(folder, **options) as relay:
        use_relay(relay, folder)
        yield relay


class RelayThread:
    """An event loop in a thread of its own, for tests that block while the relay answers."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test relay", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE)

    def start(self, folder: Path, **options: Any) -> RelayEmulator:
        async def begin() -> RelayEmulator:
            relay = managed_relay(folder, **options)
            await relay.start()
            return relay

        return self.run(begin())

    def stop(self, relay: RelayEmulator) -> None:
        self.run(relay.stop())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()
