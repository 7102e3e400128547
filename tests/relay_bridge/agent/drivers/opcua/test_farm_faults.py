"""What goes wrong with a server of another make: restarted, frozen, without our session, cut off, half well."""

from __future__ import annotations

import contextlib
import time

import pytest

from relay_bridge.agent.drivers.base import DEGRADED, DOWN, OK
from relay_bridge.agent.drivers.opcua import OpcUaDriver
from relay_bridge.contract.errors import RequestRefused
from tests.relay_bridge.agent.drivers.opcua.cable import Cable
from tests.relay_bridge.agent.drivers.opcua.support import farm_names, farm_tag, live, running, settings
from tests.support.opcua_node import FarmServer

pytestmark = [pytest.mark.opcua_node, pytest.mark.timeout(90)]
NAMES = farm_names(60)  # more than the limits of the server let into one call
SMALL = {"tanks": 60, "max_items": 250, "max_read": 300, "change_ms": 500}


def driver_of(url, names=NAMES, **facts):
    return OpcUaDriver(settings(url, **facts), [farm_tag(name) for name in names], chance=lambda: 0.3)


async def everything_is_live(recorder, names=NAMES):
    """Every tag has a good value that is newer than now."""
    now = time.time() * 1000
    await recorder.until(
        lambda: all(
            name in recorder.readings and recorder.readings[name].quality == 0 and recorder.readings[name].time > now
            for name in names
        ),
        15.0,
    )


async def test_all_values_come_back_after_every_kind_of_loss(farm_folder):
    async with contextlib.AsyncExitStack() as stack:
        farm = await stack.enter_async_context(FarmServer(farm_folder, **SMALL))
        cable = await stack.enter_async_context(Cable(farm.port))
        driver = driver_of(cable.url)
        recorder = await stack.enter_async_context(live(driver, NAMES))
        await everything_is_live(recorder)

        # The server forgets the session and says nothing before it is asked for something.
        await farm.ask("drop_sessions")
        down = await recorder.until_state(DOWN, 6.0)
        assert down.reason
        await recorder.until_state(OK)
        await everything_is_live(recorder)
        assert (await farm.ask("items"))["items"] == len(NAMES) + 2

        # The network goes away with a reset.
        cable.cut()
        cut = time.monotonic()
        assert (await recorder.until_state(DOWN)).reason == "the process server closed the connection"
        assert time.monotonic() - cut < 2.0
        await recorder.until_state(OK)
        await everything_is_live(recorder)

        # The network swallows everything, without a word.
        cable.dead = True
        silent = time.monotonic()
        assert "silent since" in (await recorder.until_state(DOWN)).reason
        assert time.monotonic() - silent < 5.0
        with pytest.raises(RequestRefused, match=r"silent since|did not answer"):
            await driver.read(NAMES[:1], 1.0)
        cable.dead = False
        cable.cut()
        await recorder.until_state(OK, 15.0)
        await everything_is_live(recorder)

        # The process stands still with its sockets open.
        farm.freeze()
        assert "silent since" in (await recorder.until_state(DOWN)).reason
        farm.thaw()
        await recorder.until_state(OK, 15.0)
        await everything_is_live(recorder)


async def test_a_restart_that_renumbers_the_namespaces_loses_no_tag(farm_folder):
    names = NAMES[:30]
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(FarmServer(farm_folder, tanks=3, change_ms=500))
        recorder = await stack.enter_async_context(live(driver_of(first.url, names), names))
        await everything_is_live(recorder, names)
        await first.kill()
        await recorder.until_state(DOWN, 6.0)
        # The same address, and the namespace of the tags has another number.
        options = {"tanks": 3, "change_ms": 500, "port": first.port, "fillers": 3}
        await stack.enter_async_context(FarmServer(farm_folder, **options))
        await recorder.until_state(OK, 15.0)
        await everything_is_live(recorder, names)


async def test_a_service_level_below_200_is_degraded_until_it_is_not(farm_folder):
    async with FarmServer(farm_folder, service_level=150) as farm, running(driver_of(farm.url, [])) as recorder:
        degraded = await recorder.until_state(DEGRADED)
        assert degraded.reason == "the process server reports service level 150 of 255"
        await farm.ask("service_level", level=200)
        await recorder.until_state(OK)
        await farm.ask("service_level", level=0)
        assert (await recorder.until_state(DEGRADED)).reason.endswith("service level 0 of 255")


async def test_a_server_without_aggregates_is_asked_only_once(farm_folder):
    async with FarmServer(farm_folder, history=120, aggregates=False) as farm:
        driver = OpcUaDriver(settings(farm.url), [farm_tag("Hist.Both")])
        async with live(driver):
            now = int(time.time() * 1000)
            for _ in range(2):
                with pytest.raises(RequestRefused) as refused:
                    await driver.history_aggregate("Hist.Both", now - 600_000, 60_000, 10, 5.0)
                assert refused.value.code == "unsupported"
            assert driver._history._without_aggregates == {"Hist.Both"}
            assert len((await driver.history_raw("Hist.Both", now - 600_000, now, 500, 5.0)).readings) == 120
