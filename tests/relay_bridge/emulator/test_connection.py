"""One TCP connection: bounded in time and number, and silent about what it was sent."""

from __future__ import annotations

import asyncio

import pytest

from relay_bridge.emulator import server
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.raw_peers import RawPeer, RawStream
from tests.relay_bridge.emulator.support import (
    CONFIG,
    DEADLINE,
    NORTH,
    OPEN,
    auth,
    eventually,
    listen,
    next_accept,
    sas,
)


@pytest.mark.parametrize("sent", [b"", b"GET /$hc/", f"GET /$hc/{NORTH} HTTP/1.1\r\nHost: x\r\nX".encode()])
async def test_request_that_never_ends_is_cut_off(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HANDSHAKE_DEADLINE", 0.2)
    async with RelayEmulator(CONFIG) as emulator:
        peer = await RawPeer.open(emulator)
        peer.writer.write(sent)
        assert await peer.closed() == b""
        assert not emulator._connections


async def test_sender_may_wait_longer_than_a_request_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HANDSHAKE_DEADLINE", 0.1)
    async with RelayEmulator(CONFIG) as emulator:
        emulator.faults.delay_accepts(0.3)
        async with RawStream(emulator) as stream:
            # The control channel and both ends are older than the deadline now; they stay.
            stream.sender.send(1, b"hello")
            assert await stream.listener.frame() == (1, True, b"hello")
            assert emulator.connection_count == 3


@pytest.mark.parametrize("rubbish", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nA: " + b"x" * 9000])
async def test_what_is_no_http_is_400_and_not_repeated(
    emulator: RelayEmulator, rubbish: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    peer = await RawPeer.open(emulator)
    peer.writer.write(rubbish + b"\r\n\r\n")
    answer = await peer.closed()
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert rubbish[:9].strip() not in answer.partition(b"\r\n\r\n")[2]
    assert "xxxx" not in caplog.text
    assert "Traceback" not in caplog.text


async def test_connection_that_waits_longest_makes_room_for_the_next() -> None:
    async with RelayEmulator(CONFIG, max_sockets=1) as emulator:
        peers = [await RawPeer.open(emulator) for _ in range(1 + server.SPARE_CONNECTIONS)]
        await eventually(lambda: len(emulator._connections) == len(peers))
        control = await listen(emulator)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(peers[0].reader.readexactly(1), DEADLINE)
        assert len(emulator._connections) == len(peers)
        await control.close()
        for peer in peers:
            peer.close()


async def test_what_a_sender_says_before_its_answer_is_bounded_and_arrives(emulator: RelayEmulator) -> None:
    control = await listen(emulator, OPEN)
    sender, listener = await RawPeer.open(emulator), await RawPeer.open(emulator)
    sender.request(f"/$hc/{OPEN}")
    sender.send(2, b"too eager")
    accept = await next_accept(control)
    flood = b"\x82\xfe\x40\x00\0\0\0\0" + bytes(0x4000)  # 16 KiB a frame
    for _ in range(1000):
        sender.writer.write(flood)
    (held,) = [c for c in emulator._connections if c.peername == sender.writer.get_extra_info("sockname")]
    await eventually(lambda: held._backlog)
    assert len(held._backlog) < 1024 * 1024

    listener.request("/" + accept["address"].split("/", 3)[3])
    assert (await listener.answer()).status == 101
    assert (await sender.answer()).status == 101
    assert await listener.frame() == (2, True, b"too eager")
    for _ in range(1000):
        assert (await listener.frame())[2] == bytes(0x4000)
    for peer in (sender, listener):
        peer.close()
    await control.close()


async def test_hundreds_of_streams_come_and_go_without_a_trace(emulator: RelayEmulator) -> None:
    for _ in range(20):
        async with RawStream(emulator):
            assert len(emulator._switchboard.streams.pumps) == 1
    await eventually(lambda: not emulator._switchboard.streams.pumps and not emulator._connections)
    assert len(emulator._switchboard.streams.waiting) == 0


async def test_keep_alive_connection_carries_no_second_request(emulator: RelayEmulator) -> None:
    peer = await RawPeer.open(emulator)
    peer.request(f"/$hc/{NORTH}", auth(sas()))
    peer.request(f"/$hc/{NORTH}", auth(sas()))
    answer = await peer.closed()
    assert answer.count(b"HTTP/1.1 404") == 1
    assert b"\r\nConnection: close\r\n" in answer
