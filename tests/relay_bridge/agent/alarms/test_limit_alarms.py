"""The agent's own alarms: raised and cleared by values alone, never by their absence; acknowledged for good."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relay_bridge.agent.alarms import limit_alarms as module
from relay_bridge.agent.alarms.limit_alarms import LimitAlarms
from relay_bridge.agent.alarms.limit_rules import limit_rules
from relay_bridge.agent.alarms.places import Places
from relay_bridge.agent.alarms.store import AlarmStore
from relay_bridge.agent.alarms.table import Standing
from relay_bridge.agent.drivers.abilities import AckRefused
from relay_bridge.agent.tags import AssetConfig, TagConfig
from relay_bridge.contract.alarms import AlarmRow
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import Limits
from relay_bridge.contract.readings import Reading
from tests.relay_bridge.agent.alarms.support import Board
from tests.relay_bridge.agent.support import ManualClock

TAG = TagConfig(
    "TK-101.level", "main", "nsu=urn:plant;s=TK-101.Level", "TK-101", "Level", "number",
    limits=Limits(h=13.0, hh=14.0), hysteresis=0.5,
)  # fmt: skip
BAD_SENSOR, UNCERTAIN_SENSOR, LAST_USABLE = 0x808C0000, 0x40930000, 0x40900000


class Plant:
    """What the agent's subscriptions tell, by hand."""

    def __init__(self) -> None:
        self.down = False
        self.reading: Reading | None = None
        self.watchers: list[LimitAlarms] = []

    def join(self, watcher) -> None:
        self.watchers.append(watcher)

    def watch(self, watcher, tags) -> dict[str, int]:
        return {tag.id: number for number, tag in enumerate(tags, 1)}

    def current(self, tag: str) -> Reading | None:
        return self.reading

    def is_down(self, source: str) -> bool:
        return self.down

    def tell(self, value: float | None, quality: int = 0) -> None:
        self.reading = Reading(value, 1, quality)
        for watcher in self.watchers:
            watcher.put(1, self.reading)

    def set_down(self, down: bool) -> None:
        self.down = down
        for watcher in self.watchers:
            watcher.source_changed()


