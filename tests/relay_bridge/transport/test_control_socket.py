"""What is written on a control channel leaves whole, and what may not have arrived is told."""

import asyncio
import json
import time

from relay_bridge.protocol.errors import RelayUnavailable
from relay_bridge.protocol.sas import create_token
from relay_bridge.transport import HttpResponse
from relay_bridge.transport.control_socket import PROOF_AFTER
from tests.relay_bridge.transport.support import DEADLINE
from tests.relay_bridge.transport.wire import Losses, answering, hello
from tests.support.autojump import in_virtual_time


async def test_an_answer_that_the_relay_never_read_is_reported_as_lost():
    losses = Losses()
    async with answering(hello, request_lost=losses, ping_interval=30) as (relay, channel, _):
        await channel.send(relay.request("r1"))
        await channel.response()
        channel.socket.transport.abort()  # the relay may have read it, or not: nobody has said so
        assert "before the relay had confirmed" in await losses.wait_for("r1")


@in_virtual_time
async def test_an_answer_that_the_relay_has_read_is_not_reported():
    losses = Losses()
    async with answering(hello, request_lost=losses, ping_interval=30) as (relay, channel, listener):
        await channel.send(relay.request("r1"))
        await channel.response()
        receiving = asyncio.create_task(channel.socket.recv())  # keeps reading, so that the ping is answered
        await asyncio.sleep(PROOF_AFTER + 1.0)
        receiving.cancel()
        channel.socket.transport.abort()
        await relay.listened()
        async with asyncio.timeout(DEADLINE):
            await listener.wait_online()
    assert losses.seen == {}


async def test_a_listener_that_closes_itself_knows_what_arrived():
    losses = Losses()
    async with answering(hello, request_lost=losses, ping_interval=30) as (relay, channel, listener):
        await channel.send(relay.request("r1"))
        await channel.response()
        receiving = asyncio.create_task(channel.ended())
        assert await listener.drain(DEADLINE)
        assert await receiving == 1000
    assert losses.seen == {}


async def test_a_relay_that_does_not_read_holds_answers_back_and_none_is_torn():
    body = bytes(60_000)

    async def handler(request):
        return HttpResponse(200, body=body)

    count = 300  # 18 MB: more than the sockets' buffers take
    options = {"max_requests": count, "ping_interval": 30, "pong_deadline": 30}
    async with answering(handler, **options) as (relay, channel, listener):
        channel.socket.transport.pause_reading()
        for number in range(count):
            await channel.send(relay.request(f"r{number}"))
        async with asyncio.timeout(DEADLINE):
            while listener.requests == count or not listener.requests:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert listener.requests > 0  # some wait, with their answers, for room
        channel.socket.transport.resume_reading()
        seen = set()
        for _ in range(count):
            head, received = await channel.response()
            assert received == body
            seen.add(head["requestId"])
        assert len(seen) == count


async def test_each_of_many_answers_at_once_keeps_its_body():
    async def handler(request):
        return HttpResponse(200, body=request.id.encode() * 300)

    async with answering(handler, ping_interval=30) as (relay, channel, _):
        wanted = [f"r{number}" for number in range(100)]
        for request_id in wanted:
            await channel.send(relay.request(request_id))
        for request_id in wanted:
            head, body = await channel.response()
            assert (head["requestId"], body) == (request_id, request_id.encode() * 300)


async def test_what_was_held_when_the_channel_ended_is_reported_as_lost():
    losses = Losses()
    async with answering(hello, request_lost=losses, ping_interval=30) as (_, channel, listener):
        control = listener._control
        assert control.post_response("held", "{}", None)  # True: it is the socket's, or it will be reported
        control._socket.protocol.fail(1009, "too big")  # in the same turn, by the library
        assert not control.post_response("late", "{}", None)
        control._socket.send_data()
        await channel.ended()
        await losses.wait_for("held")
    assert set(losses.seen) == {"held"}


class SlowSource:
    """Tokens that take a while to fetch; the first renewal fails."""

    def __init__(self):
        self.fetched = 0
        self.release = asyncio.Event()

    async def token_async(self):
        self.fetched += 1
        if self.fetched == 2:
            await self.release.wait()
        if self.fetched == 3:
            raise RelayUnavailable(0, "the token service does not answer")
        return create_token("http://127.0.0.1/hyco", "agent", "key", int(time.time()) + 600)

    def renew_in(self):
        return 1.0


@in_virtual_time
async def test_a_token_that_takes_long_to_fetch_does_not_hold_up_the_pings():
    source = SlowSource()
    async with answering(hello, credential=source) as (_, channel, listener):
        await asyncio.sleep(20.0)  # the renewal was due after 1 s; a dozen pings were
        assert (source.fetched, listener.state.status) == (2, "online")
        source.release.set()
        assert "renewToken" in json.loads(await channel.receive())
        await asyncio.sleep(1.5)
        assert source.fetched == 3  # the one that fails
        assert "renewToken" in json.loads(await channel.socket.recv())
        assert source.fetched == 4
        assert listener.state.status == "online"
