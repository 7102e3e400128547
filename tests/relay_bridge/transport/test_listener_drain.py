"""A listener that is drained: what runs may end, nothing new is taken, and there is a deadline."""

from __future__ import annotations

import asyncio

import pytest

from relay_bridge.protocol.errors import ListenerRejected
from relay_bridge.transport import HttpResponse, RelayListener, StreamClosed
from tests.relay_bridge.transport.support import CONFIG, DEADLINE, NORTH, Relay, States, echo, is_offline, listening


async def test_drain_lets_what_runs_end_and_takes_nothing_new(relay):
    go, called = asyncio.Event(), asyncio.Event()

    async def handler(request):
        called.set()
        await go.wait()
        return HttpResponse(200, body=b"done")

    async def ask(sender):
        async with sender.request("GET") as response:
            return response.status, await response.read()

    async with listening(relay.listen_string(), echo, http_handler=handler) as listener, relay.sender() as sender:
        stream = await sender.connect()
        running = asyncio.create_task(ask(sender))
        await called.wait()
        draining = asyncio.create_task(listener.drain(DEADLINE))
        await asyncio.sleep(0)
        assert (await ask(sender))[0] == 503
        with pytest.raises(ListenerRejected, match="busy"):
            await sender.connect()
        await stream.send(b"still here")
        assert await stream.receive() == b"still here"
        assert not draining.done()
        await stream.close()
        go.set()
        assert await running == (200, b"done")
        assert await draining is True
        assert relay.listener_count(NORTH) == 0
        assert listener.state.status == "offline"


async def test_drain_has_a_deadline(relay):
    async with listening(relay.listen_string(), echo) as listener:
        stream = await relay.sender().connect()
        assert await listener.drain(0.2) is False
        with pytest.raises(StreamClosed):
            await asyncio.wait_for(stream.receive(), DEADLINE)
        assert await listener.drain(0.2) is True  # it does not run any more


async def test_a_listener_that_was_drained_can_run_again(relay):
    listener = RelayListener(relay.listen_string(), echo)
    for _ in range(2):
        task = asyncio.create_task(listener.run())
        async with asyncio.timeout(DEADLINE):
            await listener.wait_online()
        stream = await relay.sender().connect()
        await stream.close()
        assert await listener.drain(DEADLINE)
        await task


async def test_drain_while_the_relay_is_away():
    async with Relay(CONFIG) as relay:
        string = relay.listen_string()
    states = States()
    async with listening(string, echo, wait=False, state_changed=states, random=lambda: 0.99) as listener:
        await states.wait_for(is_offline)
        async with asyncio.timeout(DEADLINE):
            assert await listener.drain(1.0)
