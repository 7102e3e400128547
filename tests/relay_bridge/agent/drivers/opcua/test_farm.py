"""The driver against a server that shares no code with our client library: every service that the agent uses."""

from __future__ import annotations

import time

import pytest
import pytest_asyncio

from relay_bridge.agent.drivers.opcua import OpcUaDriver
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN
from tests.relay_bridge.agent.drivers.opcua.support import DOWN, farm_names, farm_tag, live, running, secure, settings
from tests.support.opcua_node.process import NAMESPACE

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.opcua_node]
POLICIES = ["Basic256Sha256", "Aes256Sha256RsaPss"]
MINUTE = 60_000


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def historian(farm):
    """A driver that is connected all the time, for the tests that only ask."""
    driver = OpcUaDriver(settings(farm.url), [farm_tag("Hist.Both"), farm_tag("TK-001.Level"), farm_tag("Nowhere")])
    async with live(driver):
        yield driver


@pytest.mark.parametrize("policy", POLICIES)
async def test_secured_and_signed_in_values_are_read_and_watched(farm, farm_folder, policy):
    configured = settings(farm.url, **secure(farm_folder, policy), user="mobile", password="right")
    driver = OpcUaDriver(configured, [farm_tag("TK-001.Level"), farm_tag("Odd.Text", kind="text")])
    async with live(driver, ["TK-001.Level", "Odd.Text"]) as recorder:
        first = recorder.readings["TK-001.Level"]
        assert first.quality == 0
        assert recorder.readings["Odd.Text"].value == "hello"
        await recorder.until(lambda: recorder.readings["TK-001.Level"].value != first.value)
        assert recorder.readings["TK-001.Level"].time > first.time
        read = await driver.read(["TK-001.Level"], 2.0)
        assert read["TK-001.Level"].time >= first.time
        assert driver.warnings == ("this agent's OPC UA certificate expires on " + _in_days(30) + ", in 29 days",)


async def test_only_signed_without_a_user_is_taken_too(farm, farm_folder):
    configured = settings(farm.url, **secure(farm_folder, "Basic256Sha256", mode="Sign"))
    driver = OpcUaDriver(configured, [farm_tag("TK-001.Level")])
    async with live(driver, ["TK-001.Level"]) as recorder:
        assert recorder.readings["TK-001.Level"].quality == 0


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_certificate_that_the_server_does_not_trust_is_said_in_words(farm, farm_folder, policy):
    driver = OpcUaDriver(settings(farm.url, **secure(farm_folder, policy, "stranger")), [])
    async with running(driver) as recorder:
        assert (await recorder.until_reason("does not trust this agent's certificate")).code == DOWN


async def test_a_wrong_password_is_said_in_words_without_it(farm, farm_folder, caplog):
    configured = settings(farm.url, **secure(farm_folder, "Basic256Sha256"), user="mobile", password="hush-hush")
    async with running(OpcUaDriver(configured, [])) as recorder:
        await recorder.until_reason("refused the user name or the password")
    assert "hush-hush" not in caplog.text


async def test_another_certificate_than_the_pinned_one_ends_it_before_anything_is_sent(farm, farm_folder):
    facts = {**secure(farm_folder, "Basic256Sha256"), "server_cert": farm_folder / "stranger.der"}
    before = (await farm.ask("counts"))["sessions"]
    async with running(OpcUaDriver(settings(farm.url, **facts), [])) as recorder:
        await recorder.until_reason("another certificate than the pinned one")
        assert (await farm.ask("counts"))["sessions"] == before


async def test_a_policy_that_the_server_lacks_is_said_in_words(farm, farm_folder):
    configured = settings(farm.url, **secure(farm_folder, "Aes128Sha256RsaOaep"))
    async with running(OpcUaDriver(configured, [])) as recorder:
        await recorder.until_reason("does not offer the configured security")


async def test_two_thousand_changing_values_come_within_the_servers_limits(farm):
    names = farm_names(200)
    driver = OpcUaDriver(settings(farm.url, publish_ms=500), [farm_tag(name) for name in names])
    async with live(driver, names) as recorder:
        assert recorder.readings.keys() == set(names)
        begin = dict(recorder.readings)
        await recorder.until(lambda: all(recorder.readings[name].time > begin[name].time for name in names), 10.0)
        assert all(reading.quality == 0 for reading in recorder.readings.values())
        ages = [time.time() * 1000 - reading.time for reading in recorder.readings.values()]
        assert max(ages) < 5000
        assert (await farm.ask("items"))["subscriptions"] == 2  # the values, and the heartbeat


async def test_units_and_ranges_are_learnt_within_the_servers_limits(farm):
    names = farm_names(20)
    driver = OpcUaDriver(settings(farm.url), [farm_tag(name) for name in names])
    async with live(driver) as recorder:
        driver.watch(["TK-001.Level"])
        await recorder.until(lambda: len(driver.describe()) == len(names))
        row = driver.describe()["TK-001.Temp"]
        assert (row.unit, row.lo, row.hi) == ("m", 0.0, 20.0)


