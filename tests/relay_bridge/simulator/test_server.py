"""The plant over OPC UA, as any client finds it."""

from __future__ import annotations

import asyncio
import time

import pytest
import pytest_asyncio
from asyncua import Client, ua

from relay_bridge.simulator.farm import NAMESPACE, VARIABLES
from relay_bridge.simulator.faults import BAD_SENSOR_FAILURE, UNCERTAIN_SENSOR_NOT_ACCURATE
from relay_bridge.simulator.server import PlantServer, quiet_asyncua

pytestmark = pytest.mark.asyncio(loop_scope="module")
quiet_asyncua()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def plant():
    async with PlantServer(seed=3) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def client(plant):
    plant.faults.clear()
    async with Client(plant.url) as connected:
        yield connected
    plant.faults.clear()


async def next_value(node, condition, deadline=5.0):
    """The first DataValue that fits, polled: the plant is looked at from outside."""
    until = time.monotonic() + deadline
    while time.monotonic() < until:
        data = await node.read_data_value(raise_on_bad_status=False)
        if condition(data):
            return data
        await asyncio.sleep(0.05)
    raise AssertionError("the plant never showed it")


async def test_a_value_is_the_model_at_its_own_time(plant, client):
    nodes = [client.get_node(plant.node(node)) for node in VARIABLES]
    answers = await client.uaclient.read_attributes([node.nodeid for node in nodes], ua.AttributeIds.Value)
    for node, answer in zip(VARIABLES, answers, strict=True):
        moment = answer.SourceTimestamp.timestamp()
        assert moment == int(moment)
        if not VARIABLES[node].fixed:
            assert abs(time.time() - moment) < 3
        assert answer.Value.Value == plant.model.values(moment)[node], node


async def test_values_move_from_second_to_second(plant, client):
    seen = {}
    tanks = [client.get_node(plant.node(node)) for node in VARIABLES if node.endswith(".Level")]
    first = await tanks[0].read_data_value()
    for node in tanks:
        seen[node] = await node.read_value()
    await next_value(tanks[0], lambda data: data.SourceTimestamp > first.SourceTimestamp)
    moved = [await node.read_value() - seen[node] for node in tanks]
    assert max(map(abs, moved)) >= 0.001 - 1e-9


async def test_the_tree_leads_from_plant_to_variable(plant, client):
    namespace = await client.get_namespace_index(NAMESPACE)
    path = ["Plant", "North farm", "TK-101", "Level"]
    node = await client.nodes.objects.get_child([f"{namespace}:{name}" for name in path])
    assert node.nodeid == plant.node("TK-101.Level")
    assert await node.read_type_definition() == ua.NodeId(ua.ObjectIds.AnalogItemType)


async def test_numbers_carry_range_unit_and_precision(plant, client):
    level = client.get_node(plant.node("TK-101.Level"))
    span = await (await level.get_child("0:EURange")).read_value()
    unit = await (await level.get_child("0:EngineeringUnits")).read_value()
    assert (span.Low, span.High) == (0.0, 16.0)
    assert (unit.DisplayName.Text, unit.UnitId) == ("m", 5067858)  # MTR
    assert await (await level.get_child("0:ValuePrecision")).read_value() == 3.0


async def test_the_clock_of_the_server_ticks(client):
    clock = client.get_node(ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime))
    first = await clock.read_value()
    await next_value(clock, lambda data: data.Value.Value > first)


async def test_the_setpoint_can_be_written_and_nothing_else(plant, client):
    setpoint = client.get_node(plant.node("P-101.Setpoint"))
    await setpoint.write_value(ua.DataValue(ua.Variant(72.5, ua.VariantType.Double)))
    data = await setpoint.read_data_value()
    assert data.Value.Value == 72.5
    assert data.SourceTimestamp is not None
    flow = client.get_node(plant.node("P-101.Flow"))
    await next_value(flow, lambda data: data.Value.Value == 72.5)
    with pytest.raises(ua.UaStatusCodeError, match="BadUserAccessDenied"):
        await client.get_node(plant.node("TK-101.Level")).write_value(1.0)


