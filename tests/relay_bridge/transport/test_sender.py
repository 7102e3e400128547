"""Calling, by stream and by HTTP request: what each refusal becomes, and what the listener is told."""

from __future__ import annotations

import asyncio

import pytest

from relay_bridge.protocol.connection_string import parse_connection_string
from relay_bridge.protocol.errors import (
    AuthorizationFailed,
    ConnectionStringError,
    EndpointNotFound,
    ListenerRejected,
    RelayUnavailable,
)
from relay_bridge.transport import HttpRequest, HttpResponse, KeyFileCredential, RelaySender
from tests.relay_bridge.transport.support import echo, listening


async def test_a_stream_to_a_listener(relay):
    async with listening(relay.listen_string(), echo):
        stream = await relay.sender().connect()
        await stream.send(b"hello")
        assert await stream.receive() == b"hello"
        await stream.close()


async def test_nobody_listens_just_now(relay):
    with pytest.raises(EndpointNotFound, match="nobody listens") as caught:
        await relay.sender().connect()
    assert caught.value.retryable


async def test_no_such_hybrid_connection(relay):
    with pytest.raises((EndpointNotFound, AuthorizationFailed)):
        await RelaySender(relay.send_string("nowhere")).connect()


@pytest.mark.parametrize("key", ["wrong", "listen-key"])
async def test_a_wrong_key(relay, key):
    with pytest.raises(AuthorizationFailed, match="key name and key") as caught:
        await RelaySender(relay.send_string(key=key)).connect()
    assert not caught.value.retryable
    assert key not in str(caught.value)


async def test_a_key_without_the_right(relay):
    async with listening(relay.listen_string(), echo):
        with pytest.raises(AuthorizationFailed):
            await RelaySender(relay.listen_string()).connect()


async def test_no_token_where_one_is_needed(relay):
    with pytest.raises(AuthorizationFailed):
        await RelaySender(relay.at()).connect()


async def test_no_token_where_none_is_needed(relay):
    async with listening(relay.listen_string("public"), echo):
        stream = await RelaySender(relay.at("public")).connect()
        await stream.send(b"anybody")
        assert await stream.receive() == b"anybody"
        await stream.close()


async def test_a_busy_listener(relay):
    async with listening(relay.listen_string(), echo, max_streams=1):
        first = await relay.sender().connect()
        with pytest.raises(ListenerRejected, match="busy") as caught:
            await relay.sender().connect()
        assert (caught.value.status, caught.value.retryable) == (503, True)
        await first.close()


async def test_a_frozen_relay_holds_nobody_longer_than_the_timeout(relay):
    relay.faults.freeze()
    started = asyncio.get_running_loop().time()
    with pytest.raises(RelayUnavailable, match="did not answer"):
        await relay.sender().connect(timeout=0.2)
    assert asyncio.get_running_loop().time() - started < 1.0


async def test_a_listener_that_does_not_dial_back(relay):
    relay.faults.refuse_accepts()
    async with listening(relay.listen_string(), echo):
        with pytest.raises(EndpointNotFound, match="allowed timeout"):
            await relay.sender().connect()


async def test_the_listener_sees_suffix_query_and_headers_but_no_token(relay):
    seen = asyncio.get_running_loop().create_future()

    async def handler(stream):
        seen.set_result(stream)

    async with listening(relay.listen_string(), handler):
        stream = await relay.sender().connect(suffix="tank/1%202", query="a=1&sb-hc-token=no")
        theirs = await asyncio.wait_for(seen, 5)
        await stream.close()
    assert (theirs.suffix, theirs.query) == ("tank/1%202", "a=1")
    assert stream.remote_id in theirs.remote_id
    assert "host" in {name.lower() for name in theirs.headers}
    assert not [value for value in theirs.headers.values() if "SharedAccessSignature" in value]


@pytest.mark.parametrize(
    ("known", "offered", "chosen"),
    [
        (("a", "b"), ("b", "a"), "b"),
        (("b",), ("a", "b"), "b"),
        (("c",), ("a", "b"), ""),
        ((), ("a",), ""),
        (("a",), (), ""),
    ],
)
async def test_both_ends_are_told_the_subprotocol(relay, known, offered, chosen):
    seen = asyncio.get_running_loop().create_future()

    async def handler(stream):
        seen.set_result(stream.subprotocol)

    async with listening(relay.listen_string(), handler, subprotocols=known):
        stream = await relay.sender().connect(subprotocols=offered)
        assert (stream.subprotocol, await asyncio.wait_for(seen, 5)) == (chosen, chosen)
        await stream.close()


async def test_options_that_cannot_be(relay):
    with pytest.raises(ValueError, match="subprotocol"):
        await relay.sender().connect(subprotocols=["two words"])
    with pytest.raises(ValueError, match="max_message"):
        await relay.sender().connect(max_message=0)