async def test_a_status_comes_whole_and_a_time_that_cannot_be_is_the_servers(farm):
    driver = OpcUaDriver(settings(farm.url), [farm_tag("Odd.Strange")])
    async with live(driver, ["Odd.Strange"]) as recorder:
        await farm.ask("set", node="Odd.Strange", value=2.5, status="BadSensorFailure")
        await recorder.until(lambda: recorder.readings["Odd.Strange"].quality == 0x808C0000)
        await farm.ask("set", node="Odd.Strange", value=3.5, time=315532800000)  # 1980, as a clock without battery has
        await recorder.until(lambda: recorder.readings["Odd.Strange"].value == 3.5)
        assert abs(recorder.readings["Odd.Strange"].time - time.time() * 1000) < 60_000
        ahead = int((time.time() + 7200) * 1000)  # a clock of another time zone would make old values look fresh
        await farm.ask("set", node="Odd.Strange", value=4.5, time=ahead)
        await recorder.until(lambda: recorder.readings["Odd.Strange"].value == 4.5)
        assert recorder.readings["Odd.Strange"].time < ahead - 3_600_000
        long_ago = int((time.time() - 30 * 86400) * 1000)  # unchanged for a month: believed
        await farm.ask("set", node="Odd.Strange", value=5.5, time=long_ago)
        await recorder.until(lambda: recorder.readings["Odd.Strange"].value == 5.5)
        assert recorder.readings["Odd.Strange"].time == long_ago


async def test_a_node_id_with_every_awkward_sign_is_found(farm):
    awkward = farm_tag('odd;s="é"/x')
    async with live(OpcUaDriver(settings(farm.url), [awkward]), [awkward.id]) as recorder:
        assert recorder.readings[awkward.id].quality == 0


async def test_a_deadband_is_kept_by_the_server(farm):
    await farm.ask("set", node="Odd.Strange", value=10.0)
    driver = OpcUaDriver(settings(farm.url), [farm_tag("Odd.Strange", deadband=0.5), farm_tag("Odd.Text", kind="text")])
    async with live(driver, ["Odd.Strange", "Odd.Text"]) as recorder:
        await farm.ask("set", node="Odd.Strange", value=10.2)
        await farm.ask("set", node="Odd.Text", value="seen", type="String")
        await recorder.until(lambda: recorder.readings["Odd.Text"].value == "seen")
        await farm.ask("set", node="Odd.Strange", value=11.0)
        await recorder.until(lambda: recorder.readings["Odd.Strange"].value == 11.0)
        assert 10.2 not in [reading.value for name, reading in recorder.puts if name == "Odd.Strange"]


async def test_a_session_lives_a_minute_without_us_and_is_closed_at_the_end(farm):
    before = (await farm.ask("sessions"))["timeouts"]
    async with live(OpcUaDriver(settings(farm.url), [])):
        during = (await farm.ask("sessions"))["timeouts"]
        assert set(during) - set(before)
        assert set(during.values()) == {60_000}
    after = (await farm.ask("sessions"))["timeouts"]
    assert not set(during) - set(before) & set(after)


# --- history -----------------------------------------------------------------------------------------------------


async def _first_minute(driver):
    """Where the farm's history begins, epoch ms."""
    now = int(time.time() * 1000)
    return (await driver.history_raw("Hist.Both", now - 7_200_000, now, 1, 5.0)).readings[0].time


async def test_raw_history_is_whole_in_order_and_stays_in_its_span(historian):
    begin = await _first_minute(historian)
    everything = await historian.history_raw("Hist.Both", begin, begin + 1800_000, 20_000, 5.0)
    assert [reading.time for reading in everything.readings] == [begin + i * 1000 for i in range(1800)]
    assert everything.readings[100].value == 1000.0
    assert everything.readings[130].quality == 0x808C0000
    assert not everything.more
    part = await historian.history_raw("Hist.Both", begin + 10_000, begin + 20_000, 100, 5.0)
    assert [reading.value for reading in part.readings] == [float(i) for i in range(10, 20)]  # the end is not in it
    assert not part.more
    assert part.before is None  # a sample at the very start is what held
    between = await historian.history_raw("Hist.Both", begin + 9_500, begin + 20_000, 100, 5.0)
    assert between.before is not None and (between.before.value, between.before.time) == (9.0, begin + 9_000)
    earlier = await historian.history_raw("Hist.Both", begin - MINUTE, begin, 100, 5.0)
    assert not earlier.readings and earlier.before is None


async def test_raw_history_that_is_cut_off_says_so_and_frees_the_servers_memory(historian):
    begin = await _first_minute(historian)
    for _ in range(12):  # the server keeps ten unfinished answers at most
        cut = await historian.history_raw("Hist.Both", begin, begin + 1800_000, 700, 5.0)
        assert len(cut.readings) == 700
        assert cut.more
    following = await historian.history_raw("Hist.Both", cut.readings[-1].time + 1, begin + 1800_000, 2000, 5.0)
    assert len(following.readings) == 1100


