"""One HTTP connection against a server that says exactly what the test wants, good and bad."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from relay_bridge.protocol.errors import RelayUnavailable
from relay_bridge.transport.http_connection import HIGH_WATER, MAX_HEAD, READ_SIZE, HttpConnection
from relay_bridge.transport.streams import StreamClosed
from tests.support.raw_http import RawServer, answer

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
DEADLINE = 5.0  # seconds


@contextlib.asynccontextmanager
async def connected(script):
    """A connection to a server that runs ``script``."""
    async with RawServer(script) as server:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: HttpConnection("there"), "127.0.0.1", server.port)
        try:
            async with asyncio.timeout(DEADLINE):
                yield connection
        finally:
            connection.abort()
            await connection.wait_closed()


def saying(*parts: bytes, stay: bool = False):
    """A script: take a request, say ``parts`` one after the other, then hang up (or ``stay``)."""

    async def script(there):
        await there.head()
        for part in parts:
            await there.say(part)
            await asyncio.sleep(0)
        if stay:
            await there.ended()

    return script


async def read_all(connection: HttpConnection) -> bytes:
    parts: list[bytes] = []
    while True:
        chunk = connection.take()
        if chunk == b"":
            return b"".join(parts)
        if chunk is None:
            await connection.wait()
        else:
            parts.append(chunk)


async def ask(connection: HttpConnection, method: str = "GET"):
    connection.start(method, GET.replace(b"GET", method.encode(), 1), sent=True)
    head = await connection.read_head()
    return head, await read_all(connection)


async def test_three_requests_one_after_the_other():
    async def script(there):
        for number in range(3):
            assert await there.head() == GET
            await there.say(answer(b"%d" % number, headers="X-A: 1\r\nx-a: 2\r\n"))

    async with connected(script) as connection:
        for number in range(3):
            head, body = await ask(connection)
            assert (head.status, head.reason, body) == (200, "OK", b"%d" % number)
            assert list(head.headers) == [("Via", "1.1 ns"), ("X-A", "1"), ("x-a", "2"), ("Content-Length", "1")]
            assert connection.reusable
            connection.reset()
        assert connection.served == 3


async def test_an_answer_in_single_bytes():
    whole = b"HTTP/1.1 404 Not  Here\r\nVia: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole += b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n"
    async with connected(saying(*(whole[i : i + 1] for i in range(len(whole))), stay=True)) as connection:
        head, body = await ask(connection)
        assert (head.status, head.reason, body) == (404, "Not  Here", b"abcde")
        assert list(head.headers) == [("Via", "a"), ("Transfer-Encoding", "chunked")]  # no trailer
        assert connection.reusable


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ],
)
async def test_answers_without_a_body_and_the_next_one(method, text):
    async def script(there):
        await there.head()
        await there.say(text)
        await there.head()
        await there.say(answer(b"next"))

    async with connected(script) as connection:
        head, body = await ask(connection, method)
        assert (head.headers.get("content-length") or "0", body) in {("0", b""), ("5000", b"")}
        assert connection.reusable
        connection.reset()
        assert (await ask(connection))[1] == b"next"


async def test_interim_answers_are_passed_over():
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    async with connected(saying(interim, answer(b"final"), stay=True)) as connection:
        head, body = await ask(connection)
        assert (head.status, head.headers.get("link"), body) == (200, None, b"final")


async def test_a_body_that_ends_with_the_connection():
    async with connected(saying(b"HTTP/1.1 200 OK\r\n\r\nabc", b"def")) as connection:
        assert (await ask(connection))[1] == b"abcdef"
        assert not connection.reusable


async def test_close_is_obeyed():
    async with connected(saying(answer(b"a", headers="Connection: close\r\n"), stay=True)) as connection:
        assert (await ask(connection))[1] == b"a"
        assert not connection.reusable


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([b""], "before it answered"),
        ([b"HTTP/1.1 20"], "before it answered"),
        ([b"HTTP/1.1 200 OK\r\nContent-Le"], "before it answered"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n"], "no proper HTTP"),
        ([b"HTTP/1.1 abc OK\r\n\r\n"], "no proper HTTP"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"], "no proper HTTP"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na"], "no proper HTTP"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"], "no proper HTTP"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"], "no proper HTTP"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"], "no proper HTTP"),
        ([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"], "no proper HTTP"),
        ([b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n"], "no proper HTTP"),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"a" * (2 * MAX_HEAD)], "bytes of headers"),
        ([b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * MAX_HEAD], "bytes of headers"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" * MAX_HEAD], "bytes of headers"),
    ],
)
async def test_no_usable_head(parts, words):
    async with connected(saying(*parts)) as connection:
        connection.start("GET", GET, sent=True)
        with pytest.raises(RelayUnavailable, match=words):
            await connection.read_head()
        assert not connection.open


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        (b"Content-Length: 10\r\n\r\nabc", "in the middle"),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "in the middle"),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", "no proper HTTP"),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n" + b"X: " + b"a" * 3 * MAX_HEAD, "bytes of headers"),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;" + b"a" * 3 * MAX_HEAD, "bytes of headers"),
    ],
)
async def test_a_body_that_breaks_off(rest, words):
    async with connected(saying(b"HTTP/1.1 200 OK\r\n" + rest)) as connection:
        connection.start("GET", GET, sent=True)
        await connection.read_head()
        with pytest.raises(StreamClosed, match=words):
            await read_all(connection)


@pytest.mark.parametrize(
    "extra", [b"x", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_more_than_was_asked_for_in_the_same_breath(method, extra):
    text = answer(b"" if method == "HEAD" else b"good") + extra
    async with connected(saying(text, stay=True)) as connection:
        head, body = await ask(connection, method)
        assert (head.status, body) == (200, b"" if method == "HEAD" else b"good")
        assert not connection.reusable


async def test_an_answer_that_nobody_asked_for():
    async with RawServer(lambda there: there.say(answer(b"smuggled"))) as server:
        gone = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: HttpConnection("there", gone.set_result), "127.0.0.1", server.port
        )
        async with asyncio.timeout(DEADLINE):
            assert await gone is connection
        assert not connection.reusable


async def test_a_reader_that_does_not_read_holds_the_server_back():
    size = 20_000_000
    written = 0

    async def script(there):
        nonlocal written
        await there.head()
        await there.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while written < size:
            await there.say(b"x" * 100_000)
            written += 100_000

    async with connected(script) as connection:
        connection.start("GET", GET, sent=True)
        await connection.read_head()
        before = -1
        while before != written or not connection._reading_paused:  # until nothing moves any more
            before = written
            await asyncio.sleep(0.05)
        assert written < size
        assert connection._buffered <= HIGH_WATER + 2 * READ_SIZE
        assert len(await read_all(connection)) == size
        assert connection.reusable
        connection.reset()
        assert not connection._reading_paused


async def test_a_server_that_does_not_read_holds_the_sender_back():
    proceed = asyncio.Event()

    async def script(there):
        there.reader._transport.pause_reading()
        await proceed.wait()
        there.reader._transport.resume_reading()
        await there.exactly(1_000_000)

    async with connected(script) as connection:
        connection.start("PUT", b"", sent=False)
        sent = 0

        async def send():
            nonlocal sent
            for _ in range(400):
                await connection.send(b"x" * 65_536)
                sent += 1

        task = asyncio.create_task(send())
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.05)
        assert sent < 400
        proceed.set()
        with pytest.raises(RelayUnavailable):  # it takes a million bytes and hangs up
            await task


async def test_an_abort_tells_everybody_who_waits():
    async with connected(saying(stay=True)) as connection:
        connection.start("GET", GET, sent=True)
        waiting = asyncio.create_task(connection.read_head())
        await asyncio.sleep(0)
        connection.abort()
        with pytest.raises(StreamClosed, match="dropped here"):
            await waiting
        await connection.wait_closed()
