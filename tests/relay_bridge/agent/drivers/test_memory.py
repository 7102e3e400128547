"""The memory driver keeps the rules of every driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import SourceState
from relay_bridge.contract.readings import BAD_WAITING_FOR_INITIAL_DATA, Reading


class Sink:
    def __init__(self) -> None:
        self.readings: list[tuple[str, Reading]] = []
        self.states: list[SourceState] = []
        self.news = asyncio.Event()

    def put(self, tag: str, reading: Reading) -> None:
        self.readings.append((tag, reading))
        self.news.set()

    def source_state(self, source: str, state: SourceState) -> None:
        self.states.append(state)
        self.news.set()


@asynccontextmanager
async def running(driver: MemoryDriver) -> AsyncIterator[Sink]:
    sink = Sink()
    task = asyncio.create_task(driver.run(sink))
    await sink.news.wait()
    try:
        yield sink
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def driver(**options) -> MemoryDriver:
    return MemoryDriver("main", ["a", "b"], {"a": 1.0}, wall_ms=lambda: 1000, **options)


async def test_only_watched_tags_are_told_and_a_new_watch_is_told_at_once() -> None:
    memory = driver()
    async with running(memory) as sink:
        assert [state.code for state in sink.states] == [0]
        memory.set("b", 2.0)
        assert sink.readings == []
        memory.watch(["a", "b", "unknown"])
        assert sorted(sink.readings) == [("a", Reading(1.0, 1000)), ("b", Reading(2.0, 1000))]
        memory.unwatch(["a"])
        memory.set("a", 9.0)
        assert len(sink.readings) == 2


async def test_values_set_before_it_runs_are_told_when_it_does() -> None:
    memory = driver()
    memory.watch(["a"])
    async with running(memory) as sink:
        assert sink.readings == [("a", Reading(1.0, 1000))]


async def test_read_gives_every_tag_a_reading() -> None:
    found = await driver().read(["a", "b"], 1.0)
    assert found["a"] == Reading(1.0, 1000)
    assert found["b"] == Reading(None, 1000, BAD_WAITING_FOR_INITIAL_DATA)


async def test_down_is_told_and_refuses_reads() -> None:
    memory = driver()
    async with running(memory) as sink:
        memory.set_state(2, "pulled the plug")
        assert sink.states[-1].reason == "pulled the plug"
        with pytest.raises(RequestRefused, match="source_down"):
            await memory.read(["a"], 1.0)


async def test_numbers_move_by_themselves_when_told_to() -> None:
    memory = driver(change_ms=5)
    memory.watch(["a"])
    async with running(memory) as sink, asyncio.timeout(5):
        while len({reading.value for _, reading in sink.readings}) < 4:
            sink.news.clear()
            await sink.news.wait()


def test_unknown_tag_cannot_be_set() -> None:
    with pytest.raises(KeyError):
        driver().set("c", 1.0)
