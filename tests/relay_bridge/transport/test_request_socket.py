"""A rendezvous that falls silent: every wait on it ends."""

import asyncio

import pytest

from relay_bridge.protocol.limits import ACCEPT_DEADLINE, RESPONSE_IDLE
from relay_bridge.transport import HttpResponse, StreamClosed
from relay_bridge.transport.conversation import REUSE_WAIT
from tests.relay_bridge.transport.wire import Losses, answering, hello
from tests.support.autojump import in_virtual_time

QUIET = {"ping_interval": 60, "pong_deadline": 30}


@in_virtual_time
async def test_a_rendezvous_without_a_request_is_given_up():
    losses = Losses()
    async with answering(hello, request_lost=losses, **QUIET) as (relay, channel, listener):
        await channel.send(relay.pointer("r1"))
        await relay.dialled()
        await asyncio.sleep(ACCEPT_DEADLINE + 5)
        assert "sent no request" in losses.seen["(unknown)"]
        assert listener.requests == 0


@in_virtual_time
async def test_a_body_that_stops_coming_is_given_up():
    seen = []

    async def handler(request):
        try:
            await request.read()
        except StreamClosed as error:
            seen.append(str(error))
            return HttpResponse(408)

    async with answering(handler, **QUIET) as (relay, channel, listener):
        await channel.send(relay.pointer("r1"))
        rendezvous = await relay.dialled()
        await rendezvous.send(relay.request("r1", "PUT", body=True))
        await asyncio.sleep(RESPONSE_IDLE + 6)
        assert listener.requests == 0
    assert seen in ([f"no part of the request's body came for {RESPONSE_IDLE:g} s"], [])


@in_virtual_time
async def test_a_streamed_answer_that_falls_silent_is_given_up():
    ended = asyncio.Event()

    async def handler(request):
        async def body():
            try:
                yield b"one"
                await asyncio.sleep(59)
                yield b"two"
                await asyncio.sleep(1000)
            finally:
                ended.set()

        return HttpResponse(200, body=body())

    losses = Losses()
    async with answering(handler, request_lost=losses, **QUIET) as (relay, channel, _):
        await channel.send(relay.request("r1"))
        rendezvous = await relay.dialled()
        await rendezvous.head()
        pieces = rendezvous.socket.recv_streaming()
        assert [await anext(pieces), await anext(pieces)] == [b"one", b"two"]
        await asyncio.sleep(RESPONSE_IDLE + 1)
        assert ended.is_set()
        assert "no part of the answer" in losses.seen["r1"]


@in_virtual_time
async def test_a_rendezvous_is_kept_for_another_request_and_not_for_ever():
    losses = Losses()
    async with answering(hello, request_lost=losses, **QUIET) as (relay, channel, _):
        await channel.send(relay.pointer("r1"))
        rendezvous = await relay.dialled()
        await rendezvous.send(relay.request("r1"))
        await rendezvous.response()
        ended = asyncio.create_task(rendezvous.socket.wait_closed())
        await asyncio.sleep(REUSE_WAIT - 1)
        assert not ended.done()
        await asyncio.sleep(2)
        assert ended.done()
        assert rendezvous.socket.close_code == 1000
    assert losses.seen == {}


async def test_a_cancelled_reader_breaks_the_body_and_never_shortens_it():
    results = asyncio.Queue()

    async def handler(request):
        try:
            async with asyncio.timeout(0.05):
                await request.read()
        except TimeoutError:
            with pytest.raises(RuntimeError, match="already"):
                await request.read()
            results.put_nowait("told")
        return HttpResponse(408)

    async with answering(handler) as (relay, channel, _):
        await channel.send(relay.pointer("r1"))
        rendezvous = await relay.dialled()
        await rendezvous.send(relay.request("r1", "PUT", body=True))
        assert (await rendezvous.head())["statusCode"] == 408
        assert await results.get() == "told"
