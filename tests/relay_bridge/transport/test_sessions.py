"""Sealed sessions through a real relay: who gets in, what gets through, and what the relay sees."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from relay_bridge.protocol.errors import ProtocolViolation
from relay_bridge.secure_channel.pins import read_pin
from relay_bridge.transport import HandshakeFailed, RelayStream, SecureSession, SessionClosed
from tests.relay_bridge.transport.support import CONFIG, DEADLINE, Relay, listening


class ChoppedStream(RelayStream):
    """A stream through a relay that cuts every message into pieces, of one byte and of three in turn."""

    is_clear = False  # so that everything takes the way of send()

    async def send(self, data: bytes) -> None:
        position = 0
        while position < len(data):
            step = 1 if position % 2 else 3
            await super().send(data[position : position + step])
            position += step


class MergedStream(RelayStream):
    """A stream through a relay that hands over several messages as one."""

    async def receive(self) -> bytes:
        data = await super().receive()
        with contextlib.suppress(TimeoutError):
            while len(data) < 10_000:
                async with asyncio.timeout(0.02):
                    data += await super().receive()
        return data


@contextlib.asynccontextmanager
async def sealed(relay, parties, *, identity=None, agent_identity=None, stream_type=RelayStream):
    """Both ends: the session of the caller, and the agent's session or what became of it."""
    agent = asyncio.get_running_loop().create_future()
    released = asyncio.Event()

    async def handler(stream):
        try:
            session = await SecureSession.accept(stream, parties.server(agent_identity))
        except HandshakeFailed as error:
            agent.set_exception(error)
            return
        agent.set_result(session)
        await released.wait()

    async with listening(relay.listen_string(), handler):
        stream = await relay.sender().connect()
        stream.__class__ = stream_type
        try:
            session = await SecureSession.connect(stream, parties.client(identity))
            yield session, agent
            await session.close()
        finally:
            released.set()
            await stream.close()
            if agent.done():
                agent.exception()


