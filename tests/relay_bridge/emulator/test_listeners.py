"""Control channels: renewal, expiry, and what a listener may say without harm."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
import websockets

from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Rule
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.raw_peers import RawPeer, handshake
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

GRACE = 300  # seconds


def renewal(token: str) -> str:
    return json.dumps({"renewToken": {"token": token}})


async def test_channel_outlives_its_token_by_the_grace_and_closes_with_1008(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    async with RelayEmulator(CONFIG, clock=clock) as emulator:
        short = await listen(emulator, token=sas("listen", now=clock.now, life=60))
        long = await listen(emulator, token=sas("listen", now=clock.now, life=61))

        clock.now += 60 + GRACE - 1
        answering = asyncio.create_task(handshake(emulator, f"/$hc/{NORTH}", auth(sas(now=clock.now))))
        told = [asyncio.create_task(next_accept(control)) for control in (short, long)]
        await asyncio.wait(told, timeout=DEADLINE, return_when=asyncio.FIRST_COMPLETED)
        for task in (answering, *told):
            task.cancel()
        assert emulator.listener_count(NORTH) == 2

        clock.now += 1
        await asyncio.wait_for(short.wait_closed(), DEADLINE)
        assert short.close_code == 1008
        assert emulator.listener_count(NORTH) == 1
        assert "ListenerClosingFromExpiredToken" in caplog.text
        await long.close()


async def test_renewed_token_keeps_the_channel_open() -> None:
    clock = Clock()
    async with RelayEmulator(CONFIG, clock=clock) as emulator:
        renewed = await listen(emulator, token=sas("listen", now=clock.now, life=60), id="renewed")
        forgotten = await listen(emulator, token=sas("listen", now=clock.now, life=60), id="forgotten")
        await renewed.send(renewal(sas("listen", key="listen-secondary", now=clock.now, life=3600)))
        await asyncio.wait_for(await renewed.ping(), DEADLINE)  # so the text before it has been read

        clock.now += 60 + GRACE
        await asyncio.wait_for(forgotten.wait_closed(), DEADLINE)
        assert forgotten.close_code == 1008
        assert emulator.listener_count(NORTH) == 1
        await renewed.close()


async def test_expiry_does_not_touch_streams() -> None:
    clock = Clock()
    config = EmulatorConfig((HybridConnection(NORTH, False, CONFIG.hybrid_connections[0].rules),))
    async with RelayEmulator(config, clock=clock) as emulator:
        clock.now = time.time()
        async with Stream(emulator) as stream:
            clock.now += 600 + GRACE
            await asyncio.wait_for(stream.control.wait_closed(), DEADLINE)
            await stream.sender.send("still joined")
            assert await stream.listener.recv() == "still joined"


@pytest.mark.parametrize(
    "text",
    [
        renewal("nonsense"),
        renewal(sas("listen", key="guessed")),
        renewal(sas("listen", life=-1)),
        renewal(sas("send")),
        renewal(sas("listen", "sites/south")),
        '{"renewToken":{}}',
        '{"renewToken":null}',
        '{"renewToken":{"token":7}}',
    ],
)
async def test_bad_renewal_closes_with_1008(
    emulator: RelayEmulator, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    control = await listen(emulator)
    await control.send(text)
    await asyncio.wait_for(control.wait_closed(), DEADLINE)
    assert control.close_code == 1008
    assert "InvalidSasToken" in caplog.text
    assert "sig=" not in caplog.text
    await eventually(lambda: emulator.listener_count(NORTH) == 0)


async def test_renewal_is_checked_against_the_keys_of_now(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    rules = (Rule("agent", frozenset({"Listen"}), "changed"),)
    emulator.apply_config(EmulatorConfig((HybridConnection(NORTH, True, rules),)))
    await control.send(renewal(sas("listen", key="changed")))
    await asyncio.wait_for(await control.ping(), DEADLINE)
    await control.send(renewal(sas("listen")))
    await asyncio.wait_for(control.wait_closed(), DEADLINE)
    assert control.close_code == 1008


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        '{"unknown":{}}',
        '{"response":{"requestId":"1"}}',
        "[" * 60_000,
        b"",
        b"x" * 65_536,
    ],
)
async def test_what_is_not_understood_is_ignored(emulator: RelayEmulator, message: str | bytes) -> None:
    control = await listen(emulator)
    await control.send(message)
    answering = asyncio.create_task(handshake(emulator, f"/$hc/{NORTH}", auth(sas())))
    assert (await next_accept(control))["id"].endswith("_G0")
    answering.cancel()
    await control.close()


async def test_text_over_64_kib_is_closed_with_1009(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    await control.send("x" * 65_537)
    await asyncio.wait_for(control.wait_closed(), DEADLINE)
    assert control.close_code == 1009


async def test_pings_are_answered(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    await asyncio.wait_for(await control.ping(), DEADLINE)
    await control.close()
    assert control.close_code == 1000
    await eventually(lambda: emulator.connection_count == 0)


async def test_listener_that_does_not_read_costs_a_bounded_amount_of_memory(emulator: RelayEmulator) -> None:
    listener = await RawPeer.open(emulator)
    listener.reader._limit = 1  # asyncio stops reading from the socket once twice this much is waiting
    listener.request(f"/$hc/{NORTH}?sb-hc-action=listen", auth(sas("listen")))
    await eventually(lambda: emulator.listener_count(NORTH) == 1)
    (channel,) = emulator._switchboard.listeners
    headers = {f"X-{n}": "v" * 8000 for n in range(7)}
    senders: list[RawPeer] = []

    async def one_more() -> None:
        senders.append(await RawPeer.open(emulator))
        senders[-1].request(f"/$hc/{NORTH}", {**headers, **auth(sas())})
        await eventually(lambda: len(emulator._switchboard.streams.waiting) == len(senders))

    while not channel.connection.writing_paused:
        await one_more()
        assert len(senders) < 1000
    for _ in range(20):
        await one_more()
    for sender in senders:
        sender.close()
    await eventually(lambda: len(emulator._switchboard.streams.waiting) == 0)
    assert channel.connection.transport is not None
    assert channel.connection.transport.get_write_buffer_size() < 3 * 65_536
    listener.close()


async def test_dead_listener_is_passed_over(emulator: RelayEmulator) -> None:
    dead, alive = await listen(emulator, id="dead"), await listen(emulator, id="alive")
    dead.transport.abort()
    await eventually(lambda: emulator.listener_count(NORTH) == 1)
    answering = asyncio.create_task(handshake(emulator, f"/$hc/{NORTH}", auth(sas())))
    await next_accept(alive)
    answering.cancel()
    with pytest.raises(websockets.ConnectionClosed):
        await dead.recv()
    await alive.close()
