"""The wire: what goes out byte by byte, and what may come back."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import Any

import pytest

from relay_bridge.agent.drivers.rest.client import HttpClient
from relay_bridge.agent.drivers.rest.problems import Trouble
from tests.support.raw_http import RawConnection, RawServer


def client(port: int, prefix: str = "", **facts: Any) -> HttpClient:
    named: dict[str, Any] = {"rate": 100, "connections": 1, "first_byte": 1.0, "deadline": 2.0, "max_answer": 10_000}
    return HttpClient(f"http://127.0.0.1:{port}{prefix}", None, **{**named, **facts})


async def answered(*parts: bytes, close: bool = True, **facts: Any) -> Any:
    async def script(connection: RawConnection) -> None:
        await connection.head()
        for part in parts:
            await connection.say(part)
            await asyncio.sleep(0)
        if not close:
            await connection.ended()

    async with RawServer(script) as server:
        http = client(server.port, **facts)
        try:
            return await http.ask("GET", "/x", {})
        finally:
            await http.close()


async def test_the_request_byte_by_byte() -> None:
    heads: list[bytes] = []

    async def script(connection: RawConnection) -> None:
        heads.append(await connection.head())
        heads.append(await connection.exactly(7))
        await connection.say(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with RawServer(script) as server:
        http = client(server.port, "/api/")
        answer = await http.ask(
            "POST", "/x?y=%2F", {"Authorization": "Bearer t", "Content-Type": "text/plain"}, b'{"a":1}'
        )
        await http.close()
        assert (answer.status, answer.body) == (204, b"")
        assert heads == [
            b"POST /api/x?y=%%2F HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: Sightline\r\n"
            b"Accept: application/json\r\n"
            b"Accept-Encoding: gzip\r\nAuthorization: Bearer t\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\n"
            % server.port,
            b'{"a":1}',
        ]


@pytest.mark.parametrize("header", [{"X": "a\r\nY: b"}, {"X\nY": "a"}, {"X": "é"}])
async def test_no_header_can_begin_another_one(header: dict[str, str]) -> None:
    async with RawServer(lambda _: asyncio.sleep(0)) as server:
        with pytest.raises(Trouble, match="not be proper HTTP"):
            await client(server.port).ask("GET", "/", header)
        assert server.connections == 0


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"[", b"]"), b"[]"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n", b"1\r\n]\r\n0\r\nX: y\r\n\r\n"), b"[]"),
        ((b"HTTP/1.0 200 OK\r\n\r\n[", b"]"), b"[]"),  # ends with the connection
        (
            (
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n",
                b"HTTP/1.1 200 OK\r\n",
                b"Content-Length: 0\r\n\r\n",
            ),
            b"",
        ),
        ((b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", gzip.compress(b"[1]")), b"[1]"),
        ((b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n", zlib.compress(b"[1]")), b"[1]"),
        ((b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\n[]",), b"[]"),
    ],
)
async def test_answers_of_every_proper_form(parts: tuple[bytes, ...], body: bytes) -> None:
    assert (await answered(*parts)).body == body


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]", "no proper HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n[]", "no proper HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "no proper HTTP"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "no proper HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n[]", "no proper HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10001\r\n\r\n", "too large"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10_001, "too large"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 10_001, "too large"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b" " * 10_001), "too large"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno", "cannot be unpacked"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"[1]")[:-9], "cannot be unpacked"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nno", "nobody asked for"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\nno", "nobody asked for"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[", "broke off in the middle"),
        (b"", "closed the connection without an answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 3000, "bytes of headers"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000, "bytes of headers"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"y" * 40_000, "bytes of headers"),
    ],
)
async def test_answers_that_are_none(part: bytes, words: str) -> None:
    with pytest.raises(Trouble, match=words):
        await answered(part)


async def test_what_comes_after_an_answer_is_nobodys() -> None:
    """Else the next request would be given the answer of the last one."""
    asked = 0

    async def script(connection: RawConnection) -> None:
        nonlocal asked
        while True:
            await connection.head()
            asked += 1
            await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % asked)
            if asked == 1:
                await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n9")

    async with RawServer(script) as server:
        http = client(server.port)
        assert (await http.ask("GET", "/", {})).body == b"1"
        async with asyncio.timeout(2):
            while http._all:
                await asyncio.sleep(0.01)
        assert (await http.ask("GET", "/", {})).body == b"2"
        await http.close()
        assert server.connections == 2


async def test_connections_are_kept_and_never_more_than_allowed() -> None:
    open_now = most = 0

    async def script(connection: RawConnection) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        try:
            while True:
                await connection.head()
                await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
        finally:
            open_now -= 1

    async with RawServer(script) as server:
        http = client(server.port, connections=3)
        await asyncio.gather(*(http.ask("GET", "/", {}) for _ in range(30)))
        assert server.connections == 3
        await asyncio.gather(*(http.ask("GET", "/", {}, once=True) for _ in range(9)))
        await http.close()
        assert most <= 4  # one that is closing may not have ended at the other side yet


async def test_what_may_have_an_effect_is_never_sent_on_a_connection_that_may_be_dead() -> None:
    seen: list[bytes] = []

    async def script(connection: RawConnection) -> None:
        head = await connection.head()
        seen.append(head.split(b" ")[0])
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
        seen.append((await connection.head()).split(b" ")[0])  # the second on this connection: dropped

    async with RawServer(script) as server:
        http = client(server.port)
        await http.ask("GET", "/", {})
        assert (await http.ask("GET", "/", {})).status == 200
        assert seen == [b"GET", b"GET", b"GET"]
        assert (await http.ask("POST", "/", {}, b"", once=True)).status == 200
        assert seen == [b"GET", b"GET", b"GET", b"POST"]
        await http.close()


async def test_a_packed_answer_that_breaks_off_leaves_nothing_behind() -> None:
    """Without a length the end of the socket is the end of the body; the connection is forgotten all the same."""

    async def script(connection: RawConnection) -> None:
        await connection.head()
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"{}" * 100)[:-9])

    async with RawServer(script) as server:
        http = client(server.port)
        for _ in range(3):
            with pytest.raises(Trouble, match="unpacked"):
                await http.ask("GET", "/x", {})
        await asyncio.sleep(0)
        assert len(http._all) == 0
        await http.close()
