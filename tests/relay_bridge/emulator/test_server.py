"""The relay as one object: its counts and bounds, a changed configuration, its clock, its end."""

from __future__ import annotations

import asyncio

import pytest

from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Rule
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.raw_peers import handshake
from tests.relay_bridge.emulator.support import (
    CONFIG,
    DEADLINE,
    NORTH,
    OPEN,
    Clock,
    Stream,
    auth,
    eventually,
    listen,
    next_accept,
    sas,
    url,
)

CONNECT = f"/$hc/{NORTH}?sb-hc-action=connect"


async def test_sockets_are_counted_and_bounded() -> None:
    async with RelayEmulator(CONFIG, max_sockets=2) as emulator:
        controls = [await listen(emulator), await listen(emulator)]
        answer = await handshake(emulator, CONNECT, auth(sas()))
        assert (answer.status, answer.reason.partition(":")[0]) == (503, "ConnectionsQuotaExceeded")
        await asyncio.gather(*(control.close() for control in controls))


async def test_changed_keys_count_for_new_handshakes_only(emulator: RelayEmulator) -> None:
    rules = (
        Rule("agent", frozenset({"Listen"}), "new-listen"),
        Rule("web", frozenset({"Send"}), "new-send"),
    )
    async with Stream(emulator) as stream:
        emulator.apply_config(EmulatorConfig((HybridConnection(NORTH, True, rules),)))

        await stream.sender.send("still here")
        assert await stream.listener.recv() == "still here"
        assert emulator.listener_count(NORTH) == 1
        assert (await handshake(emulator, CONNECT, auth(sas()))).status == 401
        answering = asyncio.create_task(handshake(emulator, CONNECT, auth(sas(key="new-send"))))
        await next_accept(stream.control)
        answering.cancel()


async def test_removed_hybrid_connection_closes_its_sockets_with_1001(emulator: RelayEmulator) -> None:
    async with Stream(emulator) as stream:
        other = await listen(emulator, OPEN)
        answering = asyncio.create_task(handshake(emulator, CONNECT, auth(sas())))
        await next_accept(stream.control)

        emulator.apply_config(EmulatorConfig(CONFIG.hybrid_connections[2:]))

        for socket in (stream.control, stream.sender, stream.listener):
            await asyncio.wait_for(socket.wait_closed(), DEADLINE)
            assert (socket.close_code, socket.close_reason) == (1001, "The hybrid connection was deleted")
        assert (await answering).status == 404
        await eventually(lambda: emulator.connection_count == 1)
        assert (await handshake(emulator, CONNECT, auth(sas()))).status == 401  # its keys went with it
        await other.close()


async def test_stopping_closes_everything_with_1001() -> None:
    async with RelayEmulator(CONFIG) as emulator:
        port = emulator.port
        stream = await Stream(emulator).__aenter__()
        waiting = asyncio.create_task(handshake(emulator, CONNECT, auth(sas())))
        await next_accept(stream.control)
    for socket in (stream.control, stream.sender, stream.listener):
        await asyncio.wait_for(socket.wait_closed(), DEADLINE)
        assert socket.close_code == 1001
    assert (await waiting).status == 503
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_clock_decides_about_tokens() -> None:
    clock = Clock()
    async with RelayEmulator(CONFIG, clock=clock) as emulator:
        token = sas(now=clock.now, life=60)
        assert (await handshake(emulator, CONNECT, auth(token))).status == 404
        clock.now += 60
        assert (await handshake(emulator, CONNECT, auth(token))).status == 401
        assert emulator.port in {int(url(emulator).split(":")[2].split("/")[0])}
