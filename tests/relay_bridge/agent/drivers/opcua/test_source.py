"""The driver against a live plant: values, qualities, watching, reading, and the ways in which a source is lost."""

from __future__ import annotations

import asyncio
import logging
import socket
import time

import pytest

from relay_bridge.agent.drivers.base import DEGRADED, DOWN, OK
from relay_bridge.agent.drivers.opcua import OpcUaDriver, OpcUaTag
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN
from relay_bridge.simulator.farm import VARIABLES
from relay_bridge.simulator.faults import BAD_SENSOR_FAILURE, UNCERTAIN_SENSOR_NOT_ACCURATE
from tests.relay_bridge.agent.drivers.opcua.support import ALL_TAGS, live, running, settings, tag, tags

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_every_reading_is_what_the_plant_says_for_its_moment(plant):
    driver = OpcUaDriver(settings(plant.url), ALL_TAGS)
    async with live(driver, VARIABLES) as recorder:
        await recorder.until(lambda: recorder.readings.keys() == VARIABLES.keys())
        moving = {node for node in VARIABLES if plant.model.values(time.time()).get(node.split(".")[0] + ".Flow")}
        first = len(recorder.puts)
        await recorder.until(lambda: len(recorder.puts) >= first + 3)  # and it moves
        assert moving
        for node, reading in recorder.puts:
            assert reading.value == plant.model.values(reading.time / 1000)[node], node
            assert reading.quality == 0


async def test_values_are_there_when_the_source_is_said_to_be(plant):
    driver = OpcUaDriver(settings(plant.url), ALL_TAGS)
    async with running(driver, VARIABLES) as recorder:
        assert (await recorder.until_state(DOWN)).reason == "connecting to the process server"
        await recorder.until_state(OK)
        assert recorder.readings.keys() == VARIABLES.keys()


async def test_a_tag_let_go_and_wanted_again_at_once_is_told_again(plant):
    """A product name changes once a month: its server will not tell it by itself."""
    name = "TK-101.Product"
    driver = OpcUaDriver(settings(plant.url), tags(name))
    async with live(driver, [name]) as recorder:
        await recorder.until(lambda: name in recorder.readings)
        recorder.readings.clear()
        driver.unwatch([name])
        driver.watch([name])  # before anything was asked of the server: another page of the same phone
        await recorder.until(lambda: name in recorder.readings)


async def test_an_unknown_node_is_bad_and_the_others_live(plant):
    elsewhere = OpcUaTag("x", "nsu=urn:elsewhere;s=x")
    nodes = [*tags("TK-101.Level"), tag("TK-999.Level"), elsewhere]
    # Server and driver share this process: on a busy machine neither is silent, both are slow.
    driver = OpcUaDriver(settings(plant.url, stale_s=10.0), nodes)
    async with live(driver, ["TK-101.Level", "TK-999.Level", "x"]) as recorder:
        await recorder.until(lambda: len(recorder.readings) == 3)
        assert recorder.readings["TK-999.Level"].quality == BAD_NODE_ID_UNKNOWN
        assert recorder.readings["x"].quality == BAD_NODE_ID_UNKNOWN
        assert recorder.readings["TK-101.Level"].quality == 0
        read = await driver.read(["TK-999.Level", "x", "TK-101.Level", "unheard-of"], 5.0)
        assert [read[name].quality for name in ("TK-999.Level", "x", "unheard-of")] == [BAD_NODE_ID_UNKNOWN] * 3
        assert read["TK-101.Level"].quality == 0


async def test_bad_and_uncertain_qualities_come_whole(plant):
    driver = OpcUaDriver(settings(plant.url), tags("TK-103.Level", "TK-104.Level"))
    async with live(driver, ["TK-103.Level", "TK-104.Level"]) as recorder:
        plant.faults.bad_quality("TK-103.Level")
        plant.faults.uncertain_quality("TK-104.Level")
        await recorder.until(lambda: recorder.readings["TK-103.Level"].quality == BAD_SENSOR_FAILURE)
        await recorder.until(lambda: recorder.readings["TK-104.Level"].quality == UNCERTAIN_SENSOR_NOT_ACCURATE)
        assert recorder.readings["TK-103.Level"].value is None
        assert recorder.readings["TK-104.Level"].value > 0
        read = await driver.read(["TK-103.Level"], 2.0)
        assert read["TK-103.Level"].quality == BAD_SENSOR_FAILURE
        plant.faults.clear()
        await recorder.until(lambda: recorder.readings["TK-103.Level"].quality == 0)


async def test_watching_begins_and_ends_while_connected(plant):
    driver = OpcUaDriver(settings(plant.url), ALL_TAGS)
    async with live(driver) as recorder:
        assert recorder.readings == {}
        driver.watch(["TK-101.Product"])
        await recorder.until(lambda: "TK-101.Product" in recorder.readings)
        driver.watch(["TK-102.Product", "TK-101.Product"])
        await recorder.until(lambda: "TK-102.Product" in recorder.readings)
        driver.unwatch(["TK-101.Product"])
        driver.watch(["TK-205.Level"])
        await recorder.until(lambda: "TK-205.Level" in recorder.readings)
        recorder.readings.clear()
        driver.watch(["TK-101.Product"])  # a fresh reading, although it never changes
        await recorder.until(lambda: "TK-101.Product" in recorder.readings)


async def test_reading_is_fresh_needs_no_watching_and_keeps_its_deadline(plant):
    driver = OpcUaDriver(settings(plant.url), ALL_TAGS)
    async with live(driver):
        readings = await driver.read(list(VARIABLES)[:200], 2.0)
        assert len(readings) == 200
        for node, reading in readings.items():
            assert reading.value == plant.model.values(reading.time / 1000)[node]
        with pytest.raises(RequestRefused, match="did not answer within 0 s") as caught:
            await driver.read(["TK-101.Level"], 0.0)
        assert caught.value.code == "source_down"


