"""Two sockets joined: bytes, borders and types kept, closes forwarded, a slow reader stops its peer."""

from __future__ import annotations

import asyncio
import os
import struct

import pytest
import websockets

from relay_bridge.emulator import pump
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.raw_peers import RawStream
from tests.relay_bridge.emulator.support import DEADLINE, NORTH, Stream, eventually

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
MIB = 1024 * 1024


def close(code: int, reason: str = "") -> bytes:
    return struct.pack("!H", code) + reason.encode()


@pytest.mark.parametrize("message", ["", "Füllstand 12,3 m", b"", b"\x00\xff", os.urandom(65_536), os.urandom(MIB)])
async def test_messages_pass_unchanged_both_ways(emulator: RelayEmulator, message: str | bytes) -> None:
    async with Stream(emulator) as stream:
        for source, target in ((stream.sender, stream.listener), (stream.listener, stream.sender)):
            await source.send(message)
            assert await asyncio.wait_for(target.recv(), DEADLINE) == message


async def test_order_holds_with_many_in_flight_both_ways(emulator: RelayEmulator) -> None:
    async with Stream(emulator) as stream:

        async def pour(socket: websockets.ClientConnection) -> None:
            for number in range(500):
                await socket.send(f"{number}" * (1 + number % 50))

        async def check(socket: websockets.ClientConnection) -> None:
            for number in range(500):
                assert await socket.recv() == f"{number}" * (1 + number % 50)

        both = (stream.sender, stream.listener)
        await asyncio.wait_for(asyncio.gather(*map(pour, both), *map(check, both)), DEADLINE)


async def test_type_and_fin_of_fragments_are_kept(emulator: RelayEmulator) -> None:
    async with RawStream(emulator) as stream:
        for source, target in ((stream.sender, stream.listener), (stream.listener, stream.sender)):
            source.send(TEXT, b"le", fin=False)
            source.send(PING, b"between fragments")
            source.send(CONTINUATION, b"", fin=False)
            source.send(CONTINUATION, b"vel", fin=True)
            source.send(BINARY, b"whole")

            assert [await target.frame() for _ in range(4)] == [
                (TEXT, False, b"le"),
                (CONTINUATION, False, b""),
                (CONTINUATION, True, b"vel"),
                (BINARY, True, b"whole"),
            ]
            assert await source.frame() == (PONG, True, b"between fragments")


async def test_large_frame_leaves_in_pieces(emulator: RelayEmulator) -> None:
    async with RawStream(emulator) as stream:
        payload = os.urandom(80_000)
        stream.sender.send(BINARY, payload)

        pieces = [await stream.listener.frame() for _ in range(3)]

        assert [(opcode, fin, len(part)) for opcode, fin, part in pieces] == [
            (BINARY, False, 32_768),
            (CONTINUATION, False, 32_768),
            (CONTINUATION, True, 80_000 - 65_536),
        ]
        assert b"".join(part for _, _, part in pieces) == payload


async def test_fragmented_message_may_be_larger_than_a_frame(emulator: RelayEmulator) -> None:
    async with Stream(emulator) as stream:
        part = os.urandom(MIB)
        sending = asyncio.create_task(stream.sender.send([part, part, part]))
        assert await asyncio.wait_for(stream.listener.recv(), DEADLINE) == part * 3
        await sending


async def test_frame_over_one_gibibyte_is_closed_with_1009(emulator: RelayEmulator) -> None:
    async with RawStream(emulator) as stream:
        stream.sender.writer.write(b"\x82\xff" + (1024 * MIB + 1).to_bytes(8, "big") + bytes(4))
        assert (await stream.sender.frame())[2][:2] == (1009).to_bytes(2, "big")
        assert (await stream.listener.frame())[2][:2] == (1011).to_bytes(2, "big")


