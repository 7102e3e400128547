"""A request that ends before its answer is whole: its caller leaves, or the relay is late, silent or does not read."""

from __future__ import annotations

import asyncio
import time

import pytest

from relay_bridge.protocol.errors import (
    RelayTimeout,
)
from relay_bridge.transport.streams import StreamClosed
from tests.relay_bridge.transport.raw_relay import DEADLINE, call, saying, sending
from tests.support.raw_http import answer

# The caller leaves


async def test_leaving_early_drops_the_connection_at_once():
    ended = asyncio.get_running_loop().create_future()

    async def script(there):
        await there.head()
        await there.say(b"HTTP/1.1 200 OK\r\nVia: x\r\nContent-Length: 100\r\n\r\nabc")
        ended.set_result(await there.ended())

    async with sending(script) as sender:
        async with sender.request("GET") as response:
            async for chunk in response.body():
                assert chunk == b"abc"
                break
        assert await ended
        assert sender._pool.connections == 0
        with pytest.raises(RuntimeError, match="async with"):
            async for _ in response.body():
                pass


async def test_leaving_before_the_body_was_read_keeps_one_whose_answer_has_come_whole():
    async with sending(saying(answer(b"abc"), answer(b"def"))) as sender:
        for _ in range(2):
            async with sender.request("GET"):
                pass
        assert sender.server.connections == 1


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nVia: x\r\nContent-Length: 100\r\n\r\nabc"])
async def test_being_cancelled_drops_the_connection_at_once(said):
    loop = asyncio.get_running_loop()
    asked, ended = loop.create_future(), loop.create_future()

    async def script(there):
        await there.head()
        await there.say(said)
        asked.set_result(None)
        ended.set_result(await there.ended())

    async def call(sender):
        async with sender.request("GET") as response:
            await response.read()

    async with sending(script) as sender:
        task = asyncio.create_task(call(sender))
        await asked
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        assert await ended
        await asyncio.wait({task})
        assert task.cancelled()
        assert sender._pool.connections == 0


async def test_being_cancelled_ends_the_body():
    closed = asyncio.Event()

    async def parts():
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0)
        finally:
            closed.set()

    async def script(there):
        await there.head()
        await there.ended()

    async def call(sender):
        async with sender.request("POST", body=parts()):
            pass

    async with sending(script) as sender:
        task = asyncio.create_task(call(sender))
        while not (sender._pool and sender._pool._leased):
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        await closed.wait()


# The relay lets it wait


async def test_no_head_within_the_timeout():
    async def script(there):
        await there.head()
        await there.ended()

    async with sending(script) as sender:
        with pytest.raises(RelayTimeout, match=r"did not answer within 0\.1 s") as caught:
            async with sender.request("GET", timeout=0.1):
                pass
        assert (caught.value.status, sender._pool.connections) == (0, 0)


async def test_a_head_that_drips():
    async def script(there):
        await there.head()
        for byte in answer(headers="X: " + "a" * 5000 + "\r\n"):
            await there.say(bytes([byte]))
            await asyncio.sleep(0.01)

    async with sending(script) as sender:
        started = time.monotonic()
        with pytest.raises(RelayTimeout):
            async with sender.request("GET", timeout=0.15):
                pass
        assert time.monotonic() - started < 1


async def test_a_slow_body_moves_the_deadline_and_a_stalled_one_does_not():
    async def slow():
        for _ in range(6):
            yield b"x"
            await asyncio.sleep(0.05)

    async def stalled():
        yield b"x"
        await asyncio.Event().wait()

    async def script(there):
        await there.head()
        await there.chunked()
        await there.say(answer(b"ok"))

    async with sending(script) as sender:
        async with sender.request("POST", body=slow(), timeout=0.2) as response:
            assert await response.read() == b"ok"
        with pytest.raises(RelayTimeout):
            async with sender.request("POST", body=stalled(), timeout=0.1):
                pass


async def test_a_relay_that_does_not_take_the_body():
    async def script(there):
        there.reader._transport.pause_reading()
        await asyncio.sleep(DEADLINE)

    async with sending(script) as sender:
        with pytest.raises(RelayTimeout, match=r"took nothing of the request's body for 0\.1 s"):
            async with sender.request("PUT", body=b"x" * 30_000_000, idle_timeout=0.1):
                pass


async def test_a_relay_that_answers_and_does_not_take_the_rest():
    async def script(there):
        await there.head()
        there.reader._transport.pause_reading()
        await there.say(b"HTTP/1.1 200 OK\r\nVia: x\r\nContent-Length: 3\r\n\r\n")
        for byte in (b"a", b"b", b"c"):
            await asyncio.sleep(0.08)
            await there.say(byte)
        await asyncio.sleep(DEADLINE)

    async with sending(script) as sender:
        async with sender.request("PUT", body=b"x" * 30_000_000, idle_timeout=0.15) as response:
            assert await response.read() == b"abc"
        assert sender._pool.connections == 0


async def test_nothing_more_of_the_answer():
    async def script(there):
        await there.head()
        await there.say(b"HTTP/1.1 200 OK\r\nVia: x\r\nContent-Length: 100\r\n\r\nabc")
        await there.ended()

    async with sending(script) as sender:
        with pytest.raises(StreamClosed, match=r"for 0\.1 s"):
            async with sender.request("GET", idle_timeout=0.1) as response:
                await response.read()
        assert sender._pool.connections == 0


# Its turn


async def test_a_hundred_at_once_over_eight_connections():
    async def script(there):
        while True:
            head = await there.head()
            await there.say(answer(head.split(b" ")[1]))

    async with sending(script, max_connections=8) as sender:
        bodies = await asyncio.gather(*(call(sender, "GET", suffix=str(n)) for n in range(100)))
        assert bodies == [b"/sites/north/%d" % n for n in range(100)]
        assert sender.server.connections == 8


async def test_a_request_waits_for_its_turn_no_longer_than_its_timeout():
    async def script(there):
        await there.head()
        await there.say(b"HTTP/1.1 200 OK\r\nVia: x\r\nContent-Length: 100\r\n\r\nabc")
        await there.ended()

    async with sending(script, max_connections=1) as sender, sender.request("GET"):
        with pytest.raises(RelayTimeout, match=r"was not free for 0\.05 s"):
            async with sender.request("GET", timeout=0.05):
                pass
        assert sender._pool.waiting == 0