def test_a_connection_string_without_a_path(relay):
    with pytest.raises(ConnectionStringError, match="EntityPath"):
        RelaySender(relay.at(path=None))


# HTTP requests, through the emulator to a listener


async def mirror(request: HttpRequest) -> HttpResponse:
    """What came in, in headers; its body, as it comes."""
    seen = {"X-Method": request.method, "X-Suffix": request.suffix, "X-Query": request.query}
    own = request.headers.get("authorization")
    return HttpResponse(200, seen | ({"X-Own": own} if own else {}), request.body())


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1_000_000])
async def test_bodies_both_ways(relay, size):
    async with listening(relay.listen_string(), http_handler=mirror), relay.sender() as sender:
        body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        async with sender.request("POST", "tank/1%2f2", query="a=%20&&sb-hc-id=x", body=body) as response:
            assert response.status == 200
            assert response.headers["x-method"] == "POST"
            assert (response.headers["x-suffix"], response.headers["x-query"]) == ("tank/1%2f2", "a=%20&")
            assert await response.read() == body


async def test_a_body_in_chunks_both_ways(relay):
    async def parts():
        for number in range(50):
            yield b"%d" % number * 1000

    async with (
        listening(relay.listen_string(), http_handler=mirror),
        relay.sender() as sender,
        sender.request("PUT", body=parts()) as response,
    ):
        assert await response.read() == b"".join([part async for part in parts()])


async def test_the_callers_own_authorization_reaches_the_listener(relay):
    async with (
        listening(relay.listen_string(), http_handler=mirror),
        relay.sender() as sender,
        sender.request("GET", headers={"Authorization": "Bearer own"}) as response,
    ):
        assert response.headers["x-own"] == "Bearer own"
        assert await response.read() == b""


async def test_many_requests_at_once(relay):
    async def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, body=await request.read())

    async with listening(relay.listen_string(), http_handler=answer), relay.sender() as sender:

        async def ask(number: int) -> bytes:
            async with sender.request("POST", body=b"%d" % number) as response:
                return await response.read()

        assert await asyncio.gather(*(ask(n) for n in range(50))) == [b"%d" % n for n in range(50)]


@pytest.mark.parametrize("status", [204, 304, 404, 500, 503])
async def test_a_listeners_own_status(relay, status):
    async def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(status, {"X-A": "b"})

    async with (
        listening(relay.listen_string(), http_handler=answer),
        relay.sender() as sender,
        sender.request("GET") as response,
    ):
        assert (response.status, response.headers["x-a"], await response.read()) == (status, "b", b"")


async def test_refusals_of_requests(relay):
    async def ask(sender: RelaySender) -> int:
        async with sender, sender.request("GET") as response:
            return response.status

    with pytest.raises((EndpointNotFound, RelayUnavailable)) as caught:
        await ask(relay.sender())
    assert caught.value.retryable
    with pytest.raises(AuthorizationFailed) as caught:
        await ask(RelaySender(relay.send_string(key="wrong")))
    assert "wrong" not in str(caught.value)
    with pytest.raises(AuthorizationFailed):
        await ask(RelaySender(relay.at()))


async def test_a_rotated_key_in_a_file(relay, tmp_path):
    """The relay refuses the old key, the file has the new one by then: no call fails, by stream or by HTTP."""
    path = tmp_path / "send.key"
    async with listening(relay.listen_string(), echo, http_handler=mirror):
        for way in ("stream", "request"):
            path.write_text("old-key")
            credential = KeyFileCredential.of(path, relay.send_string(), monotonic=lambda: 0.0)
            async with RelaySender(relay.send_string(), credential=credential) as sender:
                with pytest.raises(AuthorizationFailed):
                    async with sender.request("GET"):
                        pass
                with pytest.raises(AuthorizationFailed):
                    await sender.connect()
                path.write_text("send-key")
                if way == "stream":
                    await (await sender.connect()).close()
                else:
                    async with sender.request("POST", body=b"hi") as response:
                        assert await response.read() == b"hi"


async def test_a_closed_sender_makes_new_connections_when_it_is_used_again(relay):
    async with listening(relay.listen_string(), http_handler=mirror):
        sender = relay.sender()
        for _ in range(2):
            async with sender.request("GET") as response:
                assert response.status == 200
            await sender.close()
            await sender.close()


def test_one_event_loop(relay_string="Endpoint=sb://127.0.0.1:1/;EntityPath=a;UseDevelopmentEmulator=true"):
    sender = RelaySender(parse_connection_string(relay_string))

    async def ask() -> None:
        with pytest.raises(RelayUnavailable):
            async with sender.request("GET"):
                pass

    asyncio.run(ask())
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(ask())
