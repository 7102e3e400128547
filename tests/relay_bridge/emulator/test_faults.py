"""Each fault switch does to real sockets what it says."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from relay_bridge.emulator.faults import SWITCHES, Faults
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.raw_peers import HttpPeer, RawListener, RawPeer, RawStream, handshake
from tests.relay_bridge.emulator.support import (
    CONFIG,
    DEADLINE,
    NORTH,
    Clock,
    Stream,
    auth,
    eventually,
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
        (pump,) = emulator._switchboard.streams.pumps
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


async def test_expired_tokens_close_control_channels_with_1008(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    assert emulator.faults.expire_tokens(NORTH) == 1
    await asyncio.wait_for(control.wait_closed(), DEADLINE)
    assert control.close_code == 1008


async def test_silent_listener_is_forgotten_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    async with RelayEmulator(CONFIG, clock=clock) as emulator:
        token = sas("listen", now=clock.now, life=3600)
        silent = await listen(emulator, token=token, id="silent")
        alive = await listen(emulator, token=token, id="alive")
        emulator.faults.cut_idle()
        clock.now += 240
        await asyncio.wait_for(await alive.ping(), DEADLINE)
        await eventually(lambda: emulator.listener_count(NORTH) == 1)
        assert "ListenerUnregistered: silent_G0" in caplog.text
        # It is not closed, and not answered either.
        pong = await silent.ping()
        done, _ = await asyncio.wait({asyncio.ensure_future(pong)}, timeout=0.1)
        assert not done
        assert silent.close_code is None
        answering = asyncio.create_task(handshake(emulator, CONNECT, auth(sas(now=clock.now))))
        await next_accept(alive)
        answering.cancel()
        await alive.close()


async def test_fewer_listeners_have_room(emulator: RelayEmulator) -> None:
    emulator.faults.limit_listeners(1)
    control = await listen(emulator)
    target = f"/$hc/{NORTH}?sb-hc-action=listen"
    assert (await handshake(emulator, target, auth(sas("listen")))).status == 429
    emulator.faults.clear()
    await (await listen(emulator)).close()
    await control.close()


@pytest.mark.parametrize(("seconds", "status"), [(599, 404), (601, 401), (-86_400, 404)])
async def test_clock_that_is_wrong(emulator: RelayEmulator, seconds: float, status: int) -> None:
    emulator.faults.move_clock(seconds)
    assert (await handshake(emulator, CONNECT, auth(sas(life=600)))).status == status


async def test_throttle_carries_everything_but_slowly(emulator: RelayEmulator) -> None:
    async with Stream(emulator) as stream:
        emulator.faults.throttle(50_000)
        started = asyncio.get_running_loop().time()
        await stream.sender.send(bytes(range(256)) * 40)
        assert await asyncio.wait_for(stream.listener.recv(), DEADLINE) == bytes(range(256)) * 40
        assert asyncio.get_running_loop().time() - started > 0.15
        emulator.faults.clear()
        await stream.sender.send(bytes(1_000_000))
        assert len(await asyncio.wait_for(stream.listener.recv(), DEADLINE)) == 1_000_000


async def test_throttled_relay_still_reads_requests(emulator: RelayEmulator) -> None:
    listener, sender = await RawListener.open(emulator), await HttpPeer.open(emulator)
    emulator.faults.throttle(20_000)
    sender.send("PUT", f"/{NORTH}", auth(sas()), b"x" * 2_000)
    request = await listener.request()
    assert (await listener.channel.frame())[2] == b"x" * 2_000
    listener.respond(request["id"], 200, b"done")
    assert (await sender.answer()).body == b"done"
    listener.close()
    sender.close()


async def test_http_requests_can_be_answered_by_the_relay_itself(emulator: RelayEmulator) -> None:
    listener, sender = await RawListener.open(emulator), await HttpPeer.open(emulator)
    emulator.faults.answer_requests_with(504)
    answer = await sender.ask("GET", f"/{NORTH}", auth(sas()))
    assert (answer.status, "via" in answer.headers) == (504, False)
    assert (await sender.ask("GET", f"/{NORTH}")).status == 401
    emulator.faults.answer_requests_with(0)
    sender.send("GET", f"/{NORTH}", auth(sas()))
    await listener.request()
    listener.close()
    sender.close()


async def test_one_response_is_lost_and_one_payload_is_corrupted() -> None:
    async with RelayEmulator(CONFIG, response_deadline=0.2) as emulator:
        listener, sender = await RawListener.open(emulator), await HttpPeer.open(emulator)
        emulator.faults.drop_next_response()
        for status, body in ((504, b""), (200, b"abb"), (200, b"abc")):
            sender.send("GET", f"/{NORTH}", auth(sas()))
            listener.respond((await listener.request())["id"], 200, b"abc")
            answer = await sender.answer()
            assert answer.status == status
            assert status == 504 or answer.body == body
            if status == 504:
                emulator.faults.corrupt_next_frame()
        listener.close()
        sender.close()


async def test_http_requests_can_be_told_later_or_too_late() -> None:
    async with RelayEmulator(CONFIG, accept_deadline=0.3) as emulator:
        listener, sender = await RawListener.open(emulator), await HttpPeer.open(emulator)
        emulator.faults.delay_accepts(0.1)
        started = asyncio.get_running_loop().time()
        sender.send("GET", f"/{NORTH}", auth(sas()))
        listener.respond((await listener.request())["id"])
        assert (await sender.answer()).status == 200
        assert asyncio.get_running_loop().time() - started >= 0.1
        emulator.faults.delay_accepts(60)
        assert (await sender.ask("GET", f"/{NORTH}", auth(sas()))).status == 504
        listener.close()
        sender.close()


async def test_refused_rendezvous_of_a_request_is_403_for_the_listener_and_504_for_the_sender(
    emulator: RelayEmulator,
) -> None:
    listener, sender = await RawListener.open(emulator), await HttpPeer.open(emulator)
    emulator.faults.refuse_accepts()
    sender.send("PUT", f"/{NORTH}", auth(sas()), bytes(65_537))
    address = urlsplit((await listener.request())["address"])
    assert (await handshake(emulator, f"{address.path}?{address.query}")).status == 403
    assert (await sender.answer()).status == 504
    listener.close()
    sender.close()


def test_every_switch_has_its_method() -> None:
    assert all(callable(getattr(Faults, name)) for name in SWITCHES)


async def test_frozen_relay_reads_nothing_of_newcomers_on_uvloop_either() -> None:
    """uvloop begins to read after ``connection_made``, whatever was said in it."""
    uvloop = pytest.importorskip("uvloop")

    async def answered() -> bool:
        async with RelayEmulator(CONFIG) as relay:
            relay.faults.freeze()
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            writer.write(b"GET /nothing HTTP/1.1\r\nHost: relay\r\n\r\n")
            reading = asyncio.create_task(reader.read(1))
            done, _ = await asyncio.wait({reading}, timeout=0.2)
            relay.faults.thaw()
            assert await asyncio.wait_for(reading, DEADLINE) == b"H"
            writer.close()
            return bool(done)

    assert not await asyncio.to_thread(uvloop.run, answered())
