"""What a number of configured tags costs at rest: memory, the time of a start, the time of ``sightline-site check``.

The server has all tags and none of them changes. *Start* is from the program's start until it listens at the relay,
*source* until a session hears that the source is there, which is when the agent has connected and read what is watched.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from benchmarks.agent_place import AgentPlace, tag_names, tanks_for
from benchmarks.programs import BenchError, Program
from benchmarks.sizes import Size
from relay_bridge.contract.messages import Heartbeat
from tests.relay_bridge.agent.support import WebApp

SOURCE_THERE = 60.0  # seconds
CHECKED = 120.0  # seconds
BUSY = 0.05  # seconds of CPU between two looks: more than an agent at rest needs
STILL = 3_600_000  # ms between two changes: none while anybody looks


@dataclass(frozen=True)
class TagsFigure:
    """``memory`` in MiB at rest, with every tag described; times in seconds. ``findings``: of the check; 0 is well."""

    tags: int
    start: float
    source: float
    memory: float
    check: float
    printed: int
    findings: int


async def measure(place: AgentPlace, size: Size) -> list[TagsFigure]:
    async with place.farm(tanks=tanks_for(max(size.agent_tags)), change_ms=STILL) as farm:
        rows = []
        for tags in size.agent_tags:
            place.configure(farm.url, tag_names(tags))
            rows.append(await _measure(place, tags, size))
        return rows


async def _measure(place: AgentPlace, tags: int, size: Size) -> TagsFigure:
    began = time.monotonic()
    async with place.agent() as agent:
        start = time.monotonic() - began
        async with place.session() as (web_app, _):
            async with asyncio.timeout(SOURCE_THERE):
                await _source_there(web_app)
            source = time.monotonic() - began
            await _at_rest(agent, size)
            memory = agent.memory
    check, printed, findings = await _check(place)
    return TagsFigure(tags, start, source, memory, check, printed, findings)


async def _source_there(web_app: WebApp) -> None:
    while True:
        push = await web_app.next_push(Heartbeat)
        if push.src.get("main") is not None and push.src["main"].code == 0:
            return


async def _at_rest(agent: Program, size: Size) -> None:
    """Until it has nothing more to do, such as describing its tags."""
    before = -1.0
    while (now := agent.cpu) - before > BUSY:
        before = now
        await asyncio.sleep(max(0.5, size.settle_seconds))


async def _check(place: AgentPlace) -> tuple[float, int, int]:
    """Seconds, printed tags, findings."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *place.run_check(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(CHECKED):
        out, complaints = await process.communicate()
    took = time.monotonic() - began
    if process.returncode not in {0, 1}:
        raise BenchError(f"sightline-site check ended with {process.returncode}: {complaints.decode()[-300:]}")
    printed = sum(line.startswith(b"  TK-") for line in out.splitlines())
    findings = len([line for line in complaints.splitlines() if line.startswith(b"sightline-site: ")])
    return took, printed, findings if process.returncode else 0