async def test_a_source_that_is_down_cannot_be_read(plant):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        driver = OpcUaDriver(settings(f"opc.tcp://127.0.0.1:{nobody.getsockname()[1]}"), ALL_TAGS)
        with pytest.raises(RequestRefused, match="not started"):
            await driver.read(["TK-101.Level"], 1.0)
        async with running(driver) as recorder:
            await recorder.until(
                lambda: "may not be running" in recorder.states[-1].reason if recorder.states else False
            )
            with pytest.raises(RequestRefused, match="may not be running") as caught:
                await driver.read(["TK-101.Level"], 1.0)
            assert caught.value.code == "source_down"
            assert "127.0.0.1" not in caught.value.message


async def test_the_server_describes_its_tags(plant):
    driver = OpcUaDriver(settings(plant.url), [*ALL_TAGS, tag("TK-999.Level")])
    async with live(driver) as recorder:
        driver.watch(["TK-101.Level"])
        await recorder.until(lambda: "P-101.Mode" in driver.describe())
        rows = driver.describe()
        level = rows["TK-101.Level"]
        assert (level.unit, level.lo, level.hi, level.dec) == ("m", 0.0, 16.0, 3)
        assert rows["TK-101.TOV"].unit == "m³"
        assert rows["P-101.Mode"].enums == {"0": "local", "1": "remote", "2": "maintenance"}
        assert "TK-999.Level" not in rows


async def test_a_frozen_clock_is_silence_and_a_moving_one_is_life(plant):
    configured = settings(plant.url, stale_s=1.5)
    driver = OpcUaDriver(configured, tags("TK-101.Level", "TK-101.Product"))
    async with live(driver, ["TK-101.Level", "TK-101.Product"]) as recorder:
        plant.faults.freeze()
        frozen = time.monotonic()
        down = await recorder.until_state(DOWN)
        assert time.monotonic() - frozen < 2.0
        assert down.reason.startswith("process server silent since ")
        with pytest.raises(RequestRefused, match="silent since"):
            await driver.read(["TK-101.Level"], 1.0)
        # It can be connected to all the time; that alone is no life.
        ups = [state for state in recorder.states if state.code == OK]
        recorder.readings.clear()
        plant.faults.clear()
        await recorder.until_state(OK, 6.0)
        assert len([state for state in recorder.states if state.code == OK]) == len(ups) + 1
        assert recorder.readings.keys() == {"TK-101.Level", "TK-101.Product"}  # put again, changed or not


async def test_lost_comms_are_told_at_once_and_mended(plant):
    driver = OpcUaDriver(settings(plant.url), tags("TK-101.Level"))
    async with live(driver, ["TK-101.Level"]) as recorder:
        plant.faults.comms_loss()
        cut = time.monotonic()
        down = await recorder.until_state(DOWN)
        assert time.monotonic() - cut < 1.0
        assert down.reason == "the process server closed the connection"
        assert down.since <= time.time() * 1000
        plant.faults.clear()
        recorder.readings.clear()
        await recorder.until_state(OK)
        assert "TK-101.Level" in recorder.readings


async def test_a_clock_that_is_off_degrades_the_source(plant):
    driver = OpcUaDriver(settings(plant.url), tags("TK-101.Level"), clock=lambda: time.time() - 60)
    async with running(driver, ["TK-101.Level"]) as recorder:
        degraded = await recorder.until_state(DEGRADED)
        assert "ahead of this machine's" in degraded.reason
        assert recorder.readings["TK-101.Level"].time > (time.time() - 10) * 1000  # the source's own time, untouched


async def test_a_low_service_level_degrades_the_source(plant):
    level = plant.server.get_node("i=2267")
    driver = OpcUaDriver(settings(plant.url), tags("TK-101.Level"))
    async with live(driver) as recorder:
        data = await level.read_data_value()
        try:
            await level.write_value(type(data.Value)(100, data.Value.VariantType))
            degraded = await recorder.until_state(DEGRADED)
            assert degraded.reason == "the process server reports service level 100 of 255"
        finally:
            await level.write_value(data.Value)
        await recorder.until_state(OK)


async def test_a_heartbeat_that_does_not_exist_is_told(plant):
    driver = OpcUaDriver(settings(plant.url, heartbeat="ns=0;i=999999"), ALL_TAGS)
    async with running(driver) as recorder:
        await recorder.until(lambda: any("heartbeat cannot be watched" in s.reason for s in recorder.states))


async def test_the_library_is_quiet_and_logs_hold_no_values(plant, caplog):
    caplog.set_level(logging.DEBUG, logger="relay_bridge")
    driver = OpcUaDriver(settings(plant.url), tags("TK-101.Level", "TK-101.Product"))
    async with live(driver, ["TK-101.Level", "TK-101.Product"]) as recorder:
        await recorder.until(lambda: len(recorder.puts) > 3)
    assert not [record for record in caplog.records if record.name.startswith("asyncua")]
    assert "Gasoline" not in caplog.text


async def test_ending_leaves_no_session_behind(plant):
    sessions = plant.server.iserver._external_sessions
    before = set(sessions)  # those whose connection an earlier test cut live on for their minute
    driver = OpcUaDriver(settings(plant.url, stale_s=10.0), tags("TK-101.Level"))
    async with live(driver, ["TK-101.Level"]):
        ours = set(sessions) - before  # more than one, where a busy machine made it connect twice
        assert ours
    async with asyncio.timeout(5):
        while ours & set(sessions):
            await asyncio.sleep(0.01)
