"""What becomes of an HTTP request when the listener, the sender or the configuration fails it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay_bridge.emulator.frames import Opcode
from relay_bridge.emulator.namespace import EmulatorConfig
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.raw_peers import Exchange, HttpPeer, RawListener, close_code, handshake, response_text
from tests.relay_bridge.emulator.support import CONFIG, LIMIT, NORTH, auth, eventually, sas


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 99},
        {"status": "no"},
        {"responseHeaders": {"A": "b\r\nC: d"}},
        {"responseHeaders": {"A\n": "b"}},
    ],
)
@pytest.mark.parametrize("over_rendezvous", [False, True])
async def test_bad_response_is_502_in_the_relays_name_and_the_channel_lives(
    exchange: Exchange, answer: dict[str, Any], over_rendezvous: bool
) -> None:
    request = await exchange.told()
    text = response_text(request["id"], **{"status": 200, **answer})
    if over_rendezvous:
        (await exchange.listener.dial(request["address"])).send(1, text)
    else:
        exchange.listener.channel.send(1, text)
        exchange.listener.channel.send(2, b"body")
    found = await exchange.sender.answer()
    assert (found.status, "via" in found.headers) == (502, False)
    assert found.reason.startswith("The listener sent no usable response")
    again = await exchange.told()
    exchange.listener.respond(again["id"])
    assert (await exchange.sender.answer()).status == 200


async def test_text_instead_of_a_body_costs_the_requests_that_it_may_belong_to(exchange: Exchange) -> None:
    first = await exchange.told()
    other = await HttpPeer.open(exchange.emulator)
    other.send("GET", f"/{NORTH}", auth(sas()))
    second = await exchange.listener.request()
    exchange.listener.channel.send(1, response_text(first["id"]))
    exchange.listener.respond(second["id"])  # whose body is this: the first one's or the second one's?
    assert (await exchange.sender.answer()).status == 502
    assert (await other.answer()).status == 502
    other.send("GET", f"/{NORTH}", auth(sas()))
    exchange.listener.respond((await exchange.listener.request())["id"])
    assert (await other.answer()).status == 200
    other.close()


async def test_listener_that_does_not_answer_is_504() -> None:
    async with RelayEmulator(CONFIG, response_deadline=0.2, accept_deadline=0.2) as emulator:
        listener, sender = await RawListener.open(emulator), await HttpPeer.open(emulator)
        answer = await sender.ask("GET", f"/{NORTH}", auth(sas()))
        assert answer.status == 504
        assert answer.reason.startswith(
            "The request was routed to the listener but the listener did not respond in the required time. TrackingId:"
        )
        assert "via" not in answer.headers
        assert json.loads(answer.body)["error"]["code"] == 1
        request = await listener.request()
        listener.respond(request["id"])  # nobody waits for it now
        target = "/" + request["address"].split("/", 3)[3]
        assert (await handshake(emulator, target)).status == 403
        # The same for a long one that is never fetched.
        assert (await sender.ask("POST", f"/{NORTH}", auth(sas()), bytes(LIMIT + 1))).status == 504
        assert len(emulator._switchboard.requests) == 0
        listener.close()
        sender.close()


async def test_gap_in_a_response_ends_it_in_the_middle() -> None:
    async with RelayEmulator(CONFIG, response_idle=0.3) as emulator:
        exchange = Exchange(emulator, await RawListener.open(emulator), await HttpPeer.open(emulator))
        request = await exchange.told()
        peer = await exchange.listener.dial(request["address"])
        peer.send(1, response_text(request["id"]))
        peer.send(2, b"first", fin=False)
        rest = await exchange.sender.ended()
        assert rest.endswith(b"\r\n\r\n5\r\nfirst\r\n")  # no last chunk
        assert close_code((await peer.frame())[2]) == 1011
        exchange.listener.close()
        exchange.sender.close()


async def test_listener_that_breaks_off_ends_the_response_in_the_middle(exchange: Exchange) -> None:
    request = await exchange.told()
    peer = await exchange.listener.dial(request["address"])
    peer.send(1, response_text(request["id"]))
    peer.send(2, b"first", fin=False)
    await exchange.sender.reader.readuntil(b"first")
    peer.writer.transport.abort()
    assert await exchange.sender.ended() == b"\r\n"


async def test_listener_that_closes_a_fetched_request_unanswered_is_502_at_once(exchange: Exchange) -> None:
    peer, _ = await exchange.dialled()
    peer.send(Opcode.CLOSE, (1011).to_bytes(2, "big"))
    assert (await exchange.sender.answer()).status == 502


async def test_address_of_a_small_request_may_be_dialled_again_after_a_broken_try(exchange: Exchange) -> None:
    request = await exchange.told()
    first = await exchange.listener.dial(request["address"])
    target = "/" + request["address"].split("/", 3)[3]
    assert (await handshake(exchange.emulator, target)).status == 403  # one at a time
    first.writer.transport.abort()
    (found,) = exchange.emulator._switchboard.requests._open.values()
    await eventually(lambda: not found.has_rendezvous)
    second = await exchange.listener.dial(request["address"])
    second.send(1, response_text(request["id"], 200, has_body=False))
    assert (await exchange.sender.answer()).status == 200


async def test_sender_that_hangs_up_is_told_to_a_listener_with_a_rendezvous(exchange: Exchange) -> None:
    peer, _ = await exchange.dialled()
    exchange.sender.writer.transport.abort()
    opcode, _, payload = await peer.frame()
    assert (opcode, close_code(payload)) == (Opcode.CLOSE, 1001)
    assert len(exchange.emulator._switchboard.requests) == 0


async def test_sender_that_hangs_up_is_forgotten_and_its_answer_dropped(
    exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    request = await exchange.told()
    exchange.sender.writer.transport.abort()
    await eventually(lambda: len(exchange.emulator._switchboard.requests) == 0)
    exchange.listener.respond(request["id"])
    other = await HttpPeer.open(exchange.emulator)
    other.send("GET", f"/{NORTH}", auth(sas()))
    again = await exchange.listener.request()
    exchange.listener.respond(again["id"])
    assert (await other.answer()).status == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    other.close()


@pytest.mark.parametrize("begun", [False, True])
async def test_chunk_that_is_none_ends_the_exchange(exchange: Exchange, begun: bool) -> None:
    exchange.sender.send("PUT", f"/{NORTH}", {**auth(sas()), "Transfer-Encoding": "chunked"})
    peer = await exchange.listener.dial((await exchange.listener.request())["address"])
    await exchange.listener.request(peer)
    if begun:
        peer.send(1, response_text("", 200))
        peer.send(2, b"begun", fin=False)
        await exchange.sender.reader.readuntil(b"begun\r\n")
    exchange.sender.writer.write(b"no chunk\r\n")
    rest = await exchange.sender.ended()
    assert rest == b"" if begun else rest.startswith(b"HTTP/1.1 400 ")
    assert close_code((await peer.frame())[2]) == 1001


async def test_body_that_does_not_come_is_408(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay_bridge.emulator.exchange.SMALL_BODY_DEADLINE", 0.1)
    answer = await exchange.sender.ask("PUT", f"/{NORTH}", {**auth(sas()), "Content-Length": "3"})
    assert (answer.status, answer.headers["connection"]) == (408, "close")


async def test_long_body_that_stops_is_408() -> None:
    async with RelayEmulator(CONFIG, response_deadline=0.3) as emulator:
        exchange = Exchange(emulator, await RawListener.open(emulator), await HttpPeer.open(emulator))
        peer, _ = await exchange.dialled()
        exchange.sender.writer.write(b"only this")
        assert (await exchange.sender.answer()).status == 408
        await peer.frame()
        assert (await peer.frame())[0] == Opcode.CLOSE
        exchange.listener.close()
        exchange.sender.close()


async def test_removed_hybrid_connection_refuses_what_waits_and_cuts_what_runs(exchange: Exchange) -> None:
    running = await exchange.told()
    peer = await exchange.listener.dial(running["address"])
    peer.send(1, response_text(running["id"]))
    await exchange.sender.head()
    waiting = await HttpPeer.open(exchange.emulator)
    waiting.send("GET", f"/{NORTH}", auth(sas()))
    await exchange.listener.request()
    exchange.emulator.apply_config(EmulatorConfig(CONFIG.hybrid_connections[1:]))
    assert (await waiting.answer()).status == 404
    assert await exchange.sender.ended() == b""
    assert close_code((await peer.frame())[2]) == 1001
    waiting.close()
