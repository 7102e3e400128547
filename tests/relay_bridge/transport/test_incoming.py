"""Incoming streams: how many there may be, and what becomes of their handlers."""

import asyncio
import logging

import pytest

from relay_bridge.protocol.errors import ListenerRejected
from relay_bridge.transport import StreamClosed
from tests.relay_bridge.transport.support import DEADLINE, echo, listening
from tests.relay_bridge.transport.wire import hello


async def wait_until(condition):
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.01)


async def test_half_open_streams_cannot_take_every_place(relay):
    """A stolen Send key opens streams that never prove anything."""
    opened = asyncio.Queue()
    released = asyncio.Event()

    async def handler(stream):
        opened.put_nowait(stream)
        await released.wait()

    async with listening(relay.listen_string(), handler, max_streams=10, max_half_open=2) as listener:
        strangers = [await relay.sender().connect() for _ in range(2)]
        with pytest.raises(ListenerRejected, match="busy"):
            await relay.sender().connect()
        (await opened.get()).mark_established()  # one of them proves itself: its half-open place is free again
        third = await relay.sender().connect()
        assert listener.streams == 3
        released.set()
        await wait_until(lambda: listener.streams == 0)
        for stream in (*strangers, third):
            await stream.close()


async def test_a_place_is_free_again_when_its_stream_has_ended(relay):
    async with listening(relay.listen_string(), echo, max_streams=1, max_half_open=1) as listener:
        for _ in range(4):
            stream = await relay.sender().connect()
            await stream.close()
            await wait_until(lambda: listener.streams == 0)


async def test_a_failing_handler_costs_its_own_stream_only(relay, caplog):
    async def handler(stream):
        stream.mark_established()
        if await stream.receive() == b"fail":
            raise ZeroDivisionError("on purpose")
        await stream.send(b"fine")

    async with listening(relay.listen_string(), handler) as listener:
        bad, good = await relay.sender().connect(), await relay.sender().connect()
        await bad.send(b"fail")
        with pytest.raises(StreamClosed, match="1011"):
            await bad.receive()
        await good.send(b"work")
        assert await good.receive() == b"fine"
        with pytest.raises(StreamClosed) as caught:
            await good.receive()
        assert caught.value.clean  # the handler returned
        assert listener.state.status == "online"
        for stream in (bad, good):
            await stream.close()
    assert "ZeroDivisionError" in caplog.text


async def test_the_end_of_a_stream_is_no_error(relay, caplog):
    caplog.set_level(logging.INFO)
    async with listening(relay.listen_string(), echo) as listener:
        stream = await relay.sender().connect()
        await stream.close()
        await wait_until(lambda: listener.streams == 0)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_handlers_end_with_their_listener(relay):
    ended = asyncio.Event()

    async def handler(stream):
        try:
            await stream.receive()
        finally:
            ended.set()

    async with listening(relay.listen_string(), handler) as listener:
        stream = await relay.sender().connect()
        await wait_until(lambda: listener.streams == 1)
    assert ended.is_set()
    assert listener.streams == 0
    with pytest.raises(StreamClosed):
        await asyncio.wait_for(stream.receive(), DEADLINE)
    assert relay.listener_count("sites/north") == 0


async def test_many_senders_at_once(relay):
    async def call(number: int) -> bool:
        stream = await relay.sender().connect()
        await stream.send(b"%d" % number)
        answer = await stream.receive()
        await stream.close()
        return answer == b"%d" % number

    async with listening(relay.listen_string(), echo, max_half_open=50):
        assert all(await asyncio.gather(*(call(number) for number in range(40))))


async def test_many_rejected_at_once_are_all_told(relay):
    """A hundred at once are more than are dialled at once; none of them is left to time out."""
    async with listening(relay.listen_string(), echo, max_streams=0):
        results = await asyncio.gather(*(relay.sender().connect() for _ in range(100)), return_exceptions=True)
    assert {(type(result), result.status) for result in results} == {(ListenerRejected, 503)}


async def test_one_too_many_is_rejected_whatever_it_offers(relay):
    async with listening(relay.listen_string(), echo, max_streams=0, subprotocols=["a"]):
        with pytest.raises(ListenerRejected, match="busy"):
            await relay.sender().connect(subprotocols=["a"])


async def test_a_stream_has_the_listeners_limit(relay):
    async with listening(relay.listen_string(), echo, max_message=10):
        stream = await relay.sender().connect()
        await stream.send(bytes(10))
        assert await stream.receive() == bytes(10)
        await stream.send(bytes(11))
        with pytest.raises(StreamClosed, match="1009"):
            await stream.receive()


async def test_a_listener_of_http_only_says_so(relay):
    async with listening(relay.listen_string(), None, http_handler=hello):
        with pytest.raises(ListenerRejected, match="answers HTTP requests only") as caught:
            await relay.sender().connect()
        assert caught.value.status == 405