async def test_aggregates_have_the_edges_that_were_asked_and_keep_the_spike(historian):
    begin = await _first_minute(historian)
    buckets = await historian.history_aggregate("Hist.Both", begin - MINUTE, MINUTE, 5, 5.0)
    assert [(b.lo, b.hi, b.quality) for b in buckets] == [
        (None, None, "3"), (0.0, 59.0, "0"), (0.0, 1000.0, "0"), (0.0, 59.0, "1"), (0.0, 59.0, "0"),
    ]  # fmt: skip
    assert buckets[1].av == pytest.approx(29.5)
    assert buckets[0].av is None
    thirds = await historian.history_aggregate("Hist.Both", begin, MINUTE // 3, 3, 5.0)
    assert [(b.lo, b.hi) for b in thirds] == [(0.0, 19.0), (20.0, 39.0), (40.0, 59.0)]


async def test_a_tag_without_history_is_unsupported_and_an_unknown_one_refused(historian):
    for _ in range(2):
        with pytest.raises(RequestRefused) as refused:
            await historian.history_aggregate("TK-001.Level", 0, MINUTE, 5, 5.0)
        assert refused.value.code == "unsupported"
    with pytest.raises(RequestRefused) as refused:
        await historian.history_raw("TK-001.Level", 0, MINUTE, 5, 5.0)
    assert refused.value.code == "unsupported"
    with pytest.raises(RequestRefused) as refused:
        await historian.history_raw("Nowhere", 0, MINUTE, 5, 5.0)
    assert (refused.value.code, refused.value.status) == ("source_refused", BAD_NODE_ID_UNKNOWN)
    with pytest.raises(RequestRefused, match="has no such tag"):
        await historian.history_raw("unheard-of", 0, MINUTE, 5, 5.0)
    with pytest.raises(RequestRefused, match="did not answer within 0 s"):
        await historian.history_raw("Hist.Both", 0, MINUTE, 5, 0.0)


# --- browsing ----------------------------------------------------------------------------------------------------


async def test_everything_is_found_once_in_seconds_although_the_farm_has_a_loop(historian):
    began = time.process_time()  # this program's own work: what else the machine does is not the driver's matter
    found = [node async for node in historian.browse(None, most=50_000, deadline=30.0)]
    assert time.process_time() - began < 15.0
    by_path = {node.path: node for node in found}
    assert len(by_path) == len(found)
    assert len([path for path in by_path if path.startswith("Farm/Crowd/")]) == 10_000
    assert len([path for path in by_path if path.startswith("Farm/TK-")]) == 2000
    level = by_path["Farm/TK-001/Level"]
    assert (level.node, level.kind, level.unit, level.low, level.high, level.description) == (
        f"nsu={NAMESPACE};s=TK-001.Level", "number", "m", 0.0, 20.0, "Level of TK-001",
    )  # fmt: skip
    start = by_path["Farm/P-101/Start"]
    assert (start.kind, start.node, start.parent) == (
        "method", f"nsu={NAMESPACE};s=P-101.Start", f"nsu={NAMESPACE};s=P-101",
    )  # fmt: skip
    assert by_path['Farm/Odd; ="<things>/a;b="<é>'].node == f'nsu={NAMESPACE};s=odd;s="é"/x'
    kinds = {
        name: by_path[f"Farm/P-101/{name}"].kind for name in ("Boolean", "UInt64", "String", "Blob", "Array", "Mode")
    }
    assert kinds == {
        "Boolean": "bool", "UInt64": "number", "String": "text", "Blob": "other", "Array": "other",
        "Mode": "number",
    }  # fmt: skip
    assert by_path["Farm/Hist.Both"].has_history
    assert not level.has_history
    assert not by_path["Farm/P-101/ReadOnly"].writable
    assert not by_path["Farm/P-101/NotMine"].writable
    assert by_path["Farm/P-101/SP"].writable
    assert not [path for path in by_path if not path.startswith("Farm")]  # the server's own part is left out


async def test_browsing_ends_at_its_count_and_leaves_nothing_at_the_server(farm, historian):
    found = [node async for node in historian.browse(f"nsu={NAMESPACE};s=Crowd", most=120, deadline=20.0)]
    assert [node.path for node in found] == [f"V{i}" for i in range(120)]
    assert (await farm.ask("points"))["points"] == 0


async def test_browsing_ends_at_its_time_and_says_that_it_is_not_all(historian):
    with pytest.raises(RequestRefused, match="not all was seen"):
        [node async for node in historian.browse(None, most=50_000, deadline=0.0)]
    with pytest.raises(RequestRefused) as refused:
        [node async for node in historian.browse("nsu=urn:elsewhere;s=x", most=5, deadline=5.0)]
    assert (refused.value.code, refused.value.status) == ("source_refused", BAD_NODE_ID_UNKNOWN)
    with pytest.raises(RequestRefused, match="names no node"):
        [node async for node in historian.browse("TK-001", most=5, deadline=5.0)]


def _in_days(days):
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86400))
