"""Calling: what each refusal becomes, and what a stream is told about its call."""

import asyncio

import pytest

from relay_bridge.protocol.errors import (
    AuthorizationFailed,
    ConnectionStringError,
    EndpointNotFound,
    ListenerRejected,
    RelayUnavailable,
)
from relay_bridge.transport import RelaySender
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


def test_a_connection_string_without_a_path(relay):
    with pytest.raises(ConnectionStringError, match="EntityPath"):
        RelaySender(relay.at(path=None))
