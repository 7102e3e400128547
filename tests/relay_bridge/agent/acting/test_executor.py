"""Rules 5 to 7 at a source that does what a test says: once, slowly, never, or only half."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from relay_bridge.agent.acting import attempt, executor
from relay_bridge.agent.mode import write_switch
from relay_bridge.contract.acting import SiteMode
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import BAD_NOT_CONNECTED, UNCERTAIN
from tests.relay_bridge.agent.acting.support import (
    ANN,
    BOB,
    PLANT,
    WRITES,
    Bench,
    admitted,
    bench,
    cmd,
    events,
    stored,
    until_effect,
    write,
)
from tests.relay_bridge.agent.support import ManualClock, SiteFolder

# --- 5: one at a time, not too often ----------------------------------------------------------------------------------


async def test_5_second_write_of_a_tag_is_busy_and_leaves_nothing_behind(site: SiteFolder) -> None:
    async with bench(site) as built:
        built.driver.behaviour.after = 0.1
        first = asyncio.create_task(built.write())
        await until_effect(built)
        second = write(built.clock, v=65.0, exp=70.0)
        with pytest.raises(RequestRefused, match="busy"):
            await built.write(second)
        assert (await first).res == "done" and await stored(built, second.key) is None
        built.clock.move(6)
        assert (await built.write(v=65.0, exp=70.0, key=second.key)).res == "done"  # the same key may be used


async def test_5_commands_on_one_state_take_turns(site: SiteFolder) -> None:
    async with bench(site) as built:
        built.driver.behaviour.after = 0.1
        first = asyncio.create_task(built.cmd())
        await until_effect(built)
        with pytest.raises(RequestRefused, match="busy"):
            await built.cmd(id="P-101.stop", exp=True)
        assert (await first).res == "done"


async def test_5_interval_and_rates(site: SiteFolder) -> None:
    rates = "[limits]\nwrites_per_minute_user = 2\nwrites_per_minute_site = 3"
    clock = ManualClock()

    async def by(built: Bench, sub: str, tag: str, value: Any, expected: Any) -> str:
        request = write(clock, tag=tag, v=value, exp=expected)
        try:
            return (await built.acting.write(request, admitted(request, clock, sub=sub), "s")).res
        except RequestRefused as refusal:
            return refusal.code

    async with bench(site, PLANT, WRITES, rates, clock=clock) as built:
        assert await by(built, ANN, "P-101.sp", 61.0, 60.0) == "done"
        clock.move(4.9)
        assert await by(built, BOB, "P-101.sp", 62.0, 61.0) == "rate"  # min_interval_s = 5
        clock.move(0.2)
        assert await by(built, ANN, "P-101.sp", 62.0, 61.0) == "done"
        assert await by(built, ANN, "P-101.grade", "B", "A") == "rate"  # the third of one person
        assert await by(built, BOB, "P-101.grade", "B", "A") == "done"
        assert await by(built, BOB, "P-101.mode", 2, 1) == "rate"  # the fourth of the site
    async with bench(site, PLANT, WRITES, rates, clock=clock) as built:  # a restart resets nothing
        built.driver.set("P-101.sp", 62.0)
        assert await by(built, BOB, "P-101.mode", 2, 1) == "rate"
        clock.move(60)
        assert await by(built, BOB, "P-101.mode", 2, 1) == "done"


# --- 6: a fresh look --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "value", "quality", "code"),
    [
        ("P-101.sp", 60.06, 0, "expected"), ("P-101.sp", 60.0, UNCERTAIN, "expected"),
        ("P-101.sp", None, 0, "expected"), ("P-101.sp", 60.0, BAD_NOT_CONNECTED, "expected"),
        ("P-101.sp", float("nan"), 0, "expected"), ("P-101.mode", 0, 0, "interlock"),
        ("P-101.mode", 1, UNCERTAIN, "interlock"), ("P-101.mode", True, 0, "interlock"),
    ],
)  # fmt: skip
async def test_6_what_is_not_as_it_was_seen(site: SiteFolder, tag: str, value: Any, quality: int, code: str) -> None:
    async with bench(site) as built:
        built.driver.set(tag, value, quality)
        request = write(built.clock)
        answer = await built.write(request)
        assert (answer.res, answer.c) == ("refused", code) and not built.driver.effects
        assert await stored(built, request.key) == answer
        assert await built.write(request) == answer  # a refusal under a key stays one


async def test_6_actual_value_is_told(site: SiteFolder) -> None:
    async with bench(site) as built:
        built.driver.set("P-101.sp", 61.5)
        assert (await built.write()).before == 61.5


async def test_6_size_of_the_change_is_measured_from_what_is_there(site: SiteFolder) -> None:
    async with bench(site) as built:
        built.driver.set("P-101.sp", 59.96)  # within the tolerance of what was seen
        assert (await built.write(v=75.0)).c == "step"
        built.clock.move(6)
        assert (await built.write(v=74.5)).res == "done"


async def test_6_dead_source_is_said(site: SiteFolder) -> None:
    async with bench(site) as built:
        built.driver.set_state(2, "gone")
        answer = await built.write()
        assert (answer.res, answer.c) == ("refused", "source_down")


async def test_6_expected_as_shown_is_near_enough(site: SiteFolder) -> None:
    async with bench(site, PLANT.replace("decimals = 2", "decimals = 1"), WRITES.replace("= 0.05", "= 0")) as built:
        built.driver.set("P-101.sp", 60.04)
        assert (await built.write(exp=60.0, v=65.0)).res == "done"


# --- 7: once ----------------------------------------------------------------------------------------------------------


async def test_7_refused_by_the_source(site: SiteFolder) -> None:
    async with bench(site) as built:
        built.driver.behaviour.refuse = 0x803B0000
        answer = await built.write()
        assert (answer.res, answer.c, answer.ua) == ("refused", "source_refused", 0x803B0000)
        assert not built.driver.effects


async def test_7_taken_and_not_shown_is_sent(site: SiteFolder) -> None:
    async with bench(site) as built:
        built.driver.behaviour.effect = False
        answer = await built.write()
        assert (answer.res, answer.before, answer.after) == ("sent", 60.0, 60.0)
        assert (await built.cmd()).res == "sent"


async def test_7_slow_effect_is_waited_for(site: SiteFolder) -> None:
    async with bench(site) as built:
        built.driver.behaviour.effect = False
        task = asyncio.create_task(built.write())
        await asyncio.sleep(0.05)
        built.driver.set("P-101.sp", 70.0)
        assert (await task).res == "done"


@pytest.mark.parametrize(
    ("unit", "wished", "reads", "res"),
    [
        ("%", 70.5, 70.54, "done"),  # one decimal is shown, and the source keeps more
        ("%", 70.5, 70.56, "sent"),
        ("rpm", 70.0, 70.4, "done"),  # none is shown
        ("rpm", 70.0, 70.6, "sent"),
        ("rpm", 70.4, 70.4, "done"),
        ("rpm", 70.4, 70.0, "sent"),  # what the source cut off was wished, whatever a screen shows of it
    ],
)
async def test_7_reads_as_wished_is_what_a_screen_shows_and_the_wish_itself(
    site: SiteFolder, unit: str, wished: float, reads: float, res: str
) -> None:
    plant = PLANT.replace('unit = "%"\ndecimals = 2', f'unit = "{unit}"')
    rules = WRITES.replace("tolerance = 0.05", "").replace("step = 0.5\n", "")
    async with bench(site, plant, rules) as built:
        built.driver.set("P-101.sp", 60.04 if unit == "%" else 60.4)  # seen as 60: the same rule before and after

        async def keep(tag: str, value: Any, deadline: float) -> None:
            built.driver.set(tag, reads)

        built.driver.write = keep  # type: ignore[method-assign]
        answer = await built.write(v=wished, unit=unit)
        assert (answer.res, answer.before) == (res, 60.0)


@pytest.mark.parametrize("effect", [True, False])
async def test_7_lost_answer_is_unknown_and_not_repeated(site: SiteFolder, effect: bool) -> None:
    async with bench(site) as built:
        built.driver.behaviour.lose_answer, built.driver.behaviour.effect = True, effect
        request = write(built.clock)
        answer = await built.write(request)
        assert (answer.res, answer.c) == ("unknown_outcome", "unknown_outcome")
        assert answer.after == (70.0 if effect else 60.0)  # what is there now, for the person to judge
        assert await built.write(request) == answer
        assert len(built.driver.effects) == int(effect)


async def test_7_silent_source_is_given_up(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "WRITE_DEADLINE", 0.05)
    async with bench(site) as built:
        built.driver.behaviour.after = 60
        assert (await built.write()).res == "unknown_outcome"
        assert built.driver.effects == [("P-101.sp", 70.0)]


@pytest.mark.parametrize("broken", ["write", "read"])
async def test_7_broken_driver_is_unknown_or_nothing(site: SiteFolder, broken: str) -> None:
    async with bench(site) as built:

        async def fall_over(*_: object) -> None:
            raise ValueError("opc.tcp://10.1.2.3")

        setattr(built.driver, broken, fall_over)  # a driver is the foreign part here: it may do anything
        answer = await built.write() if broken == "write" else await built.cmd()
        assert (answer.res, answer.c) == (
            ("unknown_outcome", "unknown_outcome") if broken == "write" else ("refused", "internal")
        )
        assert "10.1.2.3" not in answer.msg


async def test_7_switch_turned_at_the_last_moment_holds(site: SiteFolder) -> None:
    async with bench(site) as built:
        write_switch(built.site.switch.folder, SiteMode("read-only", "Eva", 1, ""))
        answer = await built.write()
        assert (answer.res, answer.c) == ("refused", "read_only") and not built.driver.effects


async def test_7_what_became_late_on_the_way_is_not_done(site: SiteFolder) -> None:
    clock = ManualClock()
    async with bench(site, clock=clock) as built:
        read = built.driver.read

        async def slow(*arguments: Any) -> Any:
            clock.move(11)
            return await read(*arguments)

        built.driver.read = slow  # type: ignore[method-assign] # a source may take its time
        answer = await built.write()
        assert (answer.res, answer.c) == ("refused", "expired") and not built.driver.effects


async def test_no_journal_no_action(site: SiteFolder) -> None:
    async with bench(site) as built:
        built.site.journal.close()
        with pytest.raises(RequestRefused, match="read_only"):
            await built.write()
        assert not built.driver.effects


async def test_single_precision_reads_back(site: SiteFolder) -> None:
    single = (
        WRITES.replace('type = "double"', 'type = "float"').replace("step = 0.5", "step = 0.1").replace("0.05", "0")
    )
    async with bench(site, PLANT.replace("decimals = 2", ""), single) as built:
        built.driver.behaviour.effect = False
        task = asyncio.create_task(built.write(v=60.1))
        await asyncio.sleep(0.05)
        built.driver.set("P-101.sp", 60.099998474121094)  # 60.1 as a single
        assert (await task).res == "done"


# --- sessions come and go ---------------------------------------------------------------------------------------------


async def test_work_goes_on_when_nobody_waits_any_more(site: SiteFolder) -> None:
    async with bench(site) as built:
        built.driver.behaviour.before = 0.1
        request = write(built.clock)
        asking = asyncio.create_task(built.write(request))
        await asyncio.sleep(0.03)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        answer = await stored(built, request.key)  # another session of the same person
        assert answer is not None and (answer.res, answer.pending) == ("done", False)


async def test_long_work_is_pending_first(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "ANSWER_WITHIN", 0.05)
    async with bench(site) as built:
        built.driver.behaviour.before = 0.2
        request = write(built.clock)
        answer = await built.write(request)
        assert (answer.res, answer.pending) == ("unknown_outcome", True)
        async with asyncio.timeout(5):
            while (told := await stored(built, request.key)) is None or told.pending:
                pass
        assert told.res == "done"


@pytest.mark.parametrize(
    ("before", "after", "res"), [(60.0, 0.0, "unknown_outcome"), (0.0, 60.0, "unknown_outcome"), (0.0, 0.0, "sent")]
)
async def test_agent_that_stops_says_how_far_it_came(
    site: SiteFolder, monkeypatch: pytest.MonkeyPatch, before: float, after: float, res: str
) -> None:
    monkeypatch.setattr(executor, "FINISH_WITHIN", 0.05)
    clock = ManualClock()
    request = write(clock)
    async with bench(site, PLANT, WRITES.replace("settle_s = 0.3", "settle_s = 20"), clock=clock) as built:
        built.driver.behaviour.before, built.driver.behaviour.after = before, after
        built.driver.behaviour.effect = res != "sent"
        asking = asyncio.create_task(built.write(request))
        while not (site.folder / "state/acting.sqlite3-wal").read_bytes().count(b"P-101.sp"):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        await built.acting.close()
        assert (await asking).res == "unknown_outcome"  # nobody is left to wait for; the truth is kept
    async with bench(site, clock=clock) as built:
        told = await stored(built, request.key)
        assert told is not None and told.res == res


async def test_trace_is_of_one_person_newest_first(site: SiteFolder) -> None:
    clock = ManualClock()
    async with bench(site, clock=clock) as built:
        await built.write(why="too slow")
        clock.move(10)
        command = cmd(clock)
        await built.acting.cmd(command, admitted(command, clock, sub=BOB), "s")
        clock.move(10)
        with pytest.raises(RequestRefused):
            await built.write(v=9000.0)
        rows = await built.acting.trace(ANN, 10)
        assert [(row.what, row.res, row.target, row.why) for row in rows] == [
            ("write", "refused", "P-101.sp", ""), ("write", "done", "P-101.sp", "too slow")
        ]  # fmt: skip
        assert [row.target for row in await built.acting.trace(BOB, 10)] == ["P-101.start"]
        assert len(await built.acting.trace(ANN, 1)) == 1


async def test_every_attempt_is_in_the_journal(site: SiteFolder) -> None:
    async with bench(site) as built:
        for other in ({"t": 1}, {"v": 9000.0}, {"tag": "nothing"}, {}):
            try:
                await built.write(**other)
            except RequestRefused:
                continue
        built.driver.behaviour.refuse = 0x803B0000
        await built.cmd()
    assert [tag for tag, _ in events(site) if not tag.endswith(":opened")] == [
        "agent:write:refused", "agent:write:refused", "agent:write:refused", "agent:write:begun", "agent:write:done",
        "agent:command:begun", "agent:command:refused",
    ]  # fmt: skip
