"""The loop that does not wait keeps the order of things, and real sockets keep up with it."""

import asyncio
import time

import pytest

from tests.support import autojump


def test_a_day_passes_at_once():
    async def main():
        before = autojump.wall_clock()
        await asyncio.sleep(86_400)
        return autojump.wall_clock() - before

    started = time.perf_counter()
    assert autojump.run(main()) == pytest.approx(86_400)
    assert time.perf_counter() - started < 1.0


def test_timers_keep_their_order():
    async def main():
        seen = []

        async def say(word, after):
            await asyncio.sleep(after)
            seen.append((word, asyncio.get_running_loop().time()))

        await asyncio.gather(say("late", 300.0), say("early", 0.5), say("between", 60.0))
        return seen

    assert [word for word, _ in autojump.run(main())] == ["early", "between", "late"]


def test_a_socket_is_faster_than_any_timeout():
    async def answer(reader, writer):
        for _ in range(50):
            writer.write((await reader.readline()).upper())
        writer.close()

    async def main():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for _ in range(50):
            writer.write(b"word\n")
            async with asyncio.timeout(0.01):
                assert await reader.readline() == b"WORD\n"
        writer.close()
        server.close()
        await server.wait_closed()
        return asyncio.get_running_loop().time()

    assert autojump.run(main()) < 0.01


def test_a_timeout_with_nothing_to_come_does_expire():
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert autojump.run(main()) == pytest.approx(30)
