"""What leaves a sealed session: together, at once, in order, and never more than is allowed to wait."""

from __future__ import annotations

import asyncio

import pytest

from relay_bridge.secure_channel.framing import encode_frame
from relay_bridge.transport import SessionClosed
from relay_bridge.transport.outbox import MAX_WAITING
from tests.relay_bridge.transport.test_sessions import sealed


async def test_what_is_sent_in_one_turn_leaves_as_one_message(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        theirs = await agent
        messages = [b"%d" % number for number in range(64)]
        await asyncio.gather(*(ours.send(message) for message in messages))
        arrived = len(theirs._tls.receive_bytes(await theirs._stream.receive()))
        assert arrived == sum(len(encode_frame(message)) for message in messages)


async def test_a_message_waits_for_no_company(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        theirs = await agent
        await ours.send(b"one")
        assert ours._outbox.waiting
        await asyncio.sleep(0)  # the end of the turn
        assert not ours._outbox.waiting
        assert await theirs.receive() == b"one"


async def test_what_was_sent_before_the_goodbye_arrives(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        theirs = await agent
        for number in range(1_000):
            await ours.send(b"%d" % number)
        await ours.close()
        assert [await theirs.receive() for _ in range(1_000)] == [b"%d" % number for number in range(1_000)]
        with pytest.raises(SessionClosed) as caught:
            await theirs.receive()
        assert caught.value.clean


async def test_large_messages_in_one_turn_keep_within_the_stream_s_limit(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        theirs = await agent
        sizes = [65_536, 1, 65_536, 65_536, 30_000, 40_000, 2]
        sending = asyncio.gather(*(ours.send(bytes(size)) for size in sizes))
        assert [len(await theirs.receive()) for _ in sizes] == sizes
        await sending


async def test_a_send_that_waits_for_room_can_be_taken_back(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        theirs = await agent
        sending = [asyncio.create_task(ours.send(b"%d" % number + bytes(60_000))) for number in range(200)]
        while not any(task.done() for task in sending):
            await asyncio.sleep(0)
        waiting = [number for number, task in enumerate(sending) if not task.done()]
        assert waiting
        assert ours._outbox.waiting <= MAX_WAITING
        for number in waiting:
            sending[number].cancel()
        outcomes = await asyncio.gather(*sending, return_exceptions=True)
        await ours.send(b"end")
        received = []
        while not received or received[-1] != b"end":
            received.append((await theirs.receive()).rstrip(b"\0"))
        sent = [b"%d" % number for number, outcome in enumerate(outcomes) if outcome is None]
        assert received == [*sent, b"end"]


async def test_senders_that_wait_are_told_when_the_session_is_closed(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        await agent
        sending = [asyncio.create_task(ours.send(bytes(65_536))) for _ in range(200)]
        await asyncio.sleep(0)
        await ours.close("the shift is over")
        outcomes = await asyncio.gather(*sending, return_exceptions=True)
        assert any(isinstance(outcome, SessionClosed) for outcome in outcomes)
        assert all(outcome is None or isinstance(outcome, SessionClosed) for outcome in outcomes)