async def test_both_ends_know_each_other(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        theirs = await agent
        assert ours.peer_certificate_der == read_pin(parties.agent.cert_pem).der
        assert ours.peer_thumbprint == read_pin(parties.agent.cert_pem).thumbprint
        assert theirs.peer_thumbprint == read_pin(parties.web.cert_pem).thumbprint


async def test_messages_go_both_ways_whole(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        theirs = await agent
        for message in (b"x", bytes(65_536), b"last"):
            await ours.send(message)
            assert await theirs.receive() == message
            await theirs.send(message)
            assert await ours.receive() == message


@pytest.mark.parametrize("stream_type", [ChoppedStream, MergedStream])
async def test_a_relay_may_split_and_merge(relay, parties, stream_type):
    async with sealed(relay, parties, stream_type=stream_type) as (ours, agent):
        theirs = await agent
        for number in range(5):
            await ours.send(b"up %d" % number)
            await theirs.send(b"down %d" % number)
        assert [await theirs.receive() for _ in range(5)] == [b"up %d" % number for number in range(5)]
        assert [await ours.receive() for _ in range(5)] == [b"down %d" % number for number in range(5)]


async def test_many_senders_at_once_do_not_mix(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        theirs = await agent
        messages = [bytes([number]) * (1 + number * 97) for number in range(200)]
        sending = asyncio.gather(*(ours.send(message) for message in messages))
        received = [await theirs.receive() for _ in messages]
        await sending
        assert sorted(received) == sorted(messages)


async def test_a_rogue_listener_gets_nothing(relay, parties):
    """A valid Listen key and a certificate of the same name are not enough."""
    with pytest.raises(HandshakeFailed, match="not the pinned one") as caught:
        async with sealed(relay, parties, agent_identity=parties.false_agent):
            pass
    assert not caught.value.retryable


async def test_a_rogue_sender_gets_nothing(relay, parties):
    async with sealed(relay, parties, identity=parties.false_web) as (ours, agent):
        # TLS 1.3: connect() has returned, and proves nothing about us yet.
        with pytest.raises(SessionClosed):
            await ours.send(b"read everything")
            await ours.receive()
        with pytest.raises(HandshakeFailed, match="not the pinned one"):
            await asyncio.wait_for(asyncio.shield(agent), DEADLINE)


async def test_the_refused_side_is_told_why(relay, parties):
    async with sealed(relay, parties, identity=parties.false_web) as (ours, _agent):
        with pytest.raises(SessionClosed, match="pinned another certificate") as caught:
            await asyncio.wait_for(ours.receive(), DEADLINE)
        assert not caught.value.clean


async def test_the_relay_sees_no_word_of_it(parties, tmp_path):
    async with Relay(CONFIG, record=tmp_path) as relay, sealed(relay, parties) as (ours, agent):
        await ours.send(b"read TK-101.Level for alice")
        assert await (await agent).receive() == b"read TK-101.Level for alice"
        await (await agent).send(b"12.345 m good")
        assert await ours.receive() == b"12.345 m good"
    carried = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert len(carried) > 2_000
    for secret in (b"TK-101", b"alice", b"12.345", b"urn:sightline"):
        assert secret not in carried


async def test_one_flipped_bit_ends_the_session(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        theirs = await agent
        relay.faults.corrupt_next_frame()
        await ours.send(b"setpoint 50")
        with pytest.raises(SessionClosed, match="not what the other side sent") as caught:
            await theirs.receive()
        assert not caught.value.clean
        with pytest.raises(SessionClosed):
            await asyncio.wait_for(ours.receive(), DEADLINE)
        with pytest.raises(SessionClosed):
            await theirs.send(b"answer")


async def test_a_goodbye_is_clean_and_nothing_before_it_is_lost(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        theirs = await agent
        await theirs.send(b"first")
        await theirs.send(b"second")
        await theirs.close()
        assert [await ours.receive(), await ours.receive()] == [b"first", b"second"]
        with pytest.raises(SessionClosed, match="ended the session") as caught:
            await ours.receive()
        assert caught.value.clean
        with pytest.raises(SessionClosed):
            await ours.send(b"too late")
        with pytest.raises(SessionClosed, match="closed here"):
            await theirs.receive()


async def test_a_stream_cut_off_is_no_goodbye(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        theirs = await agent
        await theirs._stream.close()  # in good order for the WebSocket, but TLS has not said goodbye
        with pytest.raises(SessionClosed, match="closing word") as caught:
            await ours.receive()
        assert not caught.value.clean


async def test_closing_wakes_the_one_who_waits(relay, parties):
    async with sealed(relay, parties) as (ours, _agent):
        waiting = asyncio.create_task(ours.receive())
        await asyncio.sleep(0)
        await ours.close("the shift is over")
        with pytest.raises(SessionClosed, match="the shift is over"):
            await asyncio.wait_for(waiting, DEADLINE)
        await ours.close()


async def test_a_silent_peer_is_given_up(relay, parties):
    async def silent(stream):
        await stream.receive()
        await asyncio.Event().wait()

    async with listening(relay.listen_string(), silent):
        stream = await relay.sender().connect()
        with pytest.raises(HandshakeFailed, match=r"within 0\.2 s") as caught:
            await SecureSession.connect(stream, parties.client(), deadline=0.2)
        assert caught.value.retryable


async def test_a_silent_sender_is_given_up(relay, parties):
    outcome = asyncio.get_running_loop().create_future()

    async def handler(stream):
        try:
            await SecureSession.accept(stream, parties.server(), deadline=0.2)
        except HandshakeFailed as error:
            outcome.set_result(str(error))

    async with listening(relay.listen_string(), handler):
        stream = await relay.sender().connect()
        assert "within 0.2 s" in await asyncio.wait_for(outcome, DEADLINE)
        await stream.close()


async def test_somebody_who_speaks_no_tls(relay, parties):
    outcome = asyncio.get_running_loop().create_future()

    async def handler(stream):
        try:
            await SecureSession.accept(stream, parties.server())
        except HandshakeFailed as error:
            outcome.set_result(str(error))

    async with listening(relay.listen_string(), handler):
        stream = await relay.sender().connect()
        await stream.send(b'{"i":1,"m":"hello"}')
        assert "not what the other side sent" in await asyncio.wait_for(outcome, DEADLINE)
        await stream.close()


async def test_a_frame_out_of_bounds_ends_the_session(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        theirs = await agent
        ours._tls.send_application(b"\x00\x01\x00\x01")
        await ours._stream.send(ours._tls.data_to_send())
        with pytest.raises(SessionClosed, match="65537 bytes"):
            await theirs.receive()


@pytest.mark.parametrize("size", [0, 65_537])
async def test_a_message_of_a_wrong_size_is_refused_and_costs_nothing(relay, parties, size):
    async with sealed(relay, parties) as (ours, agent):
        with pytest.raises(ProtocolViolation, match=str(size)):
            await ours.send(bytes(size))
        await ours.send(b"still open")
        assert await (await agent).receive() == b"still open"


async def test_a_peer_that_takes_nothing_is_given_up(relay, parties):
    async with sealed(relay, parties) as (ours, _agent):
        ours._outbox.deadline = 0.3
        with pytest.raises(SessionClosed, match=r"took nothing for 0\.3 s"):
            for _ in range(2_000):
                await ours.send(bytes(65_536))
        with pytest.raises(SessionClosed, match="took nothing"):
            await ours.receive()


async def test_a_cancelled_receive_or_send_breaks_nothing(relay, parties):
    async with sealed(relay, parties) as (ours, agent):
        theirs = await agent
        for number in range(20):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.001):
                    await ours.receive()
            sending = asyncio.create_task(theirs.send(b"%d" % number))
            await asyncio.sleep(0)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        await theirs.send(b"end")
        received = []
        while not received or received[-1] != b"end":
            received.append(await ours.receive())
        assert received == sorted(set(received), key=received.index)


async def test_one_receives_at_a_time(relay, parties):
    async with sealed(relay, parties) as (ours, _agent):
        waiting = asyncio.create_task(ours.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one task"):
            await ours.receive()
        waiting.cancel()


async def test_the_sides_are_not_swapped(relay, parties):
    with pytest.raises(ValueError, match="client"):
        await SecureSession.connect(RelayStream(None), parties.server())
    with pytest.raises(ValueError, match="server"):
        await SecureSession.accept(RelayStream(None), parties.client())
