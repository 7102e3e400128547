"""Changing items of a real OPC UA server through the agent to a session: CPU, age, and whether anything is lost.

Items change every ``PERIOD`` ms, so that server and subscription drift past each other and no lucky or unlucky phase is
measured. Age is from the source's own time to the arrival of the sealed push at the measuring process, both clocks
being this machine's; pushes go once in ``PUSH`` ms. A value that a newer one overtook on its way is not sent, by
design. At the end the server stands still, and what arrived last must be what the server holds, for every item.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.agent_place import AgentPlace, subscribe, tag_names, tanks_for, until
from benchmarks.figures import Spread, percentile
from benchmarks.programs import BenchError, Program
from benchmarks.sizes import Size
from relay_bridge.contract.codec import decode_from_agent, encode, parse_update_item
from relay_bridge.contract.messages import Answer, Auth, Bye, Credit, Delta, Heartbeat, Push, Snapshot
from relay_bridge.contract.readings import Value
from tests.relay_bridge.agent.support import WebApp
from tests.support.opcua_node import FarmServer

PERIOD = 900  # ms between two changes of an item
PUSH = 250  # ms between two pushes, the fastest that anybody may ask for
RENEW = 10.0  # seconds between two presentations of a token: the lease is 30
HOLD = "hold.js"  # of tests/support/opcua_node
DECIMALS = 3  # of every tag, as configured
LAST_WORD = 10.0  # seconds for the last values to arrive
ALL_THERE = 30.0  # seconds until every item has come once


@dataclass(frozen=True)
class StreamFigure:
    """Ages in ms. ``due`` and ``came``: changes of the server and values that arrived. ``cpu``: of one core."""

    rate: int
    items: int
    publish: int
    ring: bool
    p50: Spread
    p99: Spread
    cpu: float
    relay_cpu: float
    memory: float
    due: int
    came: int
    wrong: int  # items whose last value here is not the server's
    kib: float  # a second, of pushes


class Watching:
    """What a receiver has: the newest value of every tag, and how old each was when it came (ms)."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.newest: dict[str, Value] = {}
        self.ages: list[float] = []
        self.bytes = 0
        self.source_code = 2
        self._since = 0.0  # epoch ms: values from before count for nothing

    def forget(self, since: float) -> None:
        """Begin anew with values that the source took at ``since`` (epoch ms) or later."""
        self.newest.clear()
        self._since = since

    async def receive(self, place: AgentPlace, web_app: WebApp, handle: int) -> None:
        """Take pushes, say so, and keep the lease; until cancelled."""
        presented = time.monotonic()
        for push in web_app.pushes:  # those that came between the answers
            await self._take(push, web_app)
        while True:
            data = await web_app.channel.receive()
            self.bytes += len(data)
            message = decode_from_agent(data)
            if not isinstance(message, Answer):
                await self._take(message, web_app)
            if time.monotonic() - presented > RENEW:
                presented = time.monotonic()
                await web_app.send_request("auth", Auth(token=place.token(), a=handle))

    async def _take(self, push: Push, web_app: WebApp) -> None:
        if isinstance(push, Bye):
            raise BenchError(f"the agent ended the stream: {push.why}")
        if isinstance(push, Heartbeat) and "main" in push.src:
            self.source_code = push.src["main"].code
        if not isinstance(push, Snapshot | Delta):
            return
        now = time.time() * 1000
        for item in push.d:
            number, reading = parse_update_item(item, push.t)
            self.ages.append(now - reading.time)
            if reading.quality_class == "good" and reading.time >= self._since:
                self.newest[self.names[number]] = reading.value
        await web_app.channel.send(encode(Credit(ok=push.n)))


async def measure(place: AgentPlace, size: Size) -> list[StreamFigure]:
    figures = []
    for rate in size.agent_items:
        items = rate * PERIOD // 1000
        for publish, ring in size.agent_cases:
            async with place.farm(tanks=tanks_for(items), change_ms=PERIOD, extras=[HOLD]) as farm:
                place.configure(farm.url, tag_names(items), ring="all" if ring else "off", publish=publish)
                async with place.agent() as agent:
                    figures.append(await _measure(place, agent, farm, StreamCase(rate, items, publish, ring), size))
    return figures


class StreamCase(NamedTuple):
    """``rate``: changes a second of all ``items`` together."""

    rate: int
    items: int
    publish: int
    ring: bool


async def _measure(place: AgentPlace, agent: Program, farm: FarmServer, case: StreamCase, size: Size) -> StreamFigure:
    items = case.items
    tags = tag_names(items)
    watching, rounds = Watching(), _Rounds(agent, place.relay)
    async with place.session() as (web_app, handle):
        watching.names = await subscribe(web_app, handle, tags, PUSH)
        if len(watching.names) != items:
            raise BenchError(f"the agent offers {len(watching.names)} of {items} items")
        receiving = asyncio.create_task(watching.receive(place, web_app, handle))
        try:
            await until(lambda: len(watching.newest) == items or receiving.done(), ALL_THERE, "every item")
            await asyncio.sleep(size.settle_seconds)
            for _ in range(size.agent_rounds):
                await rounds.look(watching, size.agent_seconds)
            memory = agent.memory
            await farm.ask("hold")
            held = (await farm.ask("values", names=tags))["values"]
            wanted = {tag: round(value, DECIMALS) for tag, value in zip(tags, held, strict=True)}
            with contextlib.suppress(TimeoutError):
                await until(lambda: watching.newest == wanted or receiving.done(), LAST_WORD, "the last values")
            if receiving.done():
                receiving.result()
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
    seconds = sum(rounds.seconds)
    return StreamFigure(
        **case._asdict(), p50=Spread.of(rounds.p50), p99=Spread.of(rounds.p99), cpu=rounds.cpu / seconds,
        relay_cpu=rounds.relay_cpu / seconds, memory=memory, due=round(case.rate * seconds), came=rounds.came,
        wrong=sum(watching.newest.get(tag) != value for tag, value in wanted.items()),
        kib=rounds.bytes / 1024 / seconds,
    )  # fmt: skip


class _Rounds:
    """Looks at the two programs and the receiver, some seconds at a time."""

    def __init__(self, agent: Program, relay: Program) -> None:
        self._agent, self._relay = agent, relay
        self.p50: list[float] = []
        self.p99: list[float] = []
        self.seconds: list[float] = []
        self.cpu = self.relay_cpu = 0.0
        self.came = self.bytes = 0

    async def look(self, watching: Watching, seconds: float) -> None:
        watching.ages.clear()
        watching.bytes = 0
        agent, relay, began = self._agent.cpu, self._relay.cpu, time.monotonic()
        await asyncio.sleep(seconds)
        self.seconds.append(time.monotonic() - began)
        self.cpu += self._agent.cpu - agent
        self.relay_cpu += self._relay.cpu - relay
        self.came += len(watching.ages)
        self.bytes += watching.bytes
        self.p50.append(percentile(watching.ages, 0.5))
        self.p99.append(percentile(watching.ages, 0.99))
