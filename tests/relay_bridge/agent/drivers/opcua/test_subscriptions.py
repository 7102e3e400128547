"""Subscribing within a server's limits, and not believing a deadband that holds values back."""

from __future__ import annotations

import time

import pytest
import pytest_asyncio

from relay_bridge.agent.drivers.opcua import OpcUaDriver
from relay_bridge.agent.drivers.opcua.subscriptions import _held_back
from relay_bridge.contract.readings import Reading
from relay_bridge.simulator.farm import TANKS, VARIABLES
from relay_bridge.simulator.server import PlantServer
from tests.relay_bridge.agent.drivers.opcua.support import ALL_TAGS, live, settings, tag

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def small_plant():
    """A server that takes seven nodes a call, and refuses more."""
    async with PlantServer(seed=2, max_per_call=7) as server:
        yield server


async def test_everything_is_asked_in_calls_that_the_server_takes(small_plant):
    driver = OpcUaDriver(settings(small_plant.url), ALL_TAGS)
    async with live(driver, VARIABLES) as recorder:
        assert recorder.readings.keys() == VARIABLES.keys()
        assert all(reading.quality == 0 for reading in recorder.readings.values())
        assert len(await driver.read(list(VARIABLES)[:100], 4.0)) == 100
        await recorder.until(lambda: len(driver.describe()) > 250)
        # One subscription for the heartbeat and one for everything else: servers grant few.
        at_server = small_plant.server.iserver.subscription_service.subscriptions.values()
        sizes = sorted(len(sub.monitored_item_srv._monitored_items) for sub in at_server)
        assert sizes == [2, len(VARIABLES)]


async def test_unwatched_tags_leave_the_server(small_plant):
    driver = OpcUaDriver(settings(small_plant.url), ALL_TAGS)
    watched = list(VARIABLES)[:30]
    async with live(driver, watched) as recorder:
        driver.unwatch(watched[:25])
        driver.watch(["TK-206.Level"])
        await recorder.until(lambda: "TK-206.Level" in recorder.readings)
        at_server = small_plant.server.iserver.subscription_service.subscriptions.values()
        assert sorted(len(sub.monitored_item_srv._monitored_items) for sub in at_server) == [2, 6]


async def test_a_deadband_that_swallows_a_slow_rise_is_given_up(small_plant, monkeypatch):
    # This server measures from the last sample, so a step of 1 mm a second never passes a deadband of 3 mm.
    monkeypatch.setattr("relay_bridge.agent.drivers.opcua.source.SWEEP", 1.0)
    moving = max(TANKS, key=lambda tank: abs(small_plant.model.values(time.time())[f"{tank.id}.LevelRate"]))
    node = f"{moving.id}.Level"
    driver = OpcUaDriver(settings(small_plant.url), [tag(node, deadband=0.003)])
    async with live(driver, [node]) as recorder:
        first = recorder.readings[node].value
        await recorder.until(lambda: abs(recorder.readings[node].value - first) > 0.003, 15.0)
        await recorder.until(lambda: not driver._trust_deadband, 15.0)
        for name, reading in recorder.puts:
            assert reading.value == small_plant.model.values(reading.time / 1000)[name]


@pytest.mark.parametrize(
    ("told", "read", "held"),
    [
        (Reading(1.0, 0), Reading(1.004, 1), False),
        (Reading(1.0, 0), Reading(1.006, 1), True),
        (Reading(1.0, 0), Reading(1.0, 1, 0x80000000), True),
        (Reading(None, 0, 0x80000000), Reading(None, 1, 0x80000000), False),
    ],
)
async def test_held_back_is_further_than_the_deadband_or_of_another_quality(told, read, held):
    assert _held_back(told, read, 0.005) is held
