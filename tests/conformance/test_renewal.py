"""Tokens that grow old on an open control channel, as Microsoft's listeners live through it. The clock is ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay_bridge.emulator.server import RelayEmulator
from tests.conformance import http_model, http_parties, websocket_parties
from tests.conformance.emulators import MovableClock, emulator
from tests.conformance.place import EMPTY_PATH, PATH, Place, real_place
from tests.conformance.websocket_model import Plan

LIFE = 60  # seconds of the first token
PAST = 400.0  # seconds: past that life and the grace of 300 s on an open channel
RENEWED_AFTER = 50  # milliseconds, where the clients wait for an hour

pytestmark = pytest.mark.skipif(real_place() is not None, reason="not at a real namespace: its clock cannot be moved")

Listening = Any


@pytest.fixture(params=[websocket_parties.node_listening, http_parties.node_listening], ids=["hyco-ws", "hyco-https"])
def listening(request: pytest.FixtureRequest) -> Listening:
    return request.param


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def relay(clock: MovableClock, tmp_path: Path) -> AsyncIterator[tuple[RelayEmulator, Place]]:
    async with emulator("plain", tmp_path, clock=clock) as running:
        yield running


async def test_a_renewed_token_keeps_the_channel_and_an_old_one_ends_it(
    relay: tuple[RelayEmulator, Place], clock: MovableClock, listening: Listening
) -> None:
    running, place = relay
    renewing: AbstractAsyncContextManager[Any] = listening(place, life=LIFE, renew_after=RENEWED_AFTER)
    ageing: AbstractAsyncContextManager[Any] = listening(replace(place, path=EMPTY_PATH), life=LIFE)
    async with renewing as renewed, ageing as old:
        await renewed.peer.ask("renewed")
        clock.ahead = PAST
        # The relay ends the old one's channel; it comes back with a new token, because its function made one.
        await old.again()
        assert running.listener_count(EMPTY_PATH) == 1
        assert running.listener_count(PATH) == 1
        if isinstance(renewed, websocket_parties.NodeListener):
            link = await renewed.plan(Plan("echo"))
            socket = await websocket_parties.OurSender(place).connect()
            await socket.send("binary", 10)
            assert [message.size for message in await socket.receive()] == [10]
            await socket.close()
            await renewed.ended(link)
        else:
            async with http_parties.our_sending(place) as sender:
                outcome = await sender.request(http_model.Call())
            assert (outcome.status, outcome.refused) == (200, False)


async def test_a_dropped_channel_is_opened_again(relay: tuple[RelayEmulator, Place], listening: Listening) -> None:
    running, place = relay
    async with listening(place) as listener:
        running.faults.recycle(PATH)  # as the service does about once a day
        await listener.again()
        assert running.listener_count(PATH) == 1