async def test_long_message_in_one_frame_is_carried(emulator: RelayEmulator) -> None:
    async with Stream(emulator) as stream:
        sending = asyncio.create_task(stream.sender.send(b"x" * (3 * MIB)))
        assert await asyncio.wait_for(stream.listener.recv(), DEADLINE) == b"x" * (3 * MIB)
        await sending


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
async def test_close_code_and_reason_are_forwarded(emulator: RelayEmulator, code: int) -> None:
    for first, second in (("sender", "listener"), ("listener", "sender")):
        async with Stream(emulator) as stream:
            await getattr(stream, first).close(code, "shift has ended")
            other = getattr(stream, second)
            await asyncio.wait_for(other.wait_closed(), DEADLINE)
            assert (other.close_code, other.close_reason) == (code, "shift has ended")
        await eventually(lambda: emulator.connection_count == 0)


async def test_answer_to_a_close_is_forwarded_too_and_the_relay_ends_tcp(emulator: RelayEmulator) -> None:
    async with RawStream(emulator) as stream:
        stream.sender.send(CLOSE, close(4001, "done"))
        assert await stream.listener.frame() == (CLOSE, True, close(4001, "done"))
        # Half-close works: the other direction stays open until its own close.
        stream.listener.send(BINARY, b"last words")
        assert await stream.sender.frame() == (BINARY, True, b"last words")
        stream.sender.send(BINARY, b"said after goodbye")
        stream.listener.send(CLOSE, close(4002, "me too"))
        assert await stream.sender.frame() == (CLOSE, True, close(4002, "me too"))
        assert await stream.sender.closed() == b""
        assert await stream.listener.closed() == b""


async def test_close_without_a_code_is_forwarded_as_such(emulator: RelayEmulator) -> None:
    async with RawStream(emulator) as stream:
        stream.listener.send(CLOSE, b"")
        assert await stream.sender.frame() == (CLOSE, True, b"")


@pytest.mark.parametrize(("lost", "code"), [("sender", 1001), ("listener", 1011)])
async def test_broken_side_ends_the_other(emulator: RelayEmulator, lost: str, code: int) -> None:
    async with RawStream(emulator) as stream:
        broken, other = stream.sender, stream.listener
        if lost == "listener":
            broken, other = other, broken
        broken.writer.transport.abort()
        opcode, _, payload = await other.frame()
        assert (opcode, payload) == (CLOSE, close(code, f"The {lost}'s connection was lost"))
        other.send(CLOSE, close(code))
        assert await other.closed() == b""
        await eventually(lambda: emulator.connection_count == 1)


async def test_broken_side_cuts_the_other_off_when_it_does_not_answer(
    emulator: RelayEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump, "CLOSE_DEADLINE", 0.2)
    async with RawStream(emulator) as stream:
        stream.sender.writer.transport.abort()
        assert (await stream.listener.frame())[0] == CLOSE
        assert await stream.listener.closed() == b""  # CLOSE_DEADLINE later
        await eventually(lambda: emulator.connection_count == 1)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x82\x01a",  # not masked
        b"\xc2\x80\x00\x00\x00\x00",  # a reserved bit
        b"\x83\x80\x00\x00\x00\x00",  # an unknown opcode
        b"\x80\x80\x00\x00\x00\x00",  # a fragment of nothing
        b"\x09\x80\x00\x00\x00\x00",  # a ping in fragments
        b"\x89\xfe\x00\x7e\x00\x00\x00\x00",  # a ping of 126 bytes
        b"\x88\x81\x00\x00\x00\x00\x03",  # a close code of one byte
    ],
)
async def test_broken_protocol_is_1002_for_its_maker_and_1011_for_the_other(
    emulator: RelayEmulator, monkeypatch: pytest.MonkeyPatch, rubbish: bytes
) -> None:
    monkeypatch.setattr(pump, "ERROR_LINGER", 0.05)
    async with RawStream(emulator) as stream:
        stream.sender.send(BINARY, b"good")
        stream.sender.writer.write(rubbish)
        assert await stream.listener.frame() == (BINARY, True, b"good")
        assert (await stream.listener.frame())[2][:2] == close(1011)
        opcode, _, payload = await stream.sender.frame()
        assert (opcode, payload[:2]) == (CLOSE, close(1002))
        assert await stream.sender.closed() == b""


