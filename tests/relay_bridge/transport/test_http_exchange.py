"""One request and its answer: what goes out, when it stops, what is tried again, and what every bad day becomes."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from relay_bridge.protocol.connection_string import ConnectionString
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
from relay_bridge.transport.sender import RelaySender
from relay_bridge.transport.streams import StreamClosed
from tests.support.raw_http import RawServer, answer

DEADLINE = 5.0  # seconds; no test may take longer
TOKEN = b"ServiceBusAuthorization: SharedAccessSignature "


@contextlib.asynccontextmanager
async def sending(script, **options):
    """A sender to a server that runs ``script``, with a key unless ``key_name=None``."""
    async with RawServer(script) as server:
        string = ConnectionString(
            "127.0.0.1", server.port, "sites/north", options.pop("key_name", "web"), "send-key", use_tls=False
        )
        async with asyncio.timeout(DEADLINE), RelaySender(string, **options) as sender:
            sender.server = server
            yield sender
        assert server.errors == []


def saying(*texts: bytes):
    """A script: one of ``texts`` for each request of a connection, then hang up."""

    async def script(there):
        for text in texts:
            await there.head()
            await there.say(text)

    return script


async def chunks(*parts: bytes):
    for part in parts:
        yield part


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


# A connection that the relay closed while it was idle


def stale(*, say: bytes = b"", times: int = 1):
    """The first connection answers once, and hangs up when the next request has come."""

    async def script(there):
        await there.head()
        await there.say(answer(b"first"))
        if there.number <= times:
            await there.head()
            await there.say(say)
        else:
            await there.head()
            await there.say(answer(b"again"))

    return script


async def call(sender, method, **options):
    async with sender.request(method, **options) as response:
        return await response.read()


@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("DELETE", b""), ("PUT", b"x"), ("PUT", b"x" * 100_000)])
async def test_a_stale_connection_is_replaced_once(method, body):
    async with sending(stale()) as sender:
        assert await call(sender, "GET") == b"first"
        assert await call(sender, method, body=body) == b"first"
        assert sender.server.connections == 2


@pytest.mark.parametrize(
    ("method", "body", "say"),
    [
        ("POST", b"", b""),  # it may have been carried out
        ("PATCH", b"x", b""),
        ("GET", b"", b"HTTP/1.1 2"),  # an answer had begun
    ],
)
async def test_what_is_not_sent_twice(method, body, say):
    async with sending(stale(say=say)) as sender:
        assert await call(sender, "GET") == b"first"
        with pytest.raises(RelayUnavailable, match="before it answered"):
            await call(sender, method, body=body)
        assert sender.server.connections == 1


async def test_a_body_that_cannot_be_made_again_is_not_sent_twice():
    async with sending(stale()) as sender:
        assert await call(sender, "GET") == b"first"
        with pytest.raises(RelayUnavailable, match="before it answered"):
            await call(sender, "PUT", body=chunks(b"x"))


async def test_the_second_attempt_has_what_is_left_of_the_time():
    async def script(there):
        await there.head()
        if there.number == 1:
            await there.say(answer(b"first"))
            await there.head()
        else:
            await there.ended()

    async with sending(script) as sender:
        assert await call(sender, "GET") == b"first"
        with pytest.raises(RelayTimeout, match=r"did not answer within 0\.1 s"):
            await call(sender, "GET", timeout=0.1)
        assert sender.server.connections == 2


async def test_a_fresh_connection_that_breaks_is_not_tried_again():
    async with sending(saying(b"")) as sender:
        with pytest.raises(RelayUnavailable, match="before it answered"):
            await call(sender, "GET")
        assert sender.server.connections == 1


# A key that was changed


class Keys:
    """A credential whose key may be changed, as a file's may."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys

    def token(self) -> str:
        return self.keys[0]

    def renew_in(self) -> float | None:
        return None

    def reload(self) -> bool:
        if len(self.keys) > 1:
            self.keys.pop(0)
            return True
        return False


async def checking(there):
    while True:
        head = await there.head()
        good = b"ServiceBusAuthorization: new\r\n" in head
        await there.say(answer(b"in") if good else answer(b"out", status="401 no", via=False))


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_refused_token_is_replaced_once(method):
    credential = Keys(["old", "new"])
    async with sending(checking, credential=credential) as sender:
        assert await call(sender, method, body=b"x") == b"in"
        assert sender.server.connections == 1


async def test_a_refused_token_without_another_key():
    async with sending(checking, credential=Keys(["old"])) as sender:
        with pytest.raises(AuthorizationFailed):
            await call(sender, "GET")
    async with sending(checking, credential=Keys(["old", "older", "new"])) as sender:
        with pytest.raises(AuthorizationFailed):  # once, and not for ever
            await call(sender, "GET")


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
