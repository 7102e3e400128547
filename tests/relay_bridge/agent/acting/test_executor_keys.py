"""Rule 4: one key, one attempt. It is on the disk before the source is touched, and outlives crash and full disk."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import Any

import pytest

from relay_bridge.contract.errors import RequestRefused
from tests.relay_bridge.agent.acting.support import (
    BOB,
    admitted,
    bench,
    events,
    stored,
    write,
)
from tests.relay_bridge.agent.support import ManualClock, SiteFolder


async def test_4_same_wish_is_done_once_and_told_twice(site: SiteFolder) -> None:
    async with bench(site) as built:
        request = write(built.clock)
        first = await built.write(request)
        assert first.res == "done" and (first.before, first.after) == (60.0, 70.0) and first.aid
        assert await built.write(request) == first
        assert await stored(built, request.key) == first
        assert built.driver.effects == [("P-101.sp", 70.0)]
    tags = [tag for tag, _ in events(site)]
    assert tags[-3:] == ["agent:write:begun", "agent:write:done", "agent:write:repeated"]


@pytest.mark.parametrize("other", [{"v": 70.5}, {"why": "again"}, {"exp": 60.01}])
async def test_4_other_wish_under_the_key_is_refused(site: SiteFolder, other: dict[str, Any]) -> None:
    async with bench(site) as built:
        request = write(built.clock)
        await built.write(request)
        with pytest.raises(RequestRefused, match="bad_request"):
            await built.write(key=request.key, **other)
        with pytest.raises(RequestRefused, match="bad_request"):  # the same wish of somebody else is another one
            await built.acting.write(request, admitted(request, built.clock, sub=BOB), "s")
        assert len(built.driver.effects) == 1


async def test_4_repetition_in_the_middle_waits_for_the_same_outcome(site: SiteFolder) -> None:
    async with bench(site) as built:
        built.driver.behaviour.after = 0.05
        request = write(built.clock)
        answers = await asyncio.gather(*(built.write(request) for _ in range(20)))
        assert {answer.res for answer in answers} == {"done"} and len({answer.aid for answer in answers}) == 1
        with pytest.raises(RequestRefused, match="bad_request"):
            await asyncio.gather(built.write(request), built.write(key=request.key, v=65.0))
        assert len(built.driver.effects) == 1


async def test_4_without_a_file_of_keys_nothing_is_done(site: SiteFolder) -> None:
    site.put("state/acting.sqlite3", "this is no database, " * 100, mode=0o600)
    async with bench(site) as built:
        with pytest.raises(RequestRefused) as refused:
            await built.write()
        assert refused.value.code == "read_only" and not built.driver.effects and not built.acting.available


async def test_4_file_held_by_another_agent_closes_acting(site: SiteFolder) -> None:
    async with bench(site):
        other = SiteFolder(site.folder / "copy")
        (other.folder / "state").symlink_to(site.folder / "state")
        async with bench(other) as second:
            with pytest.raises(RequestRefused, match="read_only"):
                await second.write()
            assert not second.driver.effects


async def test_4_full_disk_refuses_before_the_source_is_touched(site: SiteFolder) -> None:
    async with bench(site) as built:
        await built.write()
        store = built.acting._store
        store._max_keys = 1
        built.clock.move(60)
        request = write(built.clock, v=65.0, exp=70.0)
        with pytest.raises(RequestRefused, match="read_only"):
            await built.write(request)
        assert len(built.driver.effects) == 1 and await stored(built, request.key) is None


async def test_4_key_is_on_the_disk_before_the_source_is_touched(site: SiteFolder) -> None:
    async with bench(site) as built:
        built.driver.behaviour.before = 0.2
        task = asyncio.create_task(built.write())
        file = site.folder / "state/acting.sqlite3-wal"
        async with asyncio.timeout(5):
            while b"P-101.sp" not in file.read_bytes():
                await asyncio.sleep(0.005)
        assert not built.driver.effects  # pending on the disk, nothing done yet
        assert (await task).res == "done"


async def test_4_pending_after_a_crash_is_unknown_for_ever(site: SiteFolder) -> None:
    clock = ManualClock()
    request = write(clock)
    async with bench(site, clock=clock) as built:
        await built.write(request)
    with contextlib.closing(sqlite3.connect(site.folder / "state/acting.sqlite3", isolation_level=None)) as file:
        file.execute("UPDATE actions SET answer = NULL")  # as a crash before the outcome leaves it
    for _ in range(2):
        async with bench(site, clock=clock) as built:
            told = await stored(built, request.key)
            assert told is not None and (told.res, told.pending) == ("unknown_outcome", False)
            assert await built.write(request) == told
            assert not built.driver.effects
    assert [tag for tag, _ in events(site)].count("agent:write:unknown") == 1


async def test_4_keys_are_forgotten_after_seven_days(site: SiteFolder) -> None:
    clock = ManualClock()
    async with bench(site, clock=clock) as built:
        old = write(clock)
        await built.write(old)
        clock.move(7 * 24 * 3600 - 60)
        await built.write(v=71.0, exp=70.0)
        assert await stored(built, old.key) is not None
        clock.move(3600)
        await built.write(v=72.0, exp=71.0)
        assert await stored(built, old.key) is None
