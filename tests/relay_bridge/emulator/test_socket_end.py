"""Frames and closing of the sockets that end at the relay itself; seen from a listener's control channel."""

from __future__ import annotations

import asyncio

import pytest

from relay_bridge.emulator import socket_end
from relay_bridge.emulator.frames import Opcode
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.raw_peers import RawListener, close_code
from tests.relay_bridge.emulator.support import NORTH, eventually


@pytest.fixture
async def listener(emulator: RelayEmulator):  # type: ignore[no-untyped-def]
    listener = await RawListener.open(emulator)
    yield listener
    listener.close()


async def test_ping_is_answered_between_the_fragments_of_a_message(listener: RawListener) -> None:
    listener.channel.send(Opcode.TEXT, b'{"unknown"', fin=False)
    listener.channel.send(Opcode.PING, b"abc")
    assert await listener.channel.frame() == (Opcode.PONG, True, b"abc")
    listener.channel.send(Opcode.CONTINUATION, b":1}")
    listener.channel.send(Opcode.PONG, b"unsolicited, as one client sends them")
    listener.channel.send(Opcode.PING, b"")
    assert await listener.channel.frame() == (Opcode.PONG, True, b"")


@pytest.mark.parametrize(("payload", "answer"), [(b"", b""), (b"\x03\xe8bye", b"\x03\xe8")])
async def test_close_is_answered_with_its_code(
    emulator: RelayEmulator, listener: RawListener, payload: bytes, answer: bytes
) -> None:
    listener.channel.send(Opcode.CLOSE, payload)
    assert await listener.channel.frame() == (Opcode.CLOSE, True, answer)
    assert await listener.channel.closed() == b""
    assert emulator.listener_count(NORTH) == 0


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x81\x00", 1002),  # not masked
        (b"\xc1\x80\0\0\0\0", 1002),  # a reserved bit
        (b"\x80\x80\0\0\0\0", 1002),  # the end of nothing
        (b"\x88\x81\0\0\0\0\0", 1002),  # a close frame of one byte
        (b"\x82\xff" + (65_537).to_bytes(8, "big") + bytes(4 + 65_537), 1009),
        (b"\x01\xff" + (65_537).to_bytes(8, "big") + bytes(4 + 65_537), 1009),
    ],
)
async def test_broken_protocol_is_closed_with_a_code(
    emulator: RelayEmulator, listener: RawListener, monkeypatch: pytest.MonkeyPatch, sent: bytes, code: int
) -> None:
    monkeypatch.setattr(socket_end, "ERROR_LINGER", 0.05)
    listener.channel.writer.write(sent)
    opcode, _, payload = await listener.channel.frame()
    assert (opcode, close_code(payload)) == (Opcode.CLOSE, code)
    assert await listener.channel.closed() == b""
    await eventually(lambda: emulator.listener_count(NORTH) == 0)


async def test_peer_that_does_not_answer_a_close_is_cut_off(
    emulator: RelayEmulator, listener: RawListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_end, "CLOSE_DEADLINE", 0.1)
    emulator.faults.recycle(NORTH)
    assert close_code((await listener.channel.frame())[2]) == 1011
    assert await listener.channel.closed() == b""


async def test_only_the_latest_ping_of_one_that_does_not_read_is_answered(
    emulator: RelayEmulator, listener: RawListener
) -> None:
    listener.channel.reader._limit = 1
    (channel,) = emulator._switchboard.listeners
    ping = b"\x89\xfd" + bytes(4) + b"x" * 125
    for _ in range(200):
        listener.channel.writer.write(ping * 500)
        if channel.connection.writing_paused:
            break
        await asyncio.sleep(0.001)
    listener.channel.send(Opcode.PING, b"last")
    await eventually(lambda: channel._late_pong == b"last")
    listener.channel.reader._limit = 1 << 26
    while (await listener.channel.frame())[2] != b"last":
        pass
