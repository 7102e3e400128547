"""The pool of connections: its bound, its order, what it keeps and what it drops."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from relay_bridge.protocol.errors import RelayUnavailable
from relay_bridge.transport.http_connection import HttpConnection
from relay_bridge.transport.http_pool import HttpPool
from tests.support.raw_http import RawServer, answer

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
DEADLINE = 5.0  # seconds


async def serving(there):
    while True:
        await there.head()
        await there.say(answer(b"a"))


@contextlib.asynccontextmanager
async def pooled(script=serving, **options):
    async with RawServer(script) as server:
        loop = asyncio.get_running_loop()

        async def open_connection(lost):
            return (await loop.create_connection(lambda: HttpConnection("there", lost), "127.0.0.1", server.port))[1]

        pool = HttpPool(open_connection, "there", **options)
        try:
            async with asyncio.timeout(DEADLINE):
                yield pool, server
        finally:
            await pool.close()


async def use(connection: HttpConnection) -> None:
    connection.start("GET", GET, sent=True)
    await connection.read_head()
    while connection.take() != b"":
        await connection.wait()


async def until(condition) -> None:
    while not condition():
        await asyncio.sleep(0)


async def test_a_connection_is_used_again():
    async with pooled() as (pool, server):
        for _ in range(5):
            connection = await pool.acquire()
            await use(connection)
            pool.release(connection)
        assert (server.connections, pool.connections, pool.idle) == (1, 1, 1)


async def test_the_latest_used_comes_first():
    async with pooled() as (pool, _):
        first, second = await pool.acquire(), await pool.acquire()
        for connection in (first, second):
            await use(connection)
            pool.release(connection)
        assert await pool.acquire() is second
        assert await pool.acquire() is first
        pool.release(first)
        pool.release(second)


async def test_one_whose_answer_was_not_read_is_dropped():
    async def silent(there):
        await there.head()
        await there.ended()

    async with pooled(silent) as (pool, _):
        connection = await pool.acquire()
        connection.start("GET", GET, sent=True)
        pool.release(connection)
        assert (pool.connections, pool.idle, connection.open) == (0, 0, False)


async def test_never_more_than_the_bound_and_first_come_first_served():
    async with pooled(max_connections=2) as (pool, server):
        held = [await pool.acquire(), await pool.acquire()]
        served: list[int] = []

        async def wait(number: int) -> None:
            connection = await pool.acquire()
            served.append(number)
            await use(connection)
            pool.release(connection)

        tasks = [asyncio.create_task(wait(number)) for number in range(6)]
        await until(lambda: pool.waiting == 6)
        assert served == []
        pool.release(held[0])  # kept: it goes to the first in the queue
        held[1].abort()
        pool.release(held[1])  # broken: the next one opens another in its place
        await asyncio.gather(*tasks)
        assert served[:1] == [0]
        assert sorted(served) == list(range(6))
        assert (server.connections, pool.connections, pool.waiting) == (3, 2, 0)


async def test_whoever_stops_waiting_passes_its_turn_on():
    async with pooled(max_connections=1) as (pool, _):
        held = await pool.acquire()
        tasks = [asyncio.create_task(pool.acquire()) for _ in range(3)]
        await until(lambda: pool.waiting == 3)
        tasks[0].cancel()  # while it waits
        await asyncio.wait({tasks[0]})
        pool.release(held)  # the turn of the second, which is cancelled before it can take it
        tasks[1].cancel()
        assert await tasks[2] is held
        assert (pool.waiting, pool.connections) == (0, 1)
        tasks = [asyncio.create_task(pool.acquire()) for _ in range(2)]
        await until(lambda: pool.waiting == 2)
        held.abort()
        pool.release(held)  # the same with an empty place
        tasks[0].cancel()
        pool.release(await tasks[1])
        assert pool.connections == 1


async def test_too_many_who_wait():
    async with pooled(max_connections=1, max_waiting=1) as (pool, _):
        held = await pool.acquire()
        waiting = asyncio.create_task(pool.acquire())
        await until(lambda: pool.waiting == 1)
        with pytest.raises(RelayUnavailable, match="all 1 connections to there are in use, and 1 wait") as caught:
            await pool.acquire()
        assert caught.value.retryable
        pool.release(held)
        pool.release(await waiting)


async def test_a_failure_to_open_frees_the_place():
    attempts = 0

    async def failing(lost):
        nonlocal attempts
        attempts += 1
        raise RelayUnavailable(0, "no")

    pool = HttpPool(failing, "there", max_connections=1)
    for _ in range(3):
        with pytest.raises(RelayUnavailable, match="no"):
            await pool.acquire()
    assert (attempts, pool.connections) == (3, 0)
    await pool.close()


async def test_idle_connections_are_closed_after_a_while():
    async with pooled(idle_for=0.05) as (pool, _):
        connections = [await pool.acquire() for _ in range(3)]
        for connection in connections:
            await use(connection)
            pool.release(connection)
        assert pool.idle == 3
        for connection in connections:
            await connection.wait_closed()
        assert (pool.idle, pool.connections) == (0, 0)


async def test_one_that_the_relay_closes_while_idle_is_forgotten():
    async def once(there):
        await there.head()
        await there.say(answer(b"a"))

    async with pooled(once) as (pool, server):
        connection = await pool.acquire()
        await use(connection)
        pool.release(connection)
        await connection.wait_closed()
        assert (pool.idle, pool.connections) == (0, 0)
        assert await pool.acquire() is not connection
        assert server.connections == 2


async def test_a_fresh_one_also_when_the_pool_is_full_of_idle_ones():
    async with pooled(max_connections=2) as (pool, _):
        old = [await pool.acquire(), await pool.acquire()]
        for connection in old:
            pool.release(connection)
        fresh = await pool.acquire(fresh=True)
        assert fresh not in old
        assert pool.connections == 2
        second = await pool.acquire(fresh=True)
        assert pool.connections == 2
        waiting = asyncio.create_task(pool.acquire(fresh=True))
        await until(lambda: pool.waiting == 1)
        pool.release(second)
        third = await waiting
        assert third not in {fresh, second}
        pool.release(third)
        pool.release(fresh)


async def test_closing_ends_everything():
    async with pooled(max_connections=2) as (pool, _):
        idle, leased = await pool.acquire(), await pool.acquire()
        await use(idle)
        pool.release(idle)
        other = await pool.acquire()
        waiting = asyncio.create_task(pool.acquire())
        await until(lambda: pool.waiting == 1)
        pool.release(other)
        pool.release(await waiting)
        waiting = [asyncio.create_task(pool.acquire()) for _ in range(2)]
        await until(lambda: pool.waiting == 1)
        await pool.close()
        await pool.close()
        with pytest.raises(RelayUnavailable, match="closed here") as caught:
            await waiting[1]
        assert not caught.value.retryable
        assert not leased.open
        pool.release(leased)
        pool.release(await waiting[0])
        assert pool.connections == 0
        with pytest.raises(RelayUnavailable, match="closed here"):
            await pool.acquire()


def test_a_pool_of_none():
    async def make():
        HttpPool(lambda lost: None, "there", max_connections=0)

    with pytest.raises(ValueError, match="at least one"):
        asyncio.run(make())
