"""Streams through the relay: bytes in order, ends that are told apart, bounds that hold."""

import asyncio
import contextlib

import pytest
from websockets.asyncio.client import connect

from relay_bridge.protocol.addresses import connect_address
from relay_bridge.protocol.errors import ProtocolViolation
from relay_bridge.protocol.sas import create_token
from relay_bridge.transport.streams import (
    LITTLE,
    MAX_MESSAGE,
    MAX_QUEUED,
    RelayStream,
    StreamClosed,
    check_max_message,
    queue_for,
)
from tests.relay_bridge.transport.support import DEADLINE, NORTH, echo, listening


@contextlib.asynccontextmanager
async def joined(relay, **options):
    """Both ends of a stream: the sender's and the listener's, with ``options`` of both."""
    theirs = asyncio.get_running_loop().create_future()
    released = asyncio.Event()

    async def hold(stream):
        theirs.set_result(stream)
        await released.wait()

    async with listening(relay.listen_string(), hold, **options):
        ours = await relay.sender().connect(**options)
        try:
            yield ours, await asyncio.wait_for(theirs, DEADLINE)
        finally:
            released.set()
            await ours.close()


async def test_messages_arrive_whole_and_in_order(relay):
    messages = [b"a", bytes(65_536), b"", bytes(range(256)) * 512]
    async with listening(relay.listen_string(), echo):
        stream = await relay.sender().connect()
        for message in messages:
            await stream.send(message)
        assert b"".join([await stream.receive() for _ in messages]) == b"".join(messages)
        await stream.close()


async def test_a_close_says_why(relay):
    async with joined(relay) as (ours, theirs):
        await theirs.close(1011, "pump broke")
        with pytest.raises(StreamClosed, match="pump broke") as caught:
            await ours.receive()
        assert (caught.value.code, caught.value.clean) == (1011, False)
        with pytest.raises(StreamClosed, match="pump broke"):
            await ours.send(b"too late")


async def test_a_clean_close(relay):
    async with joined(relay) as (ours, theirs):
        await ours.close()
        with pytest.raises(StreamClosed) as caught:
            await theirs.receive()
        assert caught.value.clean
        with pytest.raises(StreamClosed, match="closed here"):
            await ours.receive()
        await ours.close()


async def test_a_broken_connection_is_no_clean_close(relay):
    async with joined(relay) as (ours, theirs):
        theirs.abort()
        with pytest.raises(StreamClosed) as caught:
            await asyncio.wait_for(ours.receive(), DEADLINE)
        assert not caught.value.clean or caught.value.code == 1001


async def test_a_text_message_ends_the_stream(relay):
    async def receive_one(stream):
        with pytest.raises(ProtocolViolation, match="text message"):
            await stream.receive()
        ended.set()

    ended = asyncio.Event()
    async with listening(relay.listen_string(), receive_one):
        token = create_token(f"http://127.0.0.1/{NORTH}", "web", "send-key", 2_000_000_000)
        address = connect_address("127.0.0.1", relay.port, False, NORTH)
        async with connect(address, additional_headers={"ServiceBusAuthorization": token}) as socket:
            await socket.send("text")
            await asyncio.wait_for(ended.wait(), DEADLINE)
            await asyncio.wait_for(socket.wait_closed(), DEADLINE)
            assert socket.close_code == 1003


async def test_a_message_over_the_limit_is_not_sent(relay):
    async with joined(relay) as (ours, theirs):
        with pytest.raises(ProtocolViolation, match="limit"):
            await ours.send(bytes(MAX_MESSAGE + 1))
        await ours.send(b"still open")
        assert await theirs.receive() == b"still open"


async def test_a_message_over_the_limit_is_not_received(relay):
    async with joined(relay) as (ours, theirs):
        await ours._connection.send(bytes(MAX_MESSAGE + 1))
        with pytest.raises(StreamClosed, match="1009"):
            await theirs.receive()


async def test_text_and_bytes_keep_their_kind_and_order(relay):
    messages = ["", b"", "caf\u00e9 \U0001f600", b"\xff\x00", "x" * MAX_MESSAGE, bytes(MAX_MESSAGE), "the end"]
    async with joined(relay) as (ours, theirs):
        for message in messages:
            await ours.send(message)
        assert [await theirs.receive_message() for _ in messages] == messages
        await theirs.send("back")
        assert await ours.receive_message() == "back"


