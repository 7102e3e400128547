"""A write at a real OPC UA server (the simulated plant): range and right are asked for, and it is done once."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.check import check
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.config import load_config
from relay_bridge.simulator.server import PlantServer
from tests.relay_bridge.agent.acting.support import OPEN_HEAD, Bench, write
from tests.relay_bridge.agent.support import SiteFolder

TAGS = """
[[source]]
id = "main"
kind = "opcua"
url = "{url}"
security = "None"
allow_insecure = true
publish_ms = 100
[[tag]]
id = "P-101.sp"
source = "main"
area = "North farm"
node = "nsu=urn:sightline:tank-farm;s=P-101.Setpoint"
[[tag]]
id = "P-101.flow"
source = "main"
node = "nsu=urn:sightline:tank-farm;s=P-101.Flow"
"""
ENTRY = '[[write]]\ntag = "{tag}"\ntype = "double"\nmin = 0\nmax = {high}\nstep = 0.5\nmin_interval_s = 0\n'


async def test_setpoint_of_a_real_server(site: SiteFolder) -> None:
    async with PlantServer() as plant:
        site.configure(
            TAGS.format(url=plant.url),
            ENTRY.format(tag="P-101.sp", high=120),
            ENTRY.format(tag="P-101.flow", high=120),  # which nobody may write there
            head=OPEN_HEAD,
        )
        agent = SiteAgent(load_config(site.toml))
        assert agent.site.acting is not None
        built = Bench(agent, Clock())
        running = asyncio.create_task(agent.run())
        try:
            async with asyncio.timeout(15):
                while (row := agent.site.catalog.row("P-101.sp")) is None or row.w is None:
                    await asyncio.sleep(0.05)
            flow = agent.site.acting.openings.writes["P-101.flow"]
            async with asyncio.timeout(5):
                while "may not write" not in agent.site.acting.openings.reason(flow):
                    await asyncio.sleep(0.05)
            (before,) = (await agent.drivers["main"].read(["P-101.sp"], 2.0)).values()
            request = write(built.clock, v=80.5, exp=before.value, unit=row.unit)
            answer = await built.write(request)
            assert (answer.res, answer.after) == ("done", 80.5), answer
            assert await built.write(request) == answer
            beyond = await built.write(v=70.0, exp=before.value, unit=row.unit)
            assert (beyond.res, beyond.c, beyond.before) == ("refused", "expected", 80.5)
        finally:
            agent.stop()
            await running


async def test_entry_beyond_the_servers_range_is_closed(site: SiteFolder) -> None:
    async with PlantServer() as plant:
        site.configure(TAGS.format(url=plant.url), ENTRY.format(tag="P-101.sp", high=121), head=OPEN_HEAD)
        out = io.StringIO()
        assert await check(site.toml, out) == [
            '[[write]] "P-101.sp": 121 is outside the range of the source, 0 to 120.'
        ]  # fmt: skip


async def test_the_demos_pump_is_stopped_and_started_by_its_commands(site: SiteFolder) -> None:
    farm = Path(__file__).parents[4] / "hmi" / "demo" / "tank_farm.toml"
    async with PlantServer() as plant:
        site.configure(farm.read_text(encoding="utf-8").replace("@PLANT_URL@", plant.url), head=OPEN_HEAD)
        agent = SiteAgent(load_config(site.toml))
        assert agent.site.acting is not None
        built = Bench(agent, Clock())
        running = asyncio.create_task(agent.run())
        try:
            openings = agent.site.acting.openings
            async with asyncio.timeout(15):
                while any(map(openings.reason, (*openings.writes.values(), *openings.commands.values()))):
                    await asyncio.sleep(0.05)
            rows = {row.id: (row.name, row.expect_tag, row.expect) for row in openings.rows()}
            assert rows == {"P-101.start": ("Start", "P-101.run", False), "P-101.stop": ("Stop", "P-101.run", True)}
            stopped = await built.cmd(id="P-101.stop", exp=True)
            assert (stopped.res, stopped.before, stopped.after) == ("done", True, False), stopped
            started = await built.cmd(id="P-101.start", exp=False)
            assert (started.res, started.after) == ("done", True), started
        finally:
            agent.stop()
            await running
