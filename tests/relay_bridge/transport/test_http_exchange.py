"""One request and its answer: every byte that goes out, and what each answer becomes."""

from __future__ import annotations

import asyncio

import pytest

from relay_bridge.protocol.errors import (
    AddressError,
    AuthorizationFailed,
    EndpointNotFound,
    HttpMessageError,
    RelayTimeout,
    RelayUnavailable,
    RequestRefused,
)
from relay_bridge.transport.http_messages import BodyTooLarge
from relay_bridge.transport.streams import StreamClosed
from tests.relay_bridge.transport.raw_relay import chunks, saying, sending
from tests.support.raw_http import answer

TOKEN = b"ServiceBusAuthorization: SharedAccessSignature "


# What goes out


async def test_every_byte_of_a_request():
    seen = asyncio.get_running_loop().create_future()

    async def script(there):
        seen.set_result((await there.head(), await there.exactly(5)))
        await there.say(answer(b"fine", status="201 Made", headers="X-A: b\r\n"))

    async with sending(script) as sender:
        async with sender.request(
            "POST",
            "/tank//7%2f",
            query="&a=1&&sb-hc-token=x&b=%20",
            headers={"Authorization": "Bearer own"},
            body=b"hello",
        ) as response:
            assert (response.status, response.reason, response.headers["x-a"]) == (201, "Made", "b")
            assert await response.read() == b"fine"
            assert await response.read() == b"fine"
        head, body = await seen
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /sites/north/tank//7%2f?&a=1&&b=%20 HTTP/1.1"
    assert lines[1] == b"Host: 127.0.0.1:%d" % sender.server.port
    assert lines[2].startswith(TOKEN)
    assert lines[3:] == [b"Authorization: Bearer own", b"Content-Length: 5", b"", b""]
    assert body == b"hello"


async def test_no_token_without_a_key():
    async def script(there):
        assert b"ServiceBusAuthorization" not in await there.head()
        await there.say(answer())

    async with sending(script, key_name=None) as sender, sender.request("GET") as response:
        assert response.status == 200


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_large_bytes_go_out_with_their_length(kind):
    body = bytes(range(256)) * 8192  # 2 MiB

    async def script(there):
        assert b"Content-Length: %d\r\n" % len(body) in await there.head()
        assert await there.exactly(len(body)) == body
        await there.say(answer(b"ok"))
        await there.head()
        await there.say(answer(b"again"))

    async with sending(script) as sender:
        for expected in (b"ok", b"again"):
            async with sender.request(
                "PUT" if expected == b"ok" else "GET", body=kind(body) if expected == b"ok" else b""
            ) as r:
                assert await r.read() == expected
        assert sender.server.connections == 1


async def test_an_iterable_goes_out_in_chunks_as_they_come():
    go_on = asyncio.Event()

    async def parts():
        yield b"first"
        await go_on.wait()
        yield b""  # would end the body, so it is not sent
        yield b"x" * 70_000
        yield memoryview(b"last")

    async def script(there):
        assert b"Transfer-Encoding: chunked\r\n" in await there.head()
        assert await there.exactly(10) == b"5\r\nfirst\r\n"
        go_on.set()
        expected = b"10000\r\n" + b"x" * 65_536 + b"\r\n1170\r\n" + b"x" * 4_464 + b"\r\n4\r\nlast\r\n0\r\n\r\n"
        assert await there.exactly(len(expected)) == expected
        await there.say(answer(b"ok"))
        await there.head()
        await there.say(answer(b"again"))

    async with sending(script) as sender:
        async with sender.request("POST", body=parts()) as response:
            assert await response.read() == b"ok"
        async with sender.request("GET") as response:
            assert await response.read() == b"again"