@pytest.mark.parametrize("value", [-0.1, 120.1, float("nan"), float("inf")])
async def test_a_setpoint_off_the_scale_is_refused(plant, client, value):
    before = plant.model.pump.setpoint(time.time())
    with pytest.raises(ua.UaStatusCodeError, match="BadOutOfRange"):
        await client.get_node(plant.node("P-101.Setpoint")).write_value(value)
    assert plant.model.pump.setpoint(time.time()) == before


async def test_quality_faults_over_opc_ua(plant, client):
    faults = client.get_node(plant.node("Faults"))
    await faults.call_method(plant.node("Faults.Apply"), "bad-quality=TK-103.Level")
    await faults.call_method(plant.node("Faults.Apply"), "uncertain-quality=TK-104.Level")
    level = client.get_node(plant.node("TK-103.Level"))
    bad = await next_value(level, lambda data: data.StatusCode.value == BAD_SENSOR_FAILURE)
    assert bad.Value.Value is None
    assert await client.get_node(plant.node("TK-103.GaugeStatus")).read_value() == "fault"
    other = client.get_node(plant.node("TK-104.Level"))
    uncertain = await next_value(other, lambda data: data.StatusCode.value == UNCERTAIN_SENSOR_NOT_ACCURATE)
    assert uncertain.Value.Value > 0
    await faults.call_method(plant.node("Faults.Clear"))
    await next_value(level, lambda data: data.StatusCode.is_good())
    with pytest.raises(ua.UaStatusCodeError, match="BadInvalidArgument"):
        await faults.call_method(plant.node("Faults.Apply"), "nonsense")


async def test_a_frozen_plant_keeps_its_connections_and_stops_its_clock(plant, client):
    plant.faults.freeze()
    clock = client.get_node(ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime))
    level = client.get_node(plant.node("TK-101.Level"))
    first = await clock.read_value(), (await level.read_data_value()).SourceTimestamp
    await asyncio.sleep(1.3)  # longer than a tick: that nothing happens has no event to wait for
    assert (await clock.read_value(), (await level.read_data_value()).SourceTimestamp) == first
    plant.faults.clear()
    await next_value(clock, lambda data: data.Value.Value > first[0])


async def test_an_alarm_burst_is_coherent(plant, client):
    plant.faults.alarm_burst(5)
    level = client.get_node(plant.node("TK-105.Level"))
    limit = await client.get_node(plant.node("TK-105.HH")).read_value()
    data = await next_value(level, lambda data: data.Value.Value > limit)
    ullage = await client.get_node(plant.node("TK-105.Ullage")).read_value()
    assert data.Value.Value + ullage == pytest.approx(15.0)


async def test_lost_comms_drop_connections_and_refuse_new_ones(plant):
    client = Client(plant.url)
    await client.connect()
    async with client.subscribe_state() as states:
        faults = client.get_node(plant.node("Faults"))
        await faults.call_method(plant.node("Faults.Apply"), "comms-loss")
        while (await states.next_change(5)).value != "disconnected":
            pass
    with pytest.raises((ConnectionError, TimeoutError, RuntimeError)):
        await Client(plant.url, timeout=0.5).connect()
    plant.faults.clear()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            async with Client(plant.url, timeout=0.5) as again:
                assert await again.get_node(plant.node("TK-101.Product")).read_value() == "Gasoline 95"
                return
        except (ConnectionError, TimeoutError):
            await asyncio.sleep(0.05)
    raise AssertionError("the plant did not come back")


async def test_the_pump_is_stopped_and_started_by_its_methods(plant, client):
    pump, run = client.get_node(plant.node("P-101")), client.get_node(plant.node("P-101.Run"))
    await next_value(run, lambda data: data.Value.Value is True)
    await pump.call_method(plant.node("P-101.Stop"))
    await next_value(run, lambda data: data.Value.Value is False)
    setpoint = client.get_node(plant.node("P-101.Setpoint"))
    before = await setpoint.read_value()
    await setpoint.write_value(ua.DataValue(ua.Variant(2.0, ua.VariantType.Double)))
    with pytest.raises(ua.UaStatusCodeError) as refused:  # it would stand all the same
        await pump.call_method(plant.node("P-101.Start"))
    assert refused.value.code == ua.StatusCodes.BadInvalidState
    await setpoint.write_value(ua.DataValue(ua.Variant(before, ua.VariantType.Double)))
    await pump.call_method(plant.node("P-101.Start"))
    await next_value(run, lambda data: data.Value.Value is True)
