"""The recorder: what it keeps is watched, gaps are gaps, and a disk that takes nothing costs a hole and no more."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator

import pytest

from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers import build_drivers
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.agent.history import recorder as recorder_module
from relay_bridge.agent.site import open_site
from relay_bridge.agent.trust import load_trust
from relay_bridge.contract.history import Hist
from relay_bridge.contract.readings import BAD_NO_COMMUNICATION, BAD_NOT_CONNECTED, Reading
from tests.relay_bridge.agent.support import SOURCE, TANK, ManualClock, SiteFolder

HISTORY = """
[history]
ring_hours = 24
"""


class Yard:
    """A configured site with one source, without a network; ``settle`` waits until the recorder watches."""

    def __init__(self, site: SiteFolder) -> None:
        config = load_config(site.toml)
        trust = load_trust(config.trust, datetime.datetime.now(datetime.UTC))
        self.clock = ManualClock()
        self.driver = MemoryDriver("main", [tag.id for tag in config.tags], wall_ms=self.clock.wall_ms)
        self._open = lambda: open_site(config, trust, {"main": self.driver}, self.clock)
        self.begin_anew()
        self.tasks: list[asyncio.Task[None]] = []

    def begin_anew(self) -> None:
        """As another start of the agent would, with the same files."""
        self.site = self._open()

    async def start(self) -> None:
        self.tasks.append(asyncio.create_task(self.driver.run(self.site.subscriptions)))
        self.tasks.append(asyncio.create_task(self.site.recorder.run()))
        async with asyncio.timeout(5):
            while not self.site.subscriptions.watched():
                await asyncio.sleep(0.005)

    async def stop(self) -> None:
        for task in reversed(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []

    async def samples(self, tag: str = "TK-101.level") -> list[Reading]:
        stretch = await self.site.recorder.read(tag, 0, 2**53, 10**6)
        return list(stretch.readings)


@pytest.fixture
async def yard(site: SiteFolder) -> AsyncIterator[Yard]:
    site.configure(SOURCE, TANK, HISTORY)
    yard = Yard(site)
    await yard.start()
    yield yard
    await yard.stop()


async def test_every_change_is_kept_with_the_time_of_the_source(yard: Yard) -> None:
    now = yard.clock.wall_ms()
    for number in range(5):
        yard.driver.set("TK-101.level", 10.0 + number, time_ms=now - 5000 + number * 1000)
    assert await yard.samples() == [Reading(10.0 + n, now - 5000 + n * 1000) for n in range(5)]


async def test_a_clock_of_the_source_that_is_off_is_not_believed_and_time_goes_forward(yard: Yard) -> None:
    now = yard.clock.wall_ms()
    yard.driver.set("TK-101.level", 1.0, time_ms=now - 86_400_000)
    yard.driver.set("TK-101.level", 2.0, time_ms=now + 86_400_000)
    yard.driver.set("TK-101.level", 3.0, time_ms=now - 30_000)
    assert await yard.samples() == [Reading(1.0, now), Reading(2.0, now + 1), Reading(3.0, now + 2)]


async def test_a_source_that_goes_down_ends_the_value_and_its_return_begins_it_anew(yard: Yard) -> None:
    yard.driver.set("TK-101.level", 5.0)
    yard.clock.move(10)
    yard.driver.set_state(2, "gone")
    down = yard.clock.wall_ms()
    yard.clock.move(10)
    yard.driver.set_state(0)
    up = yard.clock.wall_ms()
    samples = await yard.samples()
    assert [reading.value for reading in samples] == [5.0, None, 5.0]
    assert samples[1] == Reading(None, down, BAD_NO_COMMUNICATION) and samples[2].time == up


async def test_after_a_restart_the_time_between_is_a_gap(yard: Yard) -> None:
    yard.driver.set("TK-101.level", 5.0)
    await yard.site.recorder.flush()
    last = yard.clock.wall_ms()
    await yard.stop()
    yard.clock.move(60)
    yard.begin_anew()
    await yard.start()
    samples = await yard.samples()
    assert samples[0].value == 5.0
    assert samples[1] == Reading(None, last + 1, BAD_NOT_CONNECTED)


async def test_a_file_that_takes_nothing_costs_a_gap_and_history_goes_on(
    yard: Yard, caplog: pytest.LogCaptureFixture
) -> None:
    yard.driver.set("TK-101.level", 1.0)
    await yard.site.recorder.flush()
    last = yard.clock.wall_ms()
    yard.clock.move(1)
    yard.site.recorder._store.close()  # as if the disk had gone: nothing can be written
    yard.driver.set("TK-101.level", 2.0)
    await yard.site.recorder.flush()
    assert yard.site.recorder.state
    assert "lost" in caplog.text
    yard.clock.move(recorder_module.REOPEN + 1)
    await yard.site.recorder.flush()
    assert not yard.site.recorder.state
    samples = await yard.samples()
    assert [reading.value for reading in samples] == [1.0, None, 2.0]
    assert samples[1].time == last + 1 and samples[2].time == yard.clock.wall_ms()


async def test_memory_is_bounded_while_nothing_can_be_written(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "WAITING", 100)
    for number in range(1000):
        yard.driver.set("TK-101.level", float(number))
    assert len(yard.site.recorder._waiting) <= 100


async def test_history_is_answered_from_the_ring_in_buckets_and_samples(yard: Yard) -> None:
    start = yard.clock.wall_ms() // 60_000 * 60_000
    yard.clock.move((start + 60_000 - yard.clock.wall_ms()) / 1000)
    start = yard.clock.wall_ms()
    yard.driver.set("TK-101.level", 1.0)
    yard.clock.move(30)
    yard.driver.set("TK-101.level", 3.0)
    yard.clock.move(30)
    answer = await yard.site.history.answer(Hist(["TK-101.level", "TK-101.product"], start, start + 60_000, n=2))
    buckets = answer.b["TK-101.level"]
    assert (buckets.t0, buckets.dt, buckets.src, buckets.q) == (start, 30_000, "ring", "00")
    assert (buckets.lo, buckets.hi, buckets.av) == ([1.0, 3.0], [1.0, 3.0], [1.0, 3.0])
    assert list(answer.bad) == ["TK-101.product"]  # a text has samples, no average
    raw = await yard.site.history.answer(Hist(["TK-101.level"], start, start + 60_000, mode="raw"))
    assert raw.s["TK-101.level"].d == [[0, 1.0], [30_000, 3.0]] and raw.cur is None


OPCUA = """
[[source]]
id = "main"
kind = "opcua"
url = "opc.tcp://127.0.0.1:1"
security = "None"
allow_insecure = true
{}

[[tag]]
id = "TK-101.level"
source = "main"
node = "i=2258"
area = "North farm"
"""


@pytest.mark.parametrize(
    ("source", "ring", "recorded"),
    [
        ("", "auto", True),  # every OPC UA driver can ask for history, and most servers have none
        ("history = true", "auto", False),
        ("history = true", "all", True),
        ("", "off", False),
    ],
)
def test_what_is_recorded_of_an_opc_ua_server(site: SiteFolder, source: str, ring: str, recorded: bool) -> None:
    config = load_config(site.configure(OPCUA.format(source), f'[history]\nring = "{ring}"\n'))
    trust = load_trust(config.trust, datetime.datetime.now(datetime.UTC))
    yard = open_site(config, trust, build_drivers(config))
    assert yard.recorder.records("TK-101.level") is recorded
