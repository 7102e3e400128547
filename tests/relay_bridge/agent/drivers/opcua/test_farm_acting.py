"""Writing and calling at a server of another make: the exact type, one attempt, and the truth about the outcome."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from relay_bridge.agent.drivers.abilities import OutcomeUnknown
from relay_bridge.agent.drivers.opcua import make_driver
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN
from tests.relay_bridge.agent.drivers.opcua.cable import Cable
from tests.relay_bridge.agent.drivers.opcua.support import OK, farm_tag, live, secure, settings
from tests.support.opcua_node.process import NAMESPACE

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.opcua_node]
INTEGERS = {"SByte": 8, "Byte": -8, "Int16": 16, "UInt16": -16, "Int32": 32, "UInt32": -32, "Int64": 64, "UInt64": -64}
OTHERS = {"Boolean": True, "Float": 0.5, "Double": 1e300, "String": "é"}
KINDS = {"Boolean": "bool", "String": "text"}
TAGS = [
    farm_tag("P-101.SP"),
    farm_tag("P-101.Mode"),
    farm_tag("P-101.Run", kind="bool"),
    *(farm_tag(f"Types.{name}", kind=KINDS.get(name, "number")) for name in [*INTEGERS, *OTHERS]),
    *(farm_tag(f"Types.{name}") for name in ("Refusing", "Blob", "Array", "ReadOnly", "NotMine", "Missing", "Slow")),
]


def acting(url, **facts):
    return make_driver(settings(url, acting=True, **facts), TAGS)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def actor(farm):
    """A driver that may act and is connected all the time."""
    driver = acting(farm.url)
    async with live(driver):
        yield driver


async def count(farm, name):
    return (await farm.ask("counts"))["writes"][name]


def node(name):
    return f"nsu={NAMESPACE};s={name}"


@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes256Sha256RsaPss"])
async def test_a_setpoint_is_written_once_and_reads_back(farm, farm_folder, policy):
    driver = acting(farm.url, **secure(farm_folder, policy), user="mobile", password="right")
    async with live(driver):
        assert {"write", "methods"} <= driver.capabilities
        before = await count(farm, "P-101.SP")
        await driver.write("P-101.SP", 75, 5.0)
        assert (await driver.read(["P-101.SP"], 2.0))["P-101.SP"].value == 75.0
        assert await count(farm, "P-101.SP") == before + 1


async def test_every_type_is_written_as_itself_up_to_its_ends(farm, actor):
    for name, bits in INTEGERS.items():
        size = abs(bits)
        ends = (-(2 ** (size - 1)), 2 ** (size - 1) - 1) if bits > 0 else (0, 2**size - 1)
        for end in ends:
            await actor.write(f"Types.{name}", end, 5.0)
            read = (await actor.read([f"Types.{name}"], 2.0))[f"Types.{name}"]
            assert (int(read.value), read.quality) == (end, 0), name
        writes = await count(farm, f"Types.{name}")
        for beyond in (ends[0] - 1, ends[1] + 1):
            with pytest.raises(RequestRefused) as refused:
                await actor.write(f"Types.{name}", beyond, 5.0)
            assert refused.value.code == "range"
        for wrong in (0.5, True, "1"):
            with pytest.raises(RequestRefused) as refused:
                await actor.write(f"Types.{name}", wrong, 5.0)
            assert refused.value.code == "type"
        assert await count(farm, f"Types.{name}") == writes  # nothing of that reached the server
    for name, value in OTHERS.items():
        await actor.write(f"Types.{name}", value, 5.0)
        assert (await actor.read([f"Types.{name}"], 2.0))[f"Types.{name}"].value == value, name
    await actor.write("P-101.Mode", 2, 5.0)  # an enumeration of the server's own
    assert (await actor.read(["P-101.Mode"], 2.0))["P-101.Mode"].value == 2


async def test_what_the_server_refuses_is_told_with_its_code_in_words(actor):
    for name, status, says in [
        ("Refusing", 0x803C0000, "BadOutOfRange"),
        ("ReadOnly", 0x803B0000, "BadNotWritable"),
        ("NotMine", 0x801F0000, "does not allow it to the user that the agent signs in as"),
        ("Missing", BAD_NODE_ID_UNKNOWN, "BadNodeIdUnknown"),
    ]:
        with pytest.raises(RequestRefused, match=says) as refused:
            await actor.write(f"Types.{name}", 1.0, 5.0)
        assert (refused.value.code, refused.value.status) == ("source_refused", status), name
    for name in ("Blob", "Array"):
        with pytest.raises(RequestRefused) as refused:
            await actor.write(f"Types.{name}", 1.0, 5.0)
        assert refused.value.code == "type", name
    with pytest.raises(RequestRefused) as refused:
        await actor.write("unheard-of", 1.0, 5.0)
    assert refused.value.code == "not_found"


async def test_a_deadline_that_is_over_before_sending_is_a_refusal(farm, actor):
    before = await count(farm, "P-101.SP")
    with pytest.raises(RequestRefused) as refused:
        await actor.write("P-101.SP", 33.0, 0.0)
    assert refused.value.code == "source_down"
    assert await count(farm, "P-101.SP") == before


async def test_what_may_be_written_is_told_before_the_first_start(actor):
    setpoint = await actor.write_facts("P-101.SP", 5.0)
    assert (setpoint.data_type, setpoint.low, setpoint.high, setpoint.may_write) == ("Double", 20.0, 110.0, True)
    told = {name: await actor.write_facts(f"Types.{name}", 5.0) for name in ("UInt16", "ReadOnly", "NotMine")}
    assert (told["UInt16"].data_type, told["UInt16"].low, told["UInt16"].may_write) == ("UInt16", None, True)
    assert told["ReadOnly"].may_write is False
    assert told["NotMine"].may_write is False
    assert (await actor.write_facts("P-101.Mode", 5.0)).data_type == "Enumeration"
    with pytest.raises(RequestRefused, match="BadNodeIdUnknown"):
        await actor.write_facts("Types.Missing", 5.0)


async def test_a_method_is_called_once_with_arguments_in_its_types(farm, actor):
    calls = (await farm.ask("counts"))["calls"]
    await actor.call(node("P-101"), node("P-101.Start"), [], 5.0)
    assert (await actor.read(["P-101.Run"], 2.0))["P-101.Run"].value is True
    await actor.call(node("P-101"), node("P-101.Stop"), [], 5.0)
    assert (await actor.read(["P-101.Run"], 2.0))["P-101.Run"].value is False
    await actor.call(node("P-101"), node("P-101.SetSpeed"), [1500], 5.0)
    after = (await farm.ask("counts"))["calls"]
    assert (after["Start"], after["Stop"]) == (calls["Start"] + 1, calls["Stop"] + 1)
    assert after["SetSpeed"] == [*calls["SetSpeed"], 1500]
    with pytest.raises(RequestRefused, match="BadOutOfRange") as refused:
        await actor.call(node("P-101"), node("P-101.SetSpeed"), [4000], 5.0)
    assert refused.value.status == 0x803C0000
    for wrong, code in [([-1], "range"), (["fast"], "type"), ([], "type"), ([1, 2], "type")]:
        with pytest.raises(RequestRefused) as refused:
            await actor.call(node("P-101"), node("P-101.SetSpeed"), wrong, 5.0)
        assert refused.value.code == code
    with pytest.raises(RequestRefused) as refused:
        await actor.call(node("P-101"), node("P-101.Nothing"), [], 5.0)
    assert refused.value.code == "source_refused"


@pytest.mark.parametrize("loss", ["late", "cut"])
@pytest.mark.parametrize("how", ["write", "call"])
async def test_an_answer_that_is_lost_is_unknown_and_the_deed_happened_once(farm, how, loss):
    async def deeds():
        counts = await farm.ask("counts")
        return counts["writes"]["Types.Slow"] if how == "write" else counts["calls"]["Slow"]

    before = await deeds()
    async with Cable(farm.port) as cable:
        driver = acting(cable.url)
        async with live(driver) as recorder:
            deadline = 0.8 if loss == "late" else 20.0
            if how == "write":
                deed = asyncio.create_task(driver.write("Types.Slow", 42.0, deadline))
            else:
                deed = asyncio.create_task(driver.call(node("P-101"), node("P-101.Slowly"), [], deadline))
            while await deeds() == before:
                assert not deed.done()
            if loss == "cut":
                cable.cut()
            with pytest.raises(OutcomeUnknown):
                await deed
            if loss == "cut":
                await recorder.until(lambda: len(recorder.states) > 3)  # connected anew
                await recorder.until_state(OK)
    assert await deeds() == before + 1
