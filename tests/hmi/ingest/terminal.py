"""A real site on loopback: relay, agent and a source in memory, provisioned through the web app's own code."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async

from hmi.sites.models import Site
from hmi.sites.provisioning import SitePlan, provision_site
from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.config import load_config
from relay_bridge.contract.readings import GOOD, Value
from relay_bridge.emulator.server import RelayEmulator
from tests.support.relay import managed_relay, use_relay

SOURCE = """
[[source]]
id = "main"
kind = "memory"
[source.values]
"""
VALUES = """
"TK-%(number)d.level" = %(level).1f
"TK-%(number)d.flow" = 100.0
"""
LEVELS = {101: 12.5, 102: 5.0, 103: 13.5}  # m; TK-103 is above its high limit
TANK = """
[[tank]]
id = "TK-%d"
source = "main"
area = "North farm"
map = { level = "Level", flow = "Flow" }
limits = { ll = 0.5, l = 1.0, h = 13.0, hh = 14.0 }

"""


class Terminal:
    """``start`` provisions and starts everything; agent and relay can be stopped and started again, each alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._agent_task: asyncio.Task[None] | None = None
        self.relay: RelayEmulator
        self.agent: SiteAgent
        self.site: Site
        self.tanks = [101, 102]
        self.lease = 30.0  # seconds
        self.heartbeat = 1.0  # seconds
        self.alarms = False  # of the limits, and people may act on them

    async def start(self, slug: str = "north") -> None:
        self.relay = managed_relay(self._folder)
        await self.relay.start()
        use_relay(self.relay, self._folder)
        self.port = self.relay.port
        plan = SitePlan(slug, "North Terminal", self._folder / "site", "Europe/Oslo")
        provisioned = await sync_to_async(provision_site)(plan, dt.datetime.now(dt.UTC))
        self.site = provisioned.site
        self._site_file = provisioned.site_file
        self._head = self._site_file.read_text()
        await self.start_agent()

    async def start_agent(self) -> None:
        values = "".join(VALUES % {"number": number, "level": LEVELS[number]} for number in self.tanks)
        tanks = "".join(TANK % number for number in self.tanks)
        head, source = self._head, SOURCE
        if self.alarms:
            head = head.replace("allow_ack = false", "allow_ack = true")
            source = source.replace('kind = "memory"', 'kind = "memory"\nalarms = "limits"')
        self._site_file.write_text(head + source + values + tanks)
        self.agent = SiteAgent(load_config(self._site_file), lease=self.lease, heartbeat=self.heartbeat)
        self._agent_task = asyncio.create_task(self.agent.run())
        await self.agent.uplink.wait_online()

    async def stop_agent(self) -> None:
        """In good order: sessions get a bye."""
        self.agent.stop()
        if self._agent_task is not None:
            await self._agent_task
            self._agent_task = None

    async def stop_relay(self) -> None:
        await self.relay.stop()

    async def start_relay(self) -> None:
        self.relay = managed_relay(self._folder, self.port)
        await self.relay.start()

    async def stop(self) -> None:
        if self._agent_task is not None:
            self._agent_task.cancel()
            await asyncio.gather(self._agent_task, return_exceptions=True)
        await self.relay.stop()

    def set(self, tag: str, value: Value, quality: int = GOOD) -> None:
        self._driver.set(tag, value, quality)

    @property
    def _driver(self) -> Any:
        return self.agent.drivers["main"]

    @property
    def streaming(self) -> int:
        """How many tags the agent streams to anybody; what it records for itself does not count."""
        site = self.agent.site
        return sum(bool(watchers - {site.recorder}) for watchers in site.subscriptions._watchers.values())
