"""The server's own alarms over a real OPC UA server on asyncua (without branches): refreshes, outages, methods."""

from __future__ import annotations

import asyncio
import time

import pytest
import pytest_asyncio
from asyncua import ua

from relay_bridge.agent.drivers.abilities import AckRefused, AlarmRef
from relay_bridge.agent.drivers.opcua import OpcUaDriver, OpcUaSettings, OpcUaTag, SettingsError, make_driver
from relay_bridge.agent.drivers.opcua import alarm_watch as module
from relay_bridge.agent.drivers.opcua.alarms import AlarmingOpcUaDriver
from relay_bridge.simulator.server import PlantServer
from tests.relay_bridge.agent.alarms.support import Board, until
from tests.relay_bridge.agent.support import ManualClock

NODE = "nsu=urn:sightline:tank-farm;s=TK-107.Level"
pytestmark = pytest.mark.asyncio(loop_scope="session")


class Sink:
    def __init__(self) -> None:
        self.states: list[tuple[int, str]] = []

    def put(self, tag, reading) -> None:
        pass

    def source_state(self, source, state) -> None:
        self.states.append((state.code, state.reason))


class Now(ManualClock):
    """The table believes times of now."""

    def wall(self) -> float:
        return time.time()


class Watching:
    """A driver at work on a plant, with the table that it fills."""

    def __init__(self, url: str, **settings) -> None:
        self.board = Board(clock=Now())
        self.sink = Sink()
        config = OpcUaSettings(
            "main", url, security="None", allow_insecure=True, publish_ms=100, alarms=True, **settings
        )
        self.driver = make_driver(config, [OpcUaTag("TK-107.level", NODE)])
        self.driver.watch_alarms(self.board.table)

    async def __aenter__(self):
        self.task = asyncio.create_task(self.driver.run(self.sink))
        return self

    async def __aexit__(self, *_) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def names(self) -> set[str]:
        return {row.name for row in self.board.table.rows()}

    async def online(self) -> None:
        await until(lambda: self.sink.states and self.sink.states[-1][0] == 0)

    async def standing(self, name: str):
        await until(lambda: self.board.row(name))
        found = self.board.table.find(self.board.row(name).id)
        assert found is not None
        return found


@pytest_asyncio.fixture(loop_scope="session")
async def alarming(shared_plant: PlantServer):
    """The shared plant; what a test raised is over when the next begins."""
    shared_plant.faults.clear()
    yield shared_plant
    shared_plant.faults.clear()


async def test_what_stands_is_there_after_connecting_with_its_tag_and_its_limit(alarming: PlantServer) -> None:
    async with Watching(alarming.url) as watching:
        await until(lambda: {"TK-107 level", "TK-204 level"} <= watching.names())
        standing = await watching.standing("TK-107 level")
        assert standing.row.cond == "High"
        assert standing.ref == AlarmRef("main", "nsu=urn:sightline:tank-farm;s=TK-107.LevelAlarm")
        assert standing.row.conf is None
        assert not standing.row.branch


async def test_an_alarm_raised_during_an_outage_is_there_afterwards_and_one_that_ended_is_not(
    alarming: PlantServer,
) -> None:
    async with Watching(alarming.url) as watching:
        await watching.online()
        alarming.faults.alarm_flood(3)
        await until(lambda: "INST-00003 fault" in watching.names())
        for number in (1, 2):
            await watching.driver.acknowledge(*_what(await watching.standing(f"INST-0000{number} fault")), "", 2.0)
        await until(lambda: watching.board.row("INST-00001 fault").ack)
        alarming.faults.comms_loss(5.0)
        await until(lambda: watching.sink.states[-1][0] == 2)
        assert "INST-00001 fault" in watching.names()  # down is a state of the source, not of its alarms
        # Unseen, all faults end, of which one was not acknowledged, and a tank is overfilled.
        alarming.faults.clear()
        alarming.faults.comms_loss(1.5)
        alarming.faults.alarm_burst(1)
        await watching.online()
        await until(lambda: "TK-101 level" in watching.names() and "INST-00001 fault" not in watching.names())
        assert watching.board.row("TK-101 level").cond == "HighHigh"
        assert not watching.board.row("INST-00003 fault").act
        assert [kind for kind, name, _ in watching.board.notes if name == "INST-00002 fault"][-1] == "gone"


