"""Places of requests: how many, and how long a handler may hold one."""

import asyncio

import pytest

from relay_bridge.protocol.limits import RESPONSE_DEADLINE
from relay_bridge.transport.places import CHECK_EVERY, Places
from tests.support import autojump


async def test_places_are_counted():
    places = Places(2)
    assert places.empty.is_set()
    first, second = places.take("a"), places.take("b")
    assert (len(places), places.full, "a" in places, "c" in places) == (2, True, True, False)
    places.release(first)
    places.release(first)
    assert (len(places), places.full, places.empty.is_set()) == (1, False, False)
    places.release(second)
    assert places.empty.is_set()
    places.stop()


async def test_an_old_place_does_not_release_its_successor():
    places = Places(2)
    old = places.take("a")
    places.release(old)
    places.take("a")
    places.release(old)
    assert len(places) == 1
    places.stop()


def test_a_handler_that_takes_too_long_is_cancelled_and_one_that_answers_is_not():
    async def main():
        places = Places(3)
        clock = asyncio.get_running_loop().time

        async def handler():
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                ended.append(clock())
                raise

        ended = []
        tasks = [asyncio.create_task(handler()) for _ in range(3)]
        late, answering = places.take("late", tasks[0]), places.take("answering", tasks[1])
        answering.answering = True
        await asyncio.sleep(30)
        young = places.take("young", tasks[2])
        await asyncio.sleep(RESPONSE_DEADLINE - 30 + CHECK_EVERY)
        assert [task.cancelled() for task in tasks] == [True, False, False]
        assert (late.late, answering.late, young.late) == (True, False, False)
        assert ended == [pytest.approx(RESPONSE_DEADLINE, abs=CHECK_EVERY)]
        for place in (late, answering, young):
            places.release(place)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        places.stop()

    autojump.run(main())
