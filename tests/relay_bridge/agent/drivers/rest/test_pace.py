"""Requests a second: never more in any second, people first, nobody starved."""

from __future__ import annotations

import asyncio

import pytest

from relay_bridge.agent.drivers.rest.pace import Pace


async def test_never_more_than_the_rate_in_any_second() -> None:
    pace, loop = Pace(50), asyncio.get_running_loop()
    times: list[float] = []

    async def one() -> None:
        await pace.turn()
        times.append(loop.time())

    await asyncio.gather(*(one() for _ in range(60)))
    assert times[-1] - times[0] >= 0.99
    assert all(later - earlier >= 0.99 for earlier, later in zip(times, times[50:], strict=False))


async def test_slower_than_one_a_second() -> None:
    now = [100.0]
    pace = Pace(0.1, clock=lambda: now[0])
    await pace.turn()
    second = asyncio.create_task(pace.turn())
    await asyncio.sleep(0)
    assert not second.done()
    now[0] += 9.9
    pace._serve()
    assert not second.done()
    now[0] += 0.2
    pace._serve()
    await second
    pace.close()


async def test_people_go_first_and_polling_is_not_starved() -> None:
    now = [100.0]
    pace = Pace(1, clock=lambda: now[0])
    await pace.turn()
    order: list[str] = []

    async def one(name: str, urgent: bool) -> None:
        await pace.turn(urgent=urgent)
        order.append(name)

    tasks = [asyncio.create_task(one("poll", False)) for _ in range(2)]
    tasks += [asyncio.create_task(one("read", True)) for _ in range(6)]
    for _ in range(8):
        await asyncio.sleep(0)
        now[0] += 1.0
        pace._serve()
    await asyncio.gather(*tasks)
    assert order == ["read", "read", "read", "poll", "read", "read", "read", "poll"]
    pace.close()


async def test_whoever_gives_up_does_not_use_a_turn() -> None:
    now = [100.0]
    pace = Pace(1, clock=lambda: now[0])
    await pace.turn()
    first, second = asyncio.create_task(pace.turn()), asyncio.create_task(pace.turn())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    now[0] += 1.0
    pace._serve()
    await second
    pace.close()
