"""Alarms of a real OPC UA server through the agent's parts to a slow receiver: a burst, and 100 a second sustained.

The plant is our simulator, a program of its own; the agent's driver, table and feed run in the measuring process, whose
CPU is counted; the receiver takes one push a second. Nothing may be lost, and the receiver must end with the same list.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from asyncua import Client, ua

from benchmarks.agent_place import until
from benchmarks.figures import percentile
from benchmarks.programs import BenchError
from benchmarks.sizes import Size
from relay_bridge.agent.alarms.feed import AlarmFeed
from relay_bridge.agent.alarms.places import Places
from relay_bridge.agent.alarms.rows import RowMaker
from relay_bridge.agent.alarms.table import AlarmTable
from relay_bridge.agent.alarms.words import Words
from relay_bridge.agent.drivers.opcua import OpcUaSettings, make_driver
from relay_bridge.agent.drivers.opcua.alarms import AlarmingOpcUaDriver
from relay_bridge.contract.alarms import AlarmRow, AlarmSnapshot, JournalKind
from relay_bridge.contract.messages import SourceState
from relay_bridge.contract.readings import Reading
from relay_bridge.simulator.farm import NAMESPACE

RATE = 100  # events a second
PERIOD = 2.0  # seconds in which RATE alarms come and go
RECEIVER = 1.0  # seconds between two pushes that the receiver takes
PATIENCE = 120.0  # seconds for a burst to arrive


@dataclass(frozen=True)
class AlarmFigure:
    """Ages in s, from the event's own time to the agent's table; ``cpu`` in ms an event; ``held_up`` in ms."""

    what: str
    events: int
    lost: int
    seconds: float
    p50: float
    p99: float
    cpu: float
    held_up: float
    pushes: int
    same: bool  # the receiver has the agent's list


class Sink:
    def put(self, tag: str, reading: Reading) -> None:
        pass

    def source_state(self, source: str, state: SourceState) -> None:
        pass


class Place:
    """The agent's parts from the driver to a receiver that keeps the list."""

    def __init__(self) -> None:
        self.events: Counter[JournalKind] = Counter()
        self.ages: list[float] = []
        self.longest_pause = 0.0
        rows = RowMaker(Places([], []), Words(lambda text: text), "bench", self.now)
        self.table = AlarmTable(rows, self.now, self.note)
        self.feed = AlarmFeed(self.table)
        self.received: dict[str, AlarmRow] = {}
        self.pushes = 0

    @staticmethod
    def now() -> int:
        return int(time.time() * 1000)

    def note(self, kind: JournalKind, row: AlarmRow, at: int) -> None:
        self.events[kind] += 1
        self.ages.append((self.now() - at) / 1000)

    def take(self, numbers: itertools.count[int], later: float = 0.0) -> bool:
        """Receive the push that is due now, or ``later`` seconds from now."""
        now = time.monotonic() + later
        self.feed.due(now - 1.0)
        push = self.feed.take(now, self.now(), numbers.__next__)
        if push is None:
            return False
        if isinstance(push, AlarmSnapshot):
            if push.first:
                self.received.clear()
        else:
            for name in push.gone:
                del self.received[name]
        self.received.update({row.id: row for row in push.rows})
        self.feed.acknowledge(push.n)
        self.pushes += 1
        return True

    async def receive(self, numbers: itertools.count[int]) -> None:
        while True:
            await asyncio.sleep(RECEIVER)
            self.take(numbers)

    async def feel(self) -> None:
        """The longest that this program's loop was held up."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            self.longest_pause = max(self.longest_pause, time.monotonic() - began - 0.01)

    def figure(self, what: str, expected: int, seconds: float, cpu: float, same: bool) -> AlarmFigure:
        came = sum(self.events.values())
        made = AlarmFigure(
            what=what, events=expected, lost=max(0, expected - came), seconds=seconds,
            p50=percentile(self.ages, 0.5), p99=percentile(self.ages, 0.99), cpu=cpu / max(expected, 1) * 1000,
            held_up=self.longest_pause * 1000, pushes=self.pushes, same=same,
        )  # fmt: skip
        self.begin()
        return made

    def begin(self) -> None:
        self.events.clear()
        self.ages.clear()
        self.longest_pause, self.pushes = 0.0, 0


async def measure(_: object, size: Size) -> list[AlarmFigure]:
    command = ("-m", "relay_bridge.simulator.cli", "--listen", "127.0.0.1:0", "--seed", "2")
    plant = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert plant.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            line = (await plant.stdout.readline()).decode()
        url = re.search(r"opc\S+", line)
        if url is None:
            raise BenchError(f"the plant did not start: {line}")
        async with Client(url[0]) as client:
            return await _with(client, url[0], size)
    finally:
        plant.terminate()
        await plant.wait()


async def _with(client: Client, url: str, size: Size) -> list[AlarmFigure]:
    place, numbers = Place(), itertools.count(1)
    driver = make_driver(OpcUaSettings("main", url, security="None", allow_insecure=True, alarms=True), [])
    assert isinstance(driver, AlarmingOpcUaDriver)
    driver.watch_alarms(place.table)
    place.feed.turn_on(None, 1, time.monotonic())
    index = await client.get_namespace_index(NAMESPACE)
    faults = client.get_node(ua.NodeId("Faults", index))

    async def order(text: str) -> None:
        await faults.call_method(ua.NodeId("Faults.Apply", index), text)

    tasks = [asyncio.create_task(work) for work in (driver.run(Sink()), place.receive(numbers), place.feel())]
    try:
        await _until(lambda: len(place.table) >= 2)
        await asyncio.sleep(PERIOD)
        place.begin()
        began, cpu = time.monotonic(), time.process_time()
        await order(f"alarm-flood={size.alarm_burst}")
        await _until(lambda: place.events["active"] >= size.alarm_burst)
        took = time.monotonic() - began
        burst = place.figure("burst", size.alarm_burst, took, time.process_time() - cpu, True)
        cpu, expected, began = time.process_time(), 0, time.monotonic()
        while time.monotonic() - began < size.alarm_seconds:
            # Each flood of more alarms than stand now brings RATE new ones for a second and lets them go again.
            await order(f"alarm-flood={size.alarm_burst + RATE}/1")
            await asyncio.sleep(PERIOD)
            expected += 2 * RATE
        await _until(lambda: sum(place.events.values()) >= expected)
        took, cpu = time.monotonic() - began, time.process_time() - cpu
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    while place.take(numbers, later=10.0):
        pass
    same = place.received == {row.id: row for row in place.table.rows()}
    return [burst, place.figure("sustained", expected, took, cpu, same)]


async def _until(condition: Callable[[], bool]) -> None:
    """What did not come in time is counted as lost."""
    with contextlib.suppress(TimeoutError):
        await until(condition, PATIENCE, "alarms")
