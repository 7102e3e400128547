"""Which listener gets a request, which response belongs to it, and what can be chosen about both."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from relay_bridge.emulator import listeners
from relay_bridge.emulator.behaviour import Behaviour
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.raw_peers import Answer, Exchange, HttpPeer, RawListener, handshake
from tests.relay_bridge.emulator.support import CONFIG, LIMIT, NORTH, OPEN, auth, eventually, sas

# Which listener


async def test_choice_is_random_and_can_be_narrowed(emulator: RelayEmulator) -> None:
    both = {name: await RawListener.open(emulator, id=name) for name in ("One", "two")}
    sender = await HttpPeer.open(emulator)
    got: list[str] = []

    async def serve(name: str, listener: RawListener) -> None:
        while True:
            request = await listener.request()
            got.append(name)
            listener.respond(request["id"])

    serving = [asyncio.create_task(serve(name, listener)) for name, listener in both.items()]
    for _ in range(40):
        assert (await sender.ask("GET", f"/{NORTH}", auth(sas()))).status == 200
    assert 5 < got.count("two") < 35
    got.clear()
    for header, value in (
        ("Microsoft-Relay-AllowedListeners", "nobody, ONE"),
        ("microsoft-relay-disallowedlisteners", "two"),
    ):
        for _ in range(10):
            assert (await sender.ask("GET", f"/{NORTH}", {**auth(sas()), header: value})).status == 200
    assert got == ["One"] * 20
    answer = await sender.ask("GET", f"/{NORTH}", {**auth(sas()), "Microsoft-Relay-AllowedListeners": "three"})
    assert answer.status == 404
    assert answer.reason.startswith(
        "None of the connected listeners meet the AllowedListeners/DisallowedListeners criteria"
    )
    for task in serving:
        task.cancel()
    for listener in both.values():
        listener.close()
    sender.close()


async def stuck(emulator: RelayEmulator, exchange: Exchange) -> None:
    """Fill the control channel of a listener that does not read."""
    exchange.listener.channel.reader._limit = 1
    (channel,) = emulator._switchboard.listeners
    senders = []
    while not channel.connection.writing_paused:
        senders.append(await HttpPeer.open(emulator))
        senders[-1].send("PUT", f"/{NORTH}", auth(sas()), bytes(LIMIT))
        await eventually(lambda: len(emulator._switchboard.requests) == len(senders))
        await asyncio.sleep(0)
        assert len(senders) < 500
    for sender in senders:
        sender.close()


async def test_listener_that_does_not_read_is_passed_over(exchange: Exchange) -> None:
    await stuck(exchange.emulator, exchange)
    second = await RawListener.open(exchange.emulator, id="second")
    for _ in range(5):
        exchange.sender.send("GET", f"/{NORTH}", auth(sas()))
        second.respond((await second.request())["id"])
        assert (await exchange.sender.answer()).status == 200
    second.close()


async def test_listeners_that_all_do_not_read_cost_a_short_deadline(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "WRITE_DEADLINE", 0.2)
    await stuck(exchange.emulator, exchange)
    started = asyncio.get_running_loop().time()
    assert (await exchange.sender.ask("GET", f"/{NORTH}", auth(sas()))).status == 504
    assert (await handshake(exchange.emulator, f"/$hc/{NORTH}", auth(sas()))).status == 404
    assert asyncio.get_running_loop().time() - started < 2


# Switches (what is uncertain about the service)


async def under(**switches: Any) -> RelayEmulator:
    emulator = RelayEmulator(replace(CONFIG, behaviour=Behaviour(**switches)))
    await emulator.start()
    return emulator


async def test_statuses_can_be_chosen() -> None:
    emulator = await under(no_listener_status=503, wrong_right_status=401, json_error_body=False)
    sender = await HttpPeer.open(emulator)
    answer = await sender.ask("GET", f"/{NORTH}", auth(sas()))
    assert (answer.status, answer.body) == (503, b"")
    assert (await sender.ask("GET", f"/{NORTH}", auth(sas("listen")))).status == 401
    sender.close()
    await emulator.stop()


async def test_host_can_be_kept_back() -> None:
    emulator = await under(forward_host=False)
    exchange = Exchange(emulator, await RawListener.open(emulator), await HttpPeer.open(emulator))
    assert list((await exchange.told())["requestHeaders"]) == ["Via"]
    exchange.listener.close()
    exchange.sender.close()
    await emulator.stop()


@pytest.mark.parametrize("counts", [True, False])
async def test_answer_on_another_channel_counts_or_not(counts: bool) -> None:
    emulator = RelayEmulator(
        replace(CONFIG, behaviour=Behaviour(answer_on_another_channel=counts)), response_deadline=0.3
    )
    async with emulator:
        exchange = Exchange(emulator, await RawListener.open(emulator), await HttpPeer.open(emulator))
        request = await exchange.told()
        exchange.listener.close()
        again = await RawListener.open(emulator)
        again.respond(request["id"])
        assert (await exchange.sender.answer()).status == (200 if counts else 504)
        again.close()
        exchange.sender.close()


async def test_answer_from_another_hybrid_connection_never_counts() -> None:
    async with RelayEmulator(CONFIG, response_deadline=0.3) as emulator:
        exchange = Exchange(emulator, await RawListener.open(emulator), await HttpPeer.open(emulator))
        stranger = await RawListener.open(emulator, OPEN)
        request = await exchange.told()
        stranger.respond(request["id"], 200, b"forged")
        answer: Answer = await exchange.sender.answer()
        assert answer.status == 504
        stranger.close()
        exchange.listener.close()
        exchange.sender.close()


async def test_anonymous_hybrid_connection_leaves_authorization_to_the_listener(emulator: RelayEmulator) -> None:
    listener, sender = await RawListener.open(emulator, OPEN), await HttpPeer.open(emulator)
    sender.send("OPTIONS", f"/{OPEN}?sb-hc-token=x", {"Authorization": "Bearer a", "ServiceBusAuthorization": "b"})
    request = await listener.request()
    assert request["requestHeaders"]["Authorization"] == "Bearer a"
    assert "ServiceBusAuthorization" not in request["requestHeaders"]
    assert request["requestTarget"] == f"/{OPEN}"
    listener.close()
    sender.close()


async def test_authorization_that_held_the_relays_token_is_kept_from_the_listener(exchange: Exchange) -> None:
    request = await exchange.told(headers={"Authorization": sas()})
    assert "Authorization" not in request["requestHeaders"]


async def test_everything_is_counted(exchange: Exchange) -> None:
    request = await exchange.told("POST", body=b"abc")
    await exchange.listener.channel.frame()
    exchange.listener.respond(request["id"], 200, b"12345")
    await exchange.sender.answer()
    operations = exchange.emulator.operations
    assert operations.counts["SenderSentHttpRequest", NORTH] == 1
    assert operations.counts["ListenerSentHttpResponse", NORTH] == 1
    assert (operations.traffic[NORTH].to_listener, operations.traffic[NORTH].to_sender) == (3, 5)
    assert operations.responses[NORTH, 2] == 1
