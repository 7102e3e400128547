"""Alarms of a server that shares no code with our client library (node-opcua): with branches, and without."""

from __future__ import annotations

import pytest

from relay_bridge.agent.alarms.places import Places
from relay_bridge.agent.drivers.abilities import AckRefused
from relay_bridge.agent.drivers.opcua import OpcUaSettings, OpcUaTag, make_driver
from relay_bridge.agent.tags import AssetConfig, TagConfig
from tests.relay_bridge.agent.alarms.support import until
from tests.relay_bridge.agent.drivers.opcua.test_alarms import Watching
from tests.support.node import NodeMissing
from tests.support.opcua_node.process import FarmServer, make_farm_folder

NODE = "nsu=urn:test:farm:things;s=TK-001.Level"
LEVEL = TagConfig("TK-001.level", "main", NODE, "TK-001", "Level", "number")
pytestmark = pytest.mark.asyncio(loop_scope="session")


class FarmWatching(Watching):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.board.rows._places = Places([LEVEL], [AssetConfig("TK-001", "TK-001", "North", "tank")])
        config = OpcUaSettings("main", url, security="None", allow_insecure=True, publish_ms=100, alarms=True)
        self.driver = make_driver(config, [OpcUaTag(LEVEL.id, NODE)])
        self.driver.watch_alarms(self.board.table)

    def levels(self) -> list[tuple[bool, bool, bool]]:
        """Branch, active and acknowledged of what stands of the tank's level."""
        return sorted((row.branch, row.act, row.ack) for row in self.board.table.rows() if row.tag == LEVEL.id)

    def find(self, *, branch: bool):
        row = next(row for row in self.board.table.rows() if row.tag == LEVEL.id and row.branch == branch)
        standing = self.board.table.find(row.id)
        assert standing is not None
        return standing

    def point(self, number: int):
        return self.board.row(f"P-{number:04d} Fault")


async def test_alarms_with_and_without_branches(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = make_farm_folder(tmp_path_factory.mktemp("alarms") / "farm")
    try:
        async with (
            FarmServer(folder, extras=["alarms.js"], alarms={"points": 40}, fillers=1) as farm,
            FarmWatching(farm.url) as watching,
        ):
            await watching.online()
            await _with_branches(farm, watching)
            await _shelving(farm, watching)
            await _without_branches(farm, watching)
            await _refreshes(farm, watching)
            await _burst(farm, watching)
    except NodeMissing as missing:
        pytest.skip(str(missing))


async def _with_branches(farm: FarmServer, watching: FarmWatching) -> None:
    await farm.ask("set", node="TK-001.Level", value=15)
    await until(lambda: watching.levels() == [(False, True, False)])
    first = watching.find(branch=False)
    assert (first.row.cond, first.row.conf, first.row.asset) == ("High", False, "TK-001")
    # It clears before anybody acknowledged it: that occurrence lives on as a branch beside the quiet alarm itself.
    await farm.ask("set", node="TK-001.Level", value=10)
    await until(lambda: watching.levels() == [(False, False, True), (True, True, False)])
    assert watching.board.kinds() == ["active", "cleared"]  # nobody acknowledged anything
    branch = watching.find(branch=True)
    assert branch.ref.condition == first.ref.condition
    with pytest.raises(AckRefused) as refused:
        await watching.driver.acknowledge(branch.ref, b"no such event", "", 2.0)
    assert refused.value.word == "stale"
    await watching.driver.acknowledge(branch.ref, branch.event, "seen [me@north via mobile]", 2.0)
    await until(lambda: (True, True, False) not in watching.levels())
    assert "acknowledged" in watching.board.kinds()
    acks = (await farm.ask("acks"))["acks"]
    assert [ack["comment"] for ack in acks] == ["seen [me@north via mobile]"]
    # What is acknowledged must be confirmed here; then it leaves the list.
    for standing in [watching.board.table.find(row.id) for row in watching.board.table.rows()]:
        if standing.row.conf is False:
            await watching.driver.confirm(standing.ref, standing.event, "checked", 2.0)
    await until(lambda: watching.levels() == [])
    assert "confirmed" in watching.board.kinds()


async def _shelving(farm: FarmServer, watching: FarmWatching) -> None:
    await farm.ask("set", node="TK-001.Level", value=19)
    await until(watching.levels)
    standing = watching.find(branch=False)
    assert standing.row.cond == "HighHigh"
    # This server tells nobody of shelving: only the refresh that follows shows it.
    await watching.driver.shelve(standing.ref, 60_000, "", 3.0)
    await until(lambda: watching.find(branch=False).row.shelf)
    await watching.driver.shelve(standing.ref, 0, "", 3.0)
    await until(lambda: not watching.find(branch=False).row.shelf)


async def _without_branches(farm: FarmServer, watching: FarmWatching) -> None:
    await farm.ask("raise", number=1, severity=650, message="pump 1 trips")
    await until(lambda: watching.point(1))
    assert (watching.point(1).sev, watching.point(1).act, watching.point(1).msg) == (650, True, "pump 1 trips")
    assert watching.point(1).quality == "good"
    # What it is worked out from turns bad: the server's word that it is over is not believed.
    await farm.ask("raise", number=1, active=False, quality="BadSensorFailure")
    await until(lambda: watching.point(1).quality == "bad")
    assert watching.point(1).act and "cleared" not in watching.board.kinds()[-2:]
    await farm.ask("raise", number=1, active=False)
    await until(lambda: not watching.point(1).act)
    assert watching.point(1).quality == "good"
    assert not watching.point(1).branch
    standing = watching.board.table.find(watching.point(1).id)
    await watching.driver.acknowledge(standing.ref, standing.event, "", 2.0)
    await until(lambda: watching.point(1) is None or watching.point(1).ack)


async def _refreshes(farm: FarmServer, watching: FarmWatching) -> None:
    await farm.ask("raise", number=2)
    await until(lambda: watching.point(2))
    await farm.ask("forget", number=2)
    await farm.ask("require_refresh")
    await until(lambda: watching.point(2) is None)
    await farm.ask("raise", number=3)
    await until(lambda: watching.point(3))
    await farm.ask("forget", number=3)
    await farm.ask("drop_sessions")
    await until(lambda: watching.sink.states[-1][0] == 2)
    await until(lambda: watching.point(3) is None and watching.levels())
    await watching.online()


async def _burst(farm: FarmServer, watching: FarmWatching) -> None:
    before = len(watching.board.notes)
    for round_ in range(20):
        await farm.ask("raise", number=1, count=40, active=round_ % 2 == 0)
    await until(lambda: len(watching.board.notes) >= before + 800)
    assert watching.board.kinds()[before:].count("active") == 400 == watching.board.kinds()[before:].count("cleared")
