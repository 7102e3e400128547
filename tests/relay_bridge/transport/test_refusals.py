"""Refusing many at once: a few at a time, in order, none forgotten before its address has expired."""

import asyncio

from relay_bridge.protocol.limits import ACCEPT_DEADLINE
from relay_bridge.transport.refusals import Refusals
from tests.support import autojump


async def test_all_are_told_and_few_at_once():
    refusals = Refusals("place", at_once=3)
    told, now, most = [], 0, 0

    def refuse(number):
        async def work():
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.001)
            now -= 1
            told.append(number)

        return work

    for number in range(30):
        assert refusals.add(refuse(number))
    await refusals.wait_idle()
    assert (sorted(told), most) == (list(range(30)), 3)


async def test_too_many_are_left_to_the_relay_and_the_log_says_so_once(caplog):
    refusals = Refusals("place", at_once=1, max_waiting=2)
    release = asyncio.Event()
    assert [refusals.add(release.wait) for _ in range(5)] == [True, True, False, False, False]
    assert caplog.text.count("too many callers") == 1
    release.set()
    await refusals.wait_idle()
    assert refusals.add(release.wait)
    await refusals.wait_idle()


async def test_stop_leaves_nothing():
    refusals = Refusals("place", at_once=1)
    for _ in range(3):
        refusals.add(asyncio.Event().wait)
    await refusals.stop()
    async with asyncio.timeout(1):
        await refusals.wait_idle()


def test_an_address_that_has_expired_is_not_dialled():
    async def main():
        refusals = Refusals("place", at_once=1)
        told = []

        async def slow():
            await asyncio.sleep(ACCEPT_DEADLINE)
            told.append("slow")

        async def late():
            told.append("late")

        refusals.add(slow)
        refusals.add(late)
        await refusals.wait_idle()
        return told

    assert autojump.run(main()) == ["slow"]