async def test_both_bodies_stream_at_once():
    async def script(there):
        await there.head()
        await there.say(b"HTTP/1.1 200 OK\r\nVia: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            await there.say(await there.exactly(8))  # "3\r\nabc\r\n" comes back as it is
        assert await there.exactly(5) == b"0\r\n\r\n"
        await there.say(b"0\r\n\r\n")
        await there.ended()

    echoed: asyncio.Queue[bytes] = asyncio.Queue()

    async def parts():
        for part in (b"abc", b"def", b"ghi"):
            yield part
            assert await echoed.get() == part  # the next one only when this one has come back

    async with sending(script) as sender:
        async with sender.request("POST", body=parts()) as response:
            async for chunk in response.body():
                echoed.put_nowait(chunk)
        assert sender._pool.idle == 1


async def test_an_early_refusal_stops_the_body():
    sent = 0
    closed = False

    async def parts():
        nonlocal sent, closed
        try:
            while True:
                yield b"x" * 10_000
                sent += 1
                await asyncio.sleep(0)
        finally:
            closed = True

    async def script(there):
        await there.head()
        await there.say(answer(b"too much", status="413 Too Large"))
        await there.ended()

    async with sending(script) as sender:
        async with sender.request("POST", body=parts()) as response:
            assert (response.status, await response.read()) == (413, b"too much")
        before = sent
        assert closed
        assert sender._pool.connections == 0  # half a request went out on it
        await asyncio.sleep(0)
        assert sent == before


async def test_a_failing_body_reaches_the_caller():
    async def parts():
        yield b"abc"
        raise LookupError("no more tanks")

    async def script(there):
        await there.head()
        await there.ended()

    async with sending(script) as sender:
        with pytest.raises(LookupError, match="no more tanks"):
            async with sender.request("POST", body=parts()):
                pass
        with pytest.raises(TypeError):
            async with sender.request("POST", body=chunks("text")):
                pass
        assert sender._pool.connections == 0


async def test_a_body_that_is_cancelled_by_something_else():
    async def parts():
        yield b"abc"
        raise asyncio.CancelledError

    async def script(there):
        await there.head()
        await there.ended()

    async with sending(script) as sender:
        with pytest.raises(StreamClosed, match="the body of the request was cancelled"):
            async with sender.request("POST", body=parts()):
                pass


async def test_what_cannot_be_sent_opens_no_connection():
    async with sending(saying(answer())) as sender:
        for options in ({"headers": {"Host": "x"}}, {"headers": {"X": "a\r\nb"}}, {"method": "G T"}):
            with pytest.raises(HttpMessageError):
                async with sender.request(**{"method": "GET"} | options):
                    pass
        for options in ({"suffix": "a b"}, {"suffix": "a?b"}, {"suffix": "../south"}, {"query": "a\r\nb"}):
            with pytest.raises(AddressError):
                async with sender.request("GET", **options):
                    pass
        with pytest.raises(TypeError, match="async iterable"):
            sender.request("POST", body="text")
        assert sender.server.connections == 0


# What comes back


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_answers_without_a_body(method):
    texts = [answer(b"", status="204 No Content").replace(b"Content-Length: 0\r\n", b"")] * 2
    if method == "HEAD":
        texts = [b"HTTP/1.1 200 OK\r\nVia: x\r\nContent-Length: 1000\r\n\r\n"] * 2
    async with sending(saying(*texts)) as sender:
        for _ in texts:
            async with sender.request(method) as response:
                assert await response.read() == b""
        assert sender.server.connections == 1


@pytest.mark.parametrize("status", [302, 400, 401, 404, 500, 502, 504])
async def test_a_listeners_own_answer_is_an_answer(status):
    text = answer(b"own words", status=f"{status} Own", headers="Location: http://elsewhere/\r\n")
    async with sending(saying(text)) as sender, sender.request("GET") as response:
        assert (response.status, await response.read()) == (status, b"own words")


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, RequestRefused, False),
        (401, AuthorizationFailed, False),
        (403, AuthorizationFailed, False),
        (404, EndpointNotFound, True),
        (500, RelayUnavailable, True),
        (502, RelayUnavailable, True),
        (503, RelayUnavailable, True),
        (504, RelayTimeout, True),
        (200, RelayUnavailable, True),
        (302, RelayUnavailable, True),
    ],
)
async def test_the_relays_own_answer_is_an_error(status, kind, retryable):
    text = answer(b"{}", status=f"{status} Words of it. TrackingId:abc_G1", via=False)
    async with sending(saying(text, text)) as sender:
        for _ in range(2):
            with pytest.raises(kind) as caught:
                async with sender.request("GET"):
                    pass
            assert (caught.value.status, caught.value.retryable) == (status, retryable)
            assert len(str(caught.value)) < 600
        assert sender.server.connections == 1  # its body was read, so the connection is good for another


async def test_the_relays_error_in_its_body_and_one_that_never_ends():
    text = b'{"error":{"code":3,"message":"There are no listeners"}}'

    async def script(there):
        await there.head()
        await there.say(answer(text, status="502 ", via=False))
        await there.head()
        await there.say(b"HTTP/1.1 502 Endless\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            await there.say(b"x" * 10_000)

    async with sending(script) as sender:
        with pytest.raises(RelayUnavailable, match="no listeners"):
            async with sender.request("GET"):
                pass
        with pytest.raises(RelayUnavailable, match="Endless"):
            async with sender.request("GET"):
                pass
        assert sender._pool.connections == 0


async def test_no_error_repeats_a_token():
    text = answer(status="401 sig=abc SharedAccessSignature", via=False)
    async with sending(saying(text)) as sender:
        with pytest.raises(AuthorizationFailed) as caught:
            async with sender.request("GET"):
                pass
        assert "sig=" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"", RelayUnavailable),
        (b"SSH-2.0-OpenSSH_9.2\r\n", RelayUnavailable),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, RelayUnavailable),
        (b"HTTP/1.1 200 OK\r\nVia: x\r\nContent-Length: 10\r\n\r\nabc", StreamClosed),
        (b"HTTP/1.1 200 OK\r\nVia: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz", StreamClosed),
    ],
)
async def test_a_bad_server(text, kind):
    async with sending(saying(text)) as sender:
        with pytest.raises(kind) as caught:
            async with sender.request("POST") as response:
                await response.read()
        assert caught.value.retryable
        assert sender.server.connections == 1  # no second attempt
        assert sender._pool.connections == 0


async def test_an_answer_over_the_limit():
    async with sending(saying(answer(b"a" * 1000))) as sender:
        with pytest.raises(BodyTooLarge):
            async with sender.request("GET") as response:
                await response.read(limit=999)


async def test_the_body_is_read_once():
    async with sending(saying(answer(b"abc"))) as sender, sender.request("GET") as response:
        assert [chunk async for chunk in response.body()] == [b"abc"]
        with pytest.raises(RuntimeError, match="already"):
            await response.read()
    assert repr(response) == "RelayResponse(200)"
