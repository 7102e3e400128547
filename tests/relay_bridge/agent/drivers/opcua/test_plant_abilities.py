"""Browsing, history and acting against our own simulated plant: a server of the same library, with other habits."""

from __future__ import annotations

import pytest
import pytest_asyncio
from asyncua import ua

from relay_bridge.agent.drivers.opcua import OpcUaDriver, OpcUaTag, make_driver
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.simulator.farm import NAMESPACE, VARIABLES
from tests.relay_bridge.agent.drivers.opcua.support import ALL_TAGS, live, settings, tag

pytestmark = pytest.mark.asyncio(loop_scope="session")
HISTORIC = "Kept"


@pytest_asyncio.fixture(loop_scope="session")
async def historic(plant):
    """A variable with a raw history of ten samples, which this server cannot aggregate."""
    server = plant.server
    folder = server.get_objects_node()
    node = await folder.add_variable(plant.node(HISTORIC), HISTORIC, 0.0)
    await server.historize_node_data_change(node, period=None, count=100)
    for value in range(1, 10):
        await node.write_value(float(value))
    yield OpcUaTag(HISTORIC, f"nsu={NAMESPACE};s={HISTORIC}")
    await server.dehistorize_node_data_change(node)
    await server.delete_nodes([node])


async def test_the_whole_plant_is_found_with_units_ranges_and_rights(plant):
    driver = OpcUaDriver(settings(plant.url), [])
    async with live(driver):
        found = {node.node: node async for node in driver.browse(None, most=5000, deadline=20.0)}
    for name, variable in VARIABLES.items():
        node = found[f"nsu={NAMESPACE};s={name}"]
        assert node.kind == {"number": "number", "text": "text", "bool": "bool", "enum": "number"}[variable.kind], name
        assert node.writable == variable.writable
        if variable.kind == "number":
            assert (node.low, node.high) == (variable.low, variable.high)
    method = found[f"nsu={NAMESPACE};s=Faults.Clear"]
    assert (method.kind, method.parent, method.path) == ("method", f"nsu={NAMESPACE};s=Faults", "Faults/Clear")


async def test_browsing_below_one_tank_finds_that_tank(plant):
    driver = OpcUaDriver(settings(plant.url), [])
    async with live(driver):
        found = [node async for node in driver.browse(f"nsu={NAMESPACE};s=TK-101", most=5000, deadline=20.0)]
    assert {node.node for node in found} == {
        f"nsu={NAMESPACE};s={name}" for name, variable in VARIABLES.items() if variable.parent == "TK-101"
    }


async def test_raw_history_comes_and_aggregates_are_unsupported(plant, historic):
    driver = OpcUaDriver(settings(plant.url), [historic, tag("TK-101.Level")])
    async with live(driver):
        now = (await driver.read(["TK-101.Level"], 3.0))["TK-101.Level"].time
        raw = await driver.history_raw(HISTORIC, now - 60_000, now + 60_000, 100, 5.0)
        assert [reading.value for reading in raw.readings][-9:] == [float(value) for value in range(1, 10)]
        assert not raw.more
        cut = await driver.history_raw(HISTORIC, now - 60_000, now + 60_000, 4, 5.0)
        assert cut.more
        assert [r.value for r in cut.readings] == [r.value for r in raw.readings][:4]
        with pytest.raises(RequestRefused) as refused:
            await driver.history_aggregate(HISTORIC, now - 60_000, 10_000, 6, 5.0)
        assert refused.value.code == "unsupported"
        with pytest.raises(RequestRefused) as refused:
            await driver.history_raw("TK-101.Level", now - 60_000, now, 10, 5.0)
        assert refused.value.code == "unsupported"


async def test_the_setpoint_is_written_and_the_plant_refuses_what_it_cannot_do(plant):
    driver = make_driver(settings(plant.url, acting=True), ALL_TAGS)
    async with live(driver):
        facts = await driver.write_facts("P-101.Setpoint", 5.0)
        setpoint = VARIABLES["P-101.Setpoint"]
        assert (facts.data_type, facts.low, facts.high, facts.may_write) == (
            "Double", setpoint.low, setpoint.high, True,
        )  # fmt: skip
        assert (await driver.write_facts("TK-101.Level", 5.0)).may_write is False
        before = (await driver.read(["P-101.Setpoint"], 3.0))["P-101.Setpoint"].value
        await driver.write("P-101.Setpoint", 100, 5.0)
        assert (await driver.read(["P-101.Setpoint"], 3.0))["P-101.Setpoint"].value == 100.0
        with pytest.raises(RequestRefused) as refused:
            await driver.write("P-101.Setpoint", 1e9, 5.0)
        assert (refused.value.code, refused.value.status) == ("source_refused", ua.StatusCodes.BadOutOfRange)
        with pytest.raises(RequestRefused) as refused:
            await driver.write("TK-101.Level", 1.0, 5.0)
        assert refused.value.code == "source_refused"
        await driver.write("P-101.Setpoint", before, 5.0)


async def test_a_method_with_a_text_is_called(plant):
    driver = make_driver(settings(plant.url, acting=True), ALL_TAGS)
    async with live(driver, ["TK-103.Level"]) as recorder:
        where = f"nsu={NAMESPACE};s=Faults"
        await driver.call(where, f"{where}.Apply", ["bad-quality=TK-103.Level"], 5.0)
        await recorder.until(lambda: recorder.readings["TK-103.Level"].quality_class == "bad")
        await driver.call(where, f"{where}.Clear", [], 5.0)
        with pytest.raises(RequestRefused) as refused:
            await driver.call(where, f"{where}.Apply", ["no such fault"], 5.0)
        assert refused.value.code == "source_refused"
        with pytest.raises(RequestRefused, match="names no node"):
            await driver.call("Faults", "Clear", [], 5.0)
