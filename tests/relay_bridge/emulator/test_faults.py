"""Each fault switch does to real sockets what it says."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.support import (
    CONFIG,
    DEADLINE,
    NORTH,
    RawPeer,
    RawStream,
    Stream,
    auth,
    eventually,
    handshake,
    listen,
    next_accept,
    sas,
)

CONNECT = f"/$hc/{NORTH}"


async def test_dropped_control_channels_end_without_a_close_frame(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    assert emulator.faults.drop_control_channels("SITES/north") == 1
    await asyncio.wait_for(control.wait_closed(), DEADLINE)
    assert control.close_code == 1006
    assert emulator.faults.drop_control_channels("sites/nowhere") == 0
    await eventually(lambda: emulator.connection_count == 0)


async def test_recycle_closes_control_channels_with_1011_and_leaves_streams(emulator: RelayEmulator) -> None:
    async with Stream(emulator) as stream:
        assert emulator.faults.recycle(NORTH) == 1
        await asyncio.wait_for(stream.control.wait_closed(), DEADLINE)
        assert (stream.control.close_code, stream.control.close_reason) == (
            1011,
            "InternalServerError: NameRenewalFailed",
        )
        await stream.sender.send("still joined")
        assert await stream.listener.recv() == "still joined"


async def test_delayed_accept_comes_later_or_too_late() -> None:
    async with RelayEmulator(CONFIG, accept_deadline=0.3) as emulator:
        control = await listen(emulator)
        emulator.faults.delay_accepts(0.1)
        started = asyncio.get_running_loop().time()
        answering = asyncio.create_task(handshake(emulator, CONNECT, auth(sas())))
        await next_accept(control)
        assert asyncio.get_running_loop().time() - started >= 0.1
        answering.cancel()

        emulator.faults.delay_accepts(60)
        assert (await handshake(emulator, CONNECT, auth(sas()))).status == 404
        emulator.faults.clear()
        answering = asyncio.create_task(handshake(emulator, CONNECT, auth(sas())))
        await next_accept(control)
        answering.cancel()
        await control.close()


async def test_refused_accept_is_403_for_the_listener_and_404_for_the_sender(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    emulator.faults.refuse_accepts()
    answering = asyncio.create_task(handshake(emulator, CONNECT, auth(sas())))
    address = urlsplit((await next_accept(control))["address"])
    assert (await handshake(emulator, f"{address.path}?{address.query}")).status == 403
    assert (await answering).status == 404
    await control.close()


async def test_one_frame_is_corrupted_by_one_bit(emulator: RelayEmulator) -> None:
    async with Stream(emulator) as stream:
        emulator.faults.corrupt_next_frame()
        for message in (b"", b"abc", b"abc"):
            await stream.sender.send(message)
        assert [await stream.listener.recv() for _ in range(3)] == [b"", b"abb", b"abc"]


async def test_frozen_relay_keeps_its_sockets_and_says_nothing(emulator: RelayEmulator) -> None:
    async with Stream(emulator) as stream:
        emulator.faults.freeze()
        pongs = [await stream.control.ping(), await stream.sender.ping()]
        await stream.sender.send("late")
        newcomer = await RawPeer.open(emulator)
        newcomer.request(CONNECT, auth(sas()))
        reading = asyncio.create_task(stream.listener.recv())
        answering = asyncio.create_task(newcomer.answer())

        done, _ = await asyncio.wait({*map(asyncio.ensure_future, pongs), reading, answering}, timeout=0.2)
        assert not done

        emulator.faults.thaw()
        assert await asyncio.wait_for(reading, DEADLINE) == "late"
        await asyncio.wait_for(asyncio.gather(*pongs), DEADLINE)
        await next_accept(stream.control)
        answering.cancel()
        newcomer.close()


async def test_room_for_more_does_not_undo_a_freeze(emulator: RelayEmulator) -> None:
    async with RawStream(emulator) as stream:
        (pump,) = emulator._switchboard.pumps
        frame = b"\x82\xff" + (65_536).to_bytes(8, "big") + bytes(4 + 65_536)
        stream.sender.writer.write(frame * 400)
        await eventually(lambda: pump.listener.connection.writing_paused)
        emulator.faults.freeze()
        reading = asyncio.create_task(stream.listener.reader.read(1 << 30))
        while pump.listener.connection.writing_paused:
            await asyncio.wait_for(reading, DEADLINE)
            reading = asyncio.create_task(stream.listener.reader.read(1 << 30))
        assert not pump.sender.connection.transport.is_reading()
        emulator.faults.thaw()
        assert pump.sender.connection.transport.is_reading()
        reading.cancel()


@pytest.mark.parametrize("frozen", [True, False])
async def test_stopping_works_whatever_is_switched_on(frozen: bool) -> None:
    async with RelayEmulator(CONFIG) as emulator:
        control = await listen(emulator)
        emulator.faults.refuse_accepts()
        if frozen:
            emulator.faults.freeze()
    await asyncio.wait_for(control.wait_closed(), DEADLINE)
    assert control.close_code == 1001
