"""Look around at a configured source: connect as the agent would, but with nothing to watch and nothing to change."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Protocol, cast

import msgspec

from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.config_file import AnySource
from relay_bridge.agent.drivers import build_driver
from relay_bridge.agent.drivers.abilities import BrowsingDriver, FoundNode
from relay_bridge.agent.drivers.base import DEGRADED, DOWN, OK, Driver
from relay_bridge.agent.errors import ConfigError
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import SourceState
from relay_bridge.contract.readings import Reading

CONNECT_DEADLINE = 10.0  # seconds for a source to come up
MOST = 50_000  # nodes: ten times what one agent may serve
DEADLINE = 120.0  # seconds


class _Listening:
    """A sink that waits for the source to come up."""

    def __init__(self) -> None:
        self.state = SourceState(DOWN, 0, "")
        self.up = asyncio.Event()

    def put(self, tag: str, reading: Reading) -> None:
        """Nothing is watched."""

    def source_state(self, source: str, state: SourceState) -> None:
        self.state = state
        if state.code in {OK, DEGRADED}:
            self.up.set()


class Browsing(Driver, BrowsingDriver, Protocol):
    """A driver that can be asked what there is."""


@dataclass(frozen=True)
class Found:
    """What there is. ``trouble``: why this is not all, a sentence; ``seconds``: how long the looking took."""

    nodes: list[FoundNode]
    trouble: str = ""
    seconds: float = 0.0


def source_named(config: SiteConfig, name: str) -> AnySource:
    """The [[source]] with this id. ``ConfigError``."""
    for source in config.sources:
        if source.id == name:
            return source
    known = ", ".join(source.id for source in config.sources)
    raise ConfigError(f'There is no [[source]] with id = "{name[:40]}"; known are: {known}.')


def driver_for(config: SiteConfig, source: AnySource) -> Driver:
    """A driver that only looks: the code that could change anything is not loaded for it."""
    site = msgspec.structs.replace(config.site, allow_writes=False, allow_ack=False)
    return build_driver(source, replace(config, tags=(), site=site))


async def look_around(driver: Driver, root: str | None, *, most: int = MOST, deadline: float = DEADLINE) -> Found:
    """Everything below ``root``. ``ConfigError`` in one sentence when there is nobody to ask."""
    source = driver.source
    if "browse" not in driver.capabilities:
        raise ConfigError(f'[[source]] "{source}": sources of its kind cannot be browsed; import a list of tags (CSV).')
    async with _running(driver) as trouble:
        if trouble:
            raise ConfigError(f'[[source]] "{source}": not reachable within {CONNECT_DEADLINE:.0f} s{trouble}.')
        began = time.monotonic()
        nodes: list[FoundNode] = []
        said = ""
        try:
            async with asyncio.timeout(deadline + 5.0):  # the driver keeps its deadline; this holds even if it does not
                async for node in cast(Browsing, driver).browse(root, most=most, deadline=deadline):
                    nodes.append(node)
        except RequestRefused as refusal:
            if not nodes:
                raise ConfigError(f'[[source]] "{source}": {refusal.message}') from None
            said = refusal.message
        except TimeoutError:
            said = f"Looking around took longer than {deadline:.0f} s."
        if len(nodes) >= most:
            said = said or f"There are {most} or more; name a root further down to see the others."
        return Found(nodes, said, time.monotonic() - began)


@contextlib.asynccontextmanager
async def _running(driver: Driver) -> AsyncIterator[str]:
    """The driver at work; yields why it is not there, or nothing."""
    sink = _Listening()
    running = asyncio.create_task(driver.run(sink))
    coming_up = asyncio.create_task(sink.up.wait())
    try:
        await asyncio.wait({running, coming_up}, timeout=CONNECT_DEADLINE, return_when=asyncio.FIRST_COMPLETED)
        yield "" if sink.up.is_set() else f": {sink.state.reason or 'no answer'}"
    finally:
        coming_up.cancel()
        running.cancel()
        await asyncio.wait({running, coming_up}, timeout=CONNECT_DEADLINE)
        if running.done() and not running.cancelled():
            running.exception()  # seen: what it had to say was said by the source's state
