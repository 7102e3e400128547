"""A site that may be changed, without a relay: its Acting in this process, a memory source, a clock, and wishes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec

from relay_bridge.agent.admission import Admitted
from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.contract.acting import ActAnswer, Cmd, Write
from relay_bridge.contract.audit import AuditEvent
from relay_bridge.contract.authorization_details import WriteDetail
from tests.relay_bridge.agent.support import HEAD, ManualClock, SiteFolder

ANN, BOB = "ann-7b0f", "bob-51aa"
OPEN_HEAD = HEAD.replace('id = "north"', 'id = "north"\nallow_writes = true', 1)
PLANT = """
[[source]]
id = "main"
kind = "memory"
[source.values]
"P-101.sp" = 60.0
"P-101.mode" = 1
"P-101.run" = false
"P-101.lamp" = false
"P-101.grade" = "A"
"P-101.other" = 5.0

[[tag]]
id = "P-101.sp"
source = "main"
area = "North farm"
unit = "%"
decimals = 2
[[tag]]
id = "P-101.mode"
source = "main"
[[tag]]
id = "P-101.run"
source = "main"
kind = "bool"
[[tag]]
id = "P-101.lamp"
source = "main"
kind = "bool"
[[tag]]
id = "P-101.grade"
source = "main"
kind = "text"
[[tag]]
id = "P-101.other"
source = "main"
unit = "%"
"""
WRITES = """
[[write]]
tag = "P-101.sp"
type = "double"
min = 20.0
max = 110.0
step = 0.5
max_step = 15.0
tolerance = 0.05
min_interval_s = 5
settle_s = 0.3
interlock = [ { tag = "P-101.mode", equals = 1 } ]

[[write]]
tag = "P-101.mode"
type = "int16"
choices = [0, 1, 2]
confirm = "pin"
settle_s = 0

[[write]]
tag = "P-101.lamp"
type = "boolean"
confirm = "two_person"
settle_s = 0

[[write]]
tag = "P-101.grade"
type = "string"
choices = ["A", "B"]
settle_s = 0

[[command]]
id = "P-101.start"
node = "nsu=urn:plant;s=P-101"
method = "P-101.run=true"
expect = { tag = "P-101.run", equals = false }
settle_s = 0

[[command]]
id = "P-101.stop"
node = "nsu=urn:plant;s=P-101"
method = "P-101.run=false"
expect = { tag = "P-101.run", equals = true }
settle_s = 0
"""
UNITS = {"P-101.sp": "%"}


def new_key() -> str:
    return secrets.token_urlsafe(16)


def write(clock: Clock, **other: Any) -> Write:
    values: dict[str, Any] = {"tag": "P-101.sp", "v": 70.0, "exp": 60.0, "key": new_key(), "t": clock.wall_ms()}
    values |= other
    return Write(**({"unit": UNITS.get(values["tag"], "")} | values))


def cmd(clock: Clock, **other: Any) -> Cmd:
    return Cmd(**({"id": "P-101.start", "exp": False, "key": new_key(), "t": clock.wall_ms()} | other))


def admitted(request: Write | Cmd, clock: Clock, *, sub: str = ANN, **other: Any) -> Admitted:
    """What admission makes of a token for exactly this request; ``other`` replaces fields of its detail."""
    now = int(clock.wall())
    if isinstance(request, Write):
        detail = WriteDetail("setpoint", request.tag, request.v, request.unit, request.exp, now + 20)
        scope = "setpoint:write"
    else:
        detail = WriteDetail("command", request.id, True, "", request.exp, now + 20)
        scope = "command:execute"
    fields = {name: other.pop(name) for name in tuple(other) if name in WriteDetail.__struct_fields__}
    detail = WriteDetail(**{name: getattr(detail, name) for name in WriteDetail.__struct_fields__} | fields)
    found = Admitted(frozenset({scope}), now + 30, "grant-1", 1, sub, "k1", detail, "mfa", now - 10)
    return replace(found, **other)


class Bench:
    """A site's acting, its source and its clock."""

    def __init__(self, agent: SiteAgent, clock: Clock) -> None:
        self.agent = agent
        self.clock = clock
        self.site = agent.site
        assert agent.site.acting is not None
        self.acting = agent.site.acting

    @property
    def driver(self) -> MemoryDriver:
        driver = self.agent.drivers["main"]
        assert isinstance(driver, MemoryDriver)
        return driver

    async def write(self, request: Write | None = None, **other: Any) -> ActAnswer:
        """``request``, or one made of ``other``, under a token for exactly it."""
        request = request or write(self.clock, **other)
        return await self.acting.write(request, admitted(request, self.clock), "session")

    async def cmd(self, request: Cmd | None = None, **other: Any) -> ActAnswer:
        request = request or cmd(self.clock, **other)
        return await self.acting.cmd(request, admitted(request, self.clock), "session")


@asynccontextmanager
async def bench(
    folder: SiteFolder, *parts: str, clock: Clock | None = None, drivers: Any = None, ready: bool = True
) -> AsyncIterator[Bench]:
    """A site with its files open and its source up; nothing of it runs but what a test starts."""
    folder.configure(*(parts or (PLANT, WRITES)), head=OPEN_HEAD)
    agent = SiteAgent(load_config(folder.toml), drivers, clock=clock or ManualClock())
    built = Bench(agent, agent.site.clock)
    agent.site.journal.open()
    await built.acting.open()
    running = [asyncio.create_task(driver.run(agent.site.subscriptions)) for driver in agent.drivers.values()]
    await asyncio.sleep(0)
    if ready:
        await built.acting.openings.look()
    try:
        yield built
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await built.acting.close()
        agent.site.journal.close()


def events(folder: SiteFolder) -> list[tuple[str, str]]:
    """Tag and reason of what the journal holds about acting, in order."""
    found = []
    for path in sorted((folder.folder / "audit").glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            event = msgspec.json.decode(line, type=AuditEvent)
            if event.tag.startswith(("agent:write:", "agent:command:")):
                found.append((event.tag, event.reason))
    return found


async def stored(built: Bench, key: str) -> ActAnswer | None:
    """What is kept under a key; None also stands for nothing."""
    return await built.acting.outcome(ANN, key)


async def until_effect(built: Bench) -> None:
    async with asyncio.timeout(5):
        while not built.driver.effects:
            await asyncio.sleep(0.001)