class Run:
    """One life of the agent over a folder."""

    def __init__(self, folder: Path, *tags: TagConfig, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.board = Board(clock=self.clock)
        self.plant = Plant()
        self.store = AlarmStore(folder / "alarms.sqlite3", module.TABLES)
        self.store.open()
        rules = limit_rules(tags or (TAG,), ["main"])
        self.limits = LimitAlarms(
            rules, table=self.board.table, store=self.store, values=self.plant, clock=self.clock, unit_of=lambda _: "m"
        )
        self.limits.open()

    def end(self) -> None:
        self.limits.close()
        self.store.close()

    def row(self, cond: str = "High") -> AlarmRow | None:
        return next((row for row in self.board.table.rows() if row.cond == cond), None)

    def standing(self, cond: str = "High") -> Standing:
        row = self.row(cond)
        assert row is not None
        found = self.board.table.find(row.id)
        assert found is not None
        return found

    async def acknowledge(self, cond: str = "High") -> None:
        standing = self.standing(cond)
        await self.limits.acknowledge(standing.ref, standing.event, "seen [me@north via mobile]", 1.0)


@pytest.fixture
def run(tmp_path: Path):
    made = Run(tmp_path)
    yield made
    made.end()


async def test_a_value_raises_and_clears_with_hysteresis(run: Run) -> None:
    run.plant.tell(12.9)
    assert run.row() is None
    run.plant.tell(13.2)
    row = run.row()
    assert (row.act, row.ack, row.sev, row.agent, row.tag, row.asset) == (True, False, 700, True, TAG.id, "TK-101")
    assert row.msg == "13.2 m is at or above the high limit of 13 m"
    run.plant.tell(12.6)
    assert run.row() == row
    run.plant.tell(12.4)
    assert (run.row().act, run.row().ack, run.row().t_clr > 0) == (False, False, True)
    run.plant.tell(13.3)
    assert run.row().eid != row.eid
    assert run.board.kinds() == ["active", "cleared", "active"]


async def test_each_limit_is_its_own_alarm(run: Run) -> None:
    run.plant.tell(14.5)
    assert {row.cond for row in run.board.table.rows()} == {"High", "HighHigh"}
    run.plant.tell(13.2)
    assert (run.row("HighHigh").act, run.row("High").act) == (False, True)


async def test_acknowledged_and_cleared_it_leaves_the_list(run: Run) -> None:
    run.plant.tell(13.2)
    await run.acknowledge()
    assert (run.row().ack, run.row().by, run.row().comment, run.row().act) == (True, "me", "seen", True)
    run.plant.tell(10.0)
    assert run.row() is None
    assert run.board.kinds() == ["active", "acknowledged", "cleared"]


@pytest.mark.parametrize(
    ("value", "quality"),
    [(None, BAD_SENSOR), (5.0, BAD_SENSOR), (5.0, LAST_USABLE), (5.0, UNCERTAIN_SENSOR), (None, 0), ("off", 0)],
)
async def test_what_is_not_good_clears_nothing_and_marks_it(run: Run, value, quality: int) -> None:
    run.plant.tell(13.2)
    eid = run.row().eid
    run.plant.tell(value, quality)
    assert (run.row().act, run.row().eid) == (True, eid)
    assert run.row().msg.endswith("uncertain" if quality == UNCERTAIN_SENSOR else "the value is not current")
    assert run.row().quality == ("uncertain" if quality == UNCERTAIN_SENSOR else "bad")
    run.plant.tell(13.1)
    assert "value is" not in run.row().msg and run.row().quality == "good"
    assert run.board.kinds() == ["active"]


async def test_a_bad_value_raises_nothing_and_an_uncertain_one_does(run: Run) -> None:
    run.plant.tell(15.0, BAD_SENSOR)
    run.plant.tell(15.0, LAST_USABLE)
    assert run.row() is None
    run.plant.tell(13.5, UNCERTAIN_SENSOR)
    assert run.row().act and run.row().quality == "uncertain"


async def test_a_dead_source_keeps_the_alarm_and_marks_it_until_it_is_back(run: Run) -> None:
    run.plant.tell(13.2)
    run.plant.set_down(True)
    assert (run.row().act, run.row().msg[-24:]) == (True, "the value is not current")
    run.plant.set_down(False)  # with the same value as before, which is not told again
    assert "not current" not in run.row().msg


async def test_a_delay_must_pass_with_the_value_beyond_all_along(tmp_path: Path) -> None:
    run = Run(tmp_path, TagConfig(**{**TAG.__dict__, "delay_s": 10.0}))
    run.plant.tell(13.2)
    assert run.row() is None
    assert 0 < run.limits.tick() <= 1.0
    run.clock.move(9.0)
    run.plant.tell(12.9)
    run.plant.tell(13.2)
    run.clock.move(9.9)
    run.limits.tick()
    assert run.row() is None
    run.plant.tell(None, BAD_SENSOR)  # nobody saw it beyond
    run.plant.tell(13.2)
    run.clock.move(5.0)
    run.limits.tick()
    assert run.row() is None
    run.clock.move(5.0)
    run.limits.tick()  # no new value is needed: an unchanged one is never told again
    assert run.row().act
    run.end()


async def test_state_and_acknowledgement_survive_a_restart_and_are_marked_until_a_value_comes(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.plant.tell(14.5)
    await run.acknowledge("High")
    eids = {row.cond: row.eid for row in run.board.table.rows()}
    run.end()
    again = Run(tmp_path)
    assert {row.cond: row.eid for row in again.board.table.rows()} == eids
    assert (again.row("High").ack, again.row("High").by, again.row("HighHigh").ack) == (True, "me", False)
    assert again.row("High").msg.endswith("the value is not current") and again.row("High").quality == "bad"
    assert again.board.kinds() == []  # nothing happened
    again.plant.tell(14.6)
    assert "not current" not in again.row("High").msg
    again.plant.tell(1.0)
    assert [row.cond for row in again.board.table.rows()] == ["HighHigh"]
    again.end()
    third = Run(tmp_path, TagConfig(**{**TAG.__dict__, "limits": Limits(l=2.0)}))
    assert third.board.table.rows() == []
    third.end()


async def test_an_acknowledgement_is_bound_to_what_was_seen_and_done_once(run: Run) -> None:
    run.plant.tell(13.2)
    seen = run.standing()
    run.plant.tell(12.0)
    with pytest.raises(AckRefused) as refused:
        await run.limits.acknowledge(seen.ref, seen.event, "", 1.0)
    assert refused.value.word == "stale"
    await run.acknowledge()
    with pytest.raises(AckRefused) as refused:
        await run.limits.acknowledge(seen.ref, seen.event, "", 1.0)
    assert refused.value.word == "gone"


async def test_what_cannot_be_kept_is_not_acknowledged(run: Run) -> None:
    run.plant.tell(13.2)
    run.store.close()
    with pytest.raises(RequestRefused):
        await run.acknowledge()
    assert not run.row().ack
    run.store.open()


async def test_shelving_ends_by_itself_also_over_a_restart(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.plant.tell(13.2)
    await run.limits.shelve(run.standing().ref, 60_000, "", 1.0)
    assert run.row().shelf == run.clock.wall_ms() + 60_000
    run.clock.move(30)
    run.end()
    again = Run(tmp_path, clock=run.clock)
    again.limits.tick()
    assert again.row().shelf
    again.clock.move(31)
    again.limits.tick()
    assert again.row().shelf == 0
    await again.limits.shelve(again.standing().ref, 60_000, "", 1.0)
    await again.limits.shelve(again.standing().ref, 0, "", 1.0)
    assert again.row().shelf == 0
    again.end()


async def test_running_it_follows_time_and_keeps_what_changed(tmp_path: Path) -> None:
    run = Run(tmp_path)
    task = asyncio.create_task(run.limits.run())
    run.plant.tell(13.2)
    async with asyncio.timeout(5):
        while run.limits._dirty:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    run.store.close()  # without a word of farewell
    again = Run(tmp_path)
    assert again.row().act
    again.end()


async def test_doubt_about_a_value_makes_no_acknowledgement_stale(run: Run) -> None:
    run.plant.tell(13.2)
    asking = asyncio.create_task(run.acknowledge())
    await asyncio.sleep(0)
    run.plant.tell(13.2, UNCERTAIN_SENSOR)  # while the disk takes its time
    await asking
    row = run.row()
    assert row is not None and row.ack and "uncertain" in row.msg


async def test_a_value_that_comes_back_meanwhile_makes_it_stale(run: Run) -> None:
    run.plant.tell(13.2)
    asking = asyncio.create_task(run.acknowledge())
    await asyncio.sleep(0)
    run.plant.tell(12.0)
    with pytest.raises(AckRefused) as refused:
        await asking
    assert refused.value.word == "stale"


async def test_two_tanks_that_are_read_alike_have_their_own_alarms(tmp_path: Path) -> None:
    tags = [
        TagConfig(f"{tank}.level", "main", "Level", tank, "Level", "number", limits=Limits(h=13.0))
        for tank in ("TK-101", "TK-102")
    ]
    run = Run(tmp_path, *tags)
    run.board.rows._places = Places(tags, [AssetConfig(tank, "", "North", "tank") for tank in ("TK-101", "TK-102")])
    run.limits.put(1, Reading(13.2, 1, 0))
    row = run.row()
    assert (row.name, row.tag, row.asset, row.area) == ("TK-101 Level high", "TK-101.level", "TK-101", "North")
    run.end()
