"""A provisioned site that runs in the test's own loop: the real relay emulator, the real agent, a source in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from hmi.sites.access import SiteAccess, aget_site_for
from hmi.sites.models import Site
from hmi.sites.provisioning import SitePlan, provision_site
from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.config import load_config as load_site
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.emulator.server import RelayEmulator
from tests.hmi.sites.people import give
from tests.support.relay import running_relay

ONLINE_DEADLINE = 10.0  # seconds
TANKS = """
[[source]]
id = "main"
kind = "memory"
values = { "TK-101.level" = 12.345, "TK-101.flow" = 180.0, "TK-102.level" = 3.5 }

[[tank]]
id = "TK-101"
source = "main"
area = "North farm"
map = { level = "Level", flow = "Flow" }
limits = { l = 1.0, h = 13.0, hh = 14.0 }

[[tank]]
id = "TK-102"
source = "main"
area = "South farm"
map = { level = "Level" }
"""


class RunningSite:
    """``stop_agent`` and ``start_agent`` at will; what is running is stopped when ``run_site`` is left."""

    def __init__(self, site: Site, folder: Path, relay: RelayEmulator) -> None:
        self.site = site
        self.folder = folder
        self.relay = relay
        self.agent: SiteAgent | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def source(self) -> MemoryDriver:
        assert self.agent is not None
        driver = self.agent.drivers["main"]
        assert isinstance(driver, MemoryDriver)
        return driver

    async def start_agent(self, **options: Any) -> None:
        self.agent = SiteAgent(load_site(self.folder / "site.toml"), **options)
        self._task = asyncio.create_task(self.agent.run())
        async with asyncio.timeout(ONLINE_DEADLINE):
            await self.agent.uplink.wait_online()

    async def stop_agent(self) -> None:
        if self.agent is not None and self._task is not None:
            self.agent.stop()
            await self._task
        self.agent = self._task = None


@asynccontextmanager
async def run_relay(**options: Any) -> AsyncIterator[RelayEmulator]:
    async with running_relay(settings.SIGHTLINE.state_dir.parent / "relay", **options) as relay:
        yield relay


@asynccontextmanager
async def run_site(
    relay: RelayEmulator, folder: Path, slug: str = "north", tags: str = TANKS, **options: Any
) -> AsyncIterator[RunningSite]:
    """Provision ``slug`` at ``relay`` and start its agent; ``options`` go to ``SiteAgent``."""
    plan = SitePlan(slug, f"{slug.title()} Terminal", folder / f"agent-{slug}")
    made = await sync_to_async(provision_site)(plan, timezone.now())
    made.site_file.write_text(made.site_file.read_text() + tags)
    running = RunningSite(made.site, plan.out, relay)
    await running.start_agent(**options)
    try:
        yield running
    finally:
        await running.stop_agent()


async def access_of(user: Any, running: RunningSite, role: str = "viewer") -> SiteAccess:
    await sync_to_async(give)(user, role, running.site)
    return await aget_site_for(user, running.site.slug)


def sessions(running: RunningSite) -> int:
    assert running.agent is not None
    return running.agent.uplink.sessions


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)