async def test_text_that_has_to_wait_stays_text(relay):
    """Beyond ``LITTLE`` a message goes by the library's own ``send``, and is the same there."""
    async with joined(relay) as (ours, theirs):
        while ours.is_clear:
            ours.send_now(bytes(MAX_MESSAGE))
        last = asyncio.create_task(ours.send("caf\u00e9"))
        async with asyncio.timeout(DEADLINE):
            while isinstance(message := await theirs.receive_message(), bytes):
                assert len(message) == MAX_MESSAGE
        assert message == "caf\u00e9"
        await last


async def test_a_text_counts_as_its_utf8(relay):
    async with joined(relay, max_message=4) as (ours, theirs):
        with pytest.raises(ProtocolViolation, match="5 bytes is over the stream's limit of 4"):
            await ours.send("caf\u00e9")
        with pytest.raises(ProtocolViolation, match="surrogate"):
            await ours.send("\ud800")
        await ours.send("cafe")
        assert await theirs.receive_message() == "cafe"


async def test_a_text_that_is_no_utf8_ends_the_stream(relay):
    async with joined(relay) as (ours, theirs):
        ours.send_now(b"\xff", text=True)
        with pytest.raises(StreamClosed) as caught:
            await asyncio.wait_for(theirs.receive_message(), DEADLINE)
        assert caught.value.code == 1007


async def test_both_ends_may_agree_on_larger_messages(relay):
    size = 3_000_000
    async with joined(relay, max_message=size) as (ours, theirs):
        await asyncio.gather(ours.send(bytes(size)), theirs.send("x" * size))
        assert await theirs.receive() == bytes(size)
        assert await ours.receive_message() == "x" * size
        with pytest.raises(ProtocolViolation, match="limit"):
            await ours.send(bytes(size + 1))
        ours.send_now(bytes(size + 1))
        with pytest.raises(StreamClosed, match="1009"):
            await theirs.receive_message()


@pytest.mark.parametrize("size", [1, 4096, MAX_MESSAGE])
def test_small_messages_queue_as_ever(size):
    assert queue_for(size) == MAX_QUEUED


def test_large_messages_do_not_queue_in_numbers():
    assert [queue_for(each << 20) for each in (1, 4, 64)] == [2, 2, 2]
    assert queue_for(2 * MAX_MESSAGE) == MAX_QUEUED // 2


@pytest.mark.parametrize("size", [0, -1, True, None, 1.5])
def test_what_is_no_limit(size):
    with pytest.raises(ValueError, match="max_message"):
        check_max_message(size)


async def test_a_ping_is_answered(relay):
    async with joined(relay) as (ours, theirs):
        assert 0 <= await ours.ping() < DEADLINE
        assert 0 <= await theirs.ping(DEADLINE) < DEADLINE
        await ours.send(b"still open")
        assert await theirs.receive() == b"still open"
        await theirs.close()
        with pytest.raises(StreamClosed, match="closed the stream"):
            await ours.ping()


async def test_a_ping_that_is_not_answered_drops_the_stream(relay):
    async with joined(relay) as (ours, _theirs):
        relay.faults.freeze()
        with pytest.raises(StreamClosed, match=r"answered no ping within 0\.1 s"):
            await ours.ping(0.1)
        relay.faults.thaw()
        with pytest.raises(StreamClosed, match="answered no ping"):
            await ours.receive()


async def test_a_receiver_that_takes_nothing_does_not_fill_our_memory(relay):
    async with joined(relay) as (ours, _theirs):
        ours.send_deadline = 0.3
        sent = 0
        with pytest.raises(StreamClosed, match=r"took nothing for 0\.3 s"):
            while sent < 2_000:
                await ours.send(bytes(MAX_MESSAGE))
                sent += 1
        assert 0 < sent < 500  # some sixty megabytes at the very most, in the buffers of four sockets
        with pytest.raises(StreamClosed):
            await ours.send(b"more")


async def test_sending_now_ends_where_the_bound_is(relay):
    """``is_clear`` turns false with some bytes waiting, and true again when the other side has taken them."""
    async with joined(relay) as (ours, theirs):
        sent = 0
        while ours.is_clear:
            ours.send_now(bytes(8_192))
            sent += 8_192
            assert ours._connection.transport.get_write_buffer_size() <= LITTLE + 8_192 + 16
        while sent > 0:
            sent -= len(await theirs.receive())
        assert ours.is_clear
        ours.abort()
        assert not ours.is_clear


async def test_a_cancelled_receive_loses_nothing(relay):
    async with joined(relay) as (ours, theirs):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ours.receive()
        await theirs.send(b"here it is")
        assert await ours.receive() == b"here it is"


async def test_established_is_said_once():
    said = []
    stream = RelayStream(None, on_established=lambda: said.append(1))
    stream.mark_established()
    stream.mark_established()
    assert said == [1]
    assert stream.remote_id
