"""Whatever breaks around an attempt: its outcome is the truth, and it is kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from relay_bridge.agent.acting.executor import MAX_UNSAVED
from relay_bridge.agent.acting.key_store import StoreFailed
from relay_bridge.agent.acting.openings import NOT_YET
from relay_bridge.agent.drivers.abilities import OutcomeUnknown
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import GOOD
from tests.relay_bridge.agent.acting.support import ANN, PLANT, WRITES, Bench, admitted, bench, events, write
from tests.relay_bridge.agent.support import SiteFolder

BIG = 9_007_199_254_740_000  # a counter of 53 bits
COUNTERS = """
[[source]]
id = "main"
kind = "memory"
[source.values]
"A.batch" = 9007199254740000
"A.recipe" = 2000000000

[[tag]]
id = "A.batch"
area = "North farm"
source = "main"
decimals = 0
[[tag]]
id = "A.recipe"
area = "North farm"
source = "main"
decimals = 0

[[write]]
tag = "A.batch"
type = "int64"
min = 0
max = 9007199254740992
settle_s = 0
min_interval_s = 0
interlock = [ { tag = "A.recipe", equals = 2000000000 } ]
"""


def breaks_after(built: Bench, reads: int) -> None:
    """From its ``reads``-th fresh reading on the driver breaks in a way that nobody foresaw."""
    real, asked = built.driver.read, iter(range(10_000))

    async def read(tags: Any, deadline: float) -> Any:
        if next(asked) >= reads:
            raise ConnectionResetError("the cable was pulled")
        return await real(tags, deadline)

    built.driver.read = read  # type: ignore[method-assign]


async def test_a_driver_that_breaks_while_it_is_read_back_does_not_undo_what_was_taken(site: SiteFolder) -> None:
    async with bench(site) as built:
        breaks_after(built, 1)
        request = write(built.clock)
        answer = await built.write(request)
        assert (answer.res, answer.before, answer.after) == ("sent", 60.0, None)
        assert "could not be read" in answer.msg
        assert await built.write(request) == answer  # kept, and not done again
        assert len(built.driver.effects) == 1
    assert [tag for tag, _ in events(site)].count("agent:write:sent") == 1


@pytest.mark.parametrize("error", [OutcomeUnknown("it was asked twice"), ConnectionResetError()], ids=str)
async def test_a_driver_that_breaks_at_the_fresh_look_has_changed_nothing(site: SiteFolder, error: Exception) -> None:
    async with bench(site) as built:

        async def read(tags: Any, deadline: float) -> Any:
            raise error

        built.driver.read = read  # type: ignore[method-assign]
        answer = await built.write()
        assert (answer.res, answer.c) == ("refused", "internal"), "unknown would make people fear for nothing"
        assert not built.driver.effects


async def test_a_driver_that_breaks_after_a_lost_answer_stays_unknown(site: SiteFolder) -> None:
    async with bench(site) as built:
        breaks_after(built, 1)
        built.driver.behaviour.lose_answer = True
        request = write(built.clock)
        answer = await built.write(request)
        assert (answer.res, answer.pending) == ("unknown_outcome", False)
        assert await built.acting.outcome(ANN, request.key) == answer


async def test_a_driver_that_breaks_at_the_fresh_look_did_nothing(site: SiteFolder) -> None:
    async with bench(site) as built:
        breaks_after(built, 0)
        answer = await built.write()
        assert (answer.res, answer.c) == ("refused", "internal")
        assert built.driver.effects == []


async def test_a_journal_that_breaks_at_the_end_costs_no_outcome(
    site: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(site) as built:
        real = built.site.journal.record

        def record(tag: str, **facts: Any) -> Any:
            if tag == "agent:write:done":
                raise ValueError("a fact that nobody foresaw")
            return real(tag, **facts)

        monkeypatch.setattr(built.site.journal, "record", record)
        request = write(built.clock)
        assert (await built.write(request)).res == "done"
        assert (await built.write(request)).res == "done"
        assert len(built.driver.effects) == 1


@pytest.mark.parametrize(("expected", "code"), [(BIG, ""), (BIG - 1, "expected"), (BIG - 4000, "expected")])
async def test_large_whole_numbers_are_expected_to_the_last_digit(site: SiteFolder, expected: int, code: str) -> None:
    async with bench(site, COUNTERS) as built:
        answer = await built.write(tag="A.batch", v=BIG + 5, exp=expected, unit="")
        assert (answer.res, answer.c) == (("refused", code) if code else ("done", ""))


async def test_an_interlock_of_a_large_number_is_exact(site: SiteFolder) -> None:
    async with bench(site, COUNTERS) as built:
        built.driver.set("A.recipe", 2_000_000_001)
        answer = await built.write(tag="A.batch", v=BIG + 5, exp=BIG, unit="")
        assert (answer.res, answer.c) == ("refused", "interlock")


async def test_an_entry_is_closed_after_its_source_was_away_until_it_was_asked_again(site: SiteFolder) -> None:
    async with bench(site) as built:
        entry = built.acting.openings.writes["P-101.sp"]
        assert built.acting.openings.closed(entry) == ""
        built.driver.set_state(2, "away")
        built.clock.move(1.0)  # type: ignore[attr-defined]
        built.driver.set_state(0)
        assert built.acting.openings.closed(entry) == NOT_YET
        assert built.acting.openings.reason(entry) == ""  # the list on the phones does not flicker
        with pytest.raises(RequestRefused, match="source_down"):
            await built.write()
        await built.acting.openings.look()
        assert (await built.write()).res == "done"


async def test_a_source_that_says_nothing_holds_up_no_other(site: SiteFolder) -> None:
    other = '[[source]]\nid = "slow"\nkind = "memory"\n[[tag]]\nid = "S.sp"\narea = "a"\nsource = "slow"\nunit = "%"\n'
    slow = '[[write]]\ntag = "S.sp"\ntype = "double"\nmin = 0\nmax = 1\n'
    async with bench(site, PLANT + other, slow, WRITES, ready=False) as built:
        asked = asyncio.Event()

        async def silent(tag: str, deadline: float) -> Any:
            asked.set()
            await asyncio.Event().wait()

        built.agent.drivers["slow"].write_facts = silent  # type: ignore[attr-defined]
        looking = asyncio.create_task(built.acting.openings.look())
        async with asyncio.timeout(2):
            await asked.wait()
            while built.acting.openings.reason(built.acting.openings.writes["P-101.sp"]):
                await asyncio.sleep(0)
        assert (await built.write()).res == "done"
        looking.cancel()


async def test_an_outcome_that_the_disk_did_not_take_is_kept_later(
    site: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(site) as built:
        store, executor = built.acting._store, built.acting._executor

        async def full(key: str, answer: Any) -> None:
            raise StoreFailed("full")

        request = write(built.clock)
        with monkeypatch.context() as patch:
            patch.setattr(store, "finish", full)
            assert (await built.write(request)).res == "done"
            await executor.save()  # still full
        assert len(executor._unsaved) == 1
        await executor.save()
        assert not executor._unsaved
        found = await store.find(request.key)
        assert found is not None and found.answer is not None and found.answer.res == "done"


async def test_an_outcome_that_is_lost_is_unknown_and_not_pending_for_ever(
    site: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(site) as built:
        store, executor = built.acting._store, built.acting._executor

        async def full(key: str, answer: Any) -> None:
            raise StoreFailed("full")

        monkeypatch.setattr(store, "finish", full)
        request = write(built.clock)
        await built.write(request)
        executor._unsaved.clear()  # as if MAX_UNSAVED later ones had pushed it out
        assert MAX_UNSAVED > 0
        for answer in (await built.acting.outcome(ANN, request.key), await built.write(request)):
            assert answer is not None
            assert (answer.res, answer.pending) == ("unknown_outcome", False)
        assert len(built.driver.effects) == 1


async def test_stopped_while_the_key_is_being_kept_nothing_is_done_and_the_journal_says_so(
    site: SiteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(site) as built:
        reached = asyncio.Event()
        real = built.acting._store.begin

        async def begin(wish: Any, aid: str) -> None:
            await real(wish, aid)
            reached.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(built.acting._store, "begin", begin)
        request = write(built.clock)
        asking = asyncio.create_task(built.write(request))
        await reached.wait()
        built.acting._executor._running[request.key].task.cancel()
        assert (await asking).pending
        answer = await built.acting.outcome(ANN, request.key)
        assert answer is not None and (answer.res, answer.c) == ("refused", "busy")
        assert built.driver.effects == []
    assert [tag for tag, _ in events(site)][-2:] == ["agent:write:begun", "agent:write:refused"]


async def test_what_is_refused_beside_a_running_wish_is_in_the_journal_too(site: SiteFolder) -> None:
    async with bench(site) as built:
        built.driver.behaviour.after = 0.05
        request = write(built.clock)
        first = asyncio.create_task(built.write(request))
        await asyncio.sleep(0)
        other = write(built.clock, key=request.key, v=65.0)
        with pytest.raises(RequestRefused, match="bad_request"):
            await built.acting.write(other, admitted(other, built.clock), "s")
        await first
        assert built.driver._readings["P-101.sp"].quality == GOOD
    assert any(tag == "agent:write:refused" and "key" in reason for tag, reason in events(site))