async def test_frame_that_comes_byte_by_byte(emulator: RelayEmulator) -> None:
    async with RawStream(emulator) as stream:
        stream.sender.writer.transport.set_write_buffer_limits(0)
        for byte in b"\x82\x85\x01\x02\x03\x04" + bytes(
            b ^ m for b, m in zip(b"level", b"\x01\x02\x03\x04\x01", strict=True)
        ):
            stream.sender.writer.write(bytes((byte,)))
            await stream.sender.writer.drain()
        assert await stream.listener.frame() == (BINARY, True, b"level")


async def test_pings_are_answered_here_and_pongs_are_dropped(emulator: RelayEmulator) -> None:
    async with Stream(emulator) as stream:
        await asyncio.wait_for(await stream.sender.ping(b"alive?"), DEADLINE)
        await asyncio.wait_for(await stream.listener.ping(b"alive?"), DEADLINE)
        await stream.sender.pong(b"unasked")
        await stream.sender.send("after")
        assert await stream.listener.recv() == "after"


@pytest.mark.parametrize("direction", ["to the listener", "to the sender"])
async def test_slow_reader_stops_its_peer_and_nothing_is_lost(emulator: RelayEmulator, direction: str) -> None:
    async with RawStream(emulator) as stream:
        source, target = stream.sender, stream.listener
        if direction == "to the sender":
            source, target = target, source
        # 64 KiB without a mask's effect, so that making them costs nothing.
        message = b"\x82\xff" + struct.pack("!Q", 65_536) + b"\0\0\0\0" + bytes(65_536)
        total = 600  # 37.5 MiB; sockets and the relay hold a few
        written = 0

        async def pour() -> None:
            nonlocal written
            for _ in range(total):
                source.writer.write(message)
                await source.writer.drain()
                written += 1

        pouring = asyncio.create_task(pour())
        held = [c for c in emulator._connections if c._held]
        async with asyncio.timeout(DEADLINE):
            while not held:
                await asyncio.sleep(0.01)
                held = [c for c in emulator._connections if c._held]
        ends = [end for each in emulator._switchboard.streams.pumps for end in (each.sender, each.listener)]
        waiting = [end.connection.transport.get_write_buffer_size() for end in ends]
        assert max(waiting) < MIB
        assert not pouring.done()

        carried = 0
        async with asyncio.timeout(4 * DEADLINE):
            while carried < total * 65_536:
                _, _, payload = await target.frame()
                carried += len(payload)
        await pouring
        assert carried == total * 65_536


async def test_ping_of_a_peer_that_does_not_read_is_answered_once_it_does(emulator: RelayEmulator) -> None:
    async with RawStream(emulator) as stream:
        (joined,) = emulator._switchboard.streams.pumps
        end = joined.listener
        # Fill the way to the listener, which reads nothing yet.
        stream.sender.writer.write((b"\x82\xff" + struct.pack("!Q", 65_536) + bytes(65_540)) * 200)
        await eventually(lambda: end.connection.writing_paused)
        for number in range(3):
            stream.listener.send(PING, b"%d" % number)
        await eventually(lambda: end._late_pong == b"2")
        pongs = []
        async with asyncio.timeout(DEADLINE):
            while not pongs:
                opcode, _, payload = await stream.listener.frame()
                if opcode == PONG:
                    pongs.append(payload)
        assert pongs == [b"2"]


async def test_streams_outlive_the_control_channel(emulator: RelayEmulator) -> None:
    async with Stream(emulator) as stream:
        await stream.control.close()
        await eventually(lambda: emulator.listener_count(NORTH) == 0)
        await stream.sender.send("still joined")
        assert await stream.listener.recv() == "still joined"