async def test_acknowledging_is_bound_to_the_event_and_every_refusal_has_its_word(alarming: PlantServer) -> None:
    async with Watching(alarming.url) as watching:
        await watching.online()
        alarming.faults.alarm_flood(7)
        standing = await watching.standing("INST-00007 fault")
        with pytest.raises(AckRefused) as refused:
            await watching.driver.acknowledge(standing.ref, b"another", "", 2.0)
        assert (refused.value.word, refused.value.status) == ("stale", ua.StatusCodes.BadEventIdUnknown)
        await watching.driver.acknowledge(standing.ref, standing.event, "seen [me@north via mobile]", 2.0)
        await until(lambda: watching.board.row("INST-00007 fault").ack)
        row = watching.board.row("INST-00007 fault")
        assert (row.by, row.comment) == ("me", "seen")
        with pytest.raises(AckRefused) as refused:
            now = watching.board.table.find(row.id)
            await watching.driver.acknowledge(now.ref, now.event, "", 2.0)
        assert refused.value.word == "already"
        for ref in (
            AlarmRef("main", "nsu=urn:sightline:tank-farm;s=No"),
            AlarmRef("main", "nsu=urn:x;s=N"),
            AlarmRef("main", "?"),
        ):
            with pytest.raises(AckRefused) as refused:
                await watching.driver.acknowledge(ref, b"x", "", 2.0)
            assert refused.value.word == "gone"


async def test_shelving_is_told_with_its_end(alarming: PlantServer) -> None:
    async with Watching(alarming.url) as watching:
        await watching.online()
        alarming.faults.alarm_flood(9)
        standing = await watching.standing("INST-00009 fault")
        await watching.driver.shelve(standing.ref, 60_000, "", 2.0)
        await until(lambda: watching.board.row("INST-00009 fault").shelf)
        assert abs(watching.board.row("INST-00009 fault").shelf - time.time() * 1000 - 60_000) < 10_000
        with pytest.raises(AckRefused) as refused:
            await watching.driver.shelve(standing.ref, 60_000, "", 2.0)
        assert refused.value.word == "already"
        await watching.driver.shelve(standing.ref, 0, "", 2.0)
        await until(lambda: not watching.board.row("INST-00009 fault").shelf)


async def test_a_server_without_refresh_still_tells_what_happens_and_keeps_its_values(
    alarming: PlantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = alarming.server.iserver.aspace[ua.NodeId(ua.ObjectIds.ConditionType_ConditionRefresh)]
    monkeypatch.setattr(method, "call", None)
    async with Watching(alarming.url) as watching:
        await watching.online()
        alarming.faults.alarm_flood(11)
        await until(lambda: "INST-00011 fault" in watching.names())
        assert watching.sink.states[-1][0] == 0


async def test_a_refresh_that_does_not_end_is_a_reason_to_connect_anew(
    alarming: PlantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = alarming.server.iserver.aspace[ua.NodeId(ua.ObjectIds.ConditionType_ConditionRefresh)]
    with monkeypatch.context() as patch:

        async def nothing(*_: object) -> list[object]:
            return []

        patch.setattr(method, "call", nothing)
        watching = Watching(alarming.url)
        watching.driver.alarms._refresh_silence = 0.3
        async with watching:
            await until(lambda: any("did not finish repeating" in reason for _, reason in watching.sink.states))
            patch.undo()
            await until(lambda: "TK-107 level" in watching.names())


async def test_an_overflowing_queue_is_answered_with_a_refresh(alarming: PlantServer) -> None:
    async with Watching(alarming.url) as watching:
        await until(lambda: "TK-107 level" in watching.names())
        await until(lambda: not watching.board.table._repeated)
        alarming.faults.alarm_flood(12)
        await watching.standing("INST-00012 fault")
        # What the server forgot to tell: it stands there no more, and only a refresh shows it.
        lost = alarming.node("INST-00012.FaultAlarm")
        alarming.server.iserver.subscription_service._conditions.pop(lost)
        generator = await alarming.server.get_event_generator(ua.ObjectIds.EventQueueOverflowEventType)
        await generator.trigger(message="overflow")
        await until(lambda: "INST-00012 fault" not in watching.names())
        assert watching.board.kinds()[-1] == "gone"


async def test_without_the_setting_there_is_no_alarm_driver(alarming: PlantServer) -> None:
    plain = OpcUaSettings("main", alarming.url, security="None", allow_insecure=True)
    assert type(make_driver(plain, [])) is OpcUaDriver
    with pytest.raises(SettingsError):
        OpcUaSettings("main", "http://x", alarms=True)
    both = OpcUaSettings("main", alarming.url, security="None", allow_insecure=True, alarms=True, acting=True)
    driver = make_driver(both, [])
    assert {"alarms", "ack", "write", "methods"} <= driver.capabilities
    assert isinstance(driver, AlarmingOpcUaDriver)
    assert module.QUEUE == 10_000


def _what(standing):
    return standing.ref, standing.event
