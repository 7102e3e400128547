"""A process server that was killed and is back: how long until an operator has good values again.

The server is killed as a crash does it and started again on the same port. Measured is from the moment at which it
takes connections to the first good value of its new life at the measuring process, and until all are good; and at the
other end, from the kill to the word that the source is down.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from benchmarks.agent_place import AgentPlace, subscribe, tag_names, tanks_for, until
from benchmarks.agent_stream import PUSH, Watching
from benchmarks.figures import Spread
from benchmarks.programs import free_port
from benchmarks.sizes import Size
from tests.support.opcua_node import FarmServer

MOST = 200  # items
BACK = 60.0  # seconds


@dataclass(frozen=True)
class ReturnFigure:
    """Seconds. ``away``: from the kill until the server took connections again."""

    items: int
    times: int
    told: Spread
    away: Spread
    first: Spread
    all: Spread


async def measure(place: AgentPlace, size: Size) -> ReturnFigure:
    items = min(MOST, max(size.agent_items))
    tags = tag_names(items)
    options = {"tanks": tanks_for(items), "change_ms": 1000, "port": free_port()}
    told, away, first, everything = [], [], [], []
    farm = place.farm(**options)
    await farm.__aenter__()
    try:
        place.configure(farm.url, tags)
        async with place.agent(), place.session() as (web_app, handle):
            watching = Watching()
            watching.names = await subscribe(web_app, handle, tags, PUSH)
            receiving = asyncio.create_task(watching.receive(place, web_app, handle))
            try:
                await until(lambda: len(watching.newest) == items, BACK, "every item")
                for _ in range(size.agent_returns):
                    killed = time.monotonic()
                    await farm.kill()
                    await until(lambda: watching.source_code == 2, BACK, "the word that the source is down")
                    told.append(time.monotonic() - killed)
                    farm = FarmServer(farm.folder, **options)
                    await farm.__aenter__()
                    began = time.monotonic()
                    away.append(began - killed)
                    watching.forget(time.time() * 1000)
                    await until(lambda: bool(watching.newest), BACK, "a good value")
                    first.append(time.monotonic() - began)
                    await until(lambda: len(watching.newest) == items, BACK, "every item again")
                    everything.append(time.monotonic() - began)
                    await until(lambda: watching.source_code == 0, BACK, "the word that the source is back")
                    await asyncio.sleep(size.settle_seconds)
            finally:
                receiving.cancel()
                await asyncio.gather(receiving, return_exceptions=True)
    finally:
        await farm.__aexit__()
    spreads = (Spread.of(values) for values in (told, away, first, everything))
    return ReturnFigure(items, size.agent_returns, *spreads)
