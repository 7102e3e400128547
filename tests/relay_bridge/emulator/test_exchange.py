"""One HTTP request through the relay, byte for byte: to a listener, and the response back."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest

from relay_bridge.emulator.frames import Opcode
from relay_bridge.emulator.namespace import EmulatorConfig
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.support import (
    CONFIG,
    LIMIT,
    NORTH,
    OPEN,
    Exchange,
    HttpPeer,
    RawListener,
    RawPeer,
    auth,
    close_code,
    eventually,
    handshake,
    response_text,
    sas,
)


async def body_of(peer: RawPeer) -> bytes:
    """One binary message, in fragments, as the service ends it: with an empty one."""
    found, opcode, fin = b"", -1, False
    while not fin:
        got, fin, data = await peer.frame()
        assert got == (Opcode.BINARY if opcode < 0 else Opcode.CONTINUATION)
        opcode = got
        found += data
    assert data == b""
    return found


# Requests over the control channel


async def test_request_is_exactly_this_text(exchange: Exchange) -> None:
    token = quote(sas(), safe="")
    exchange.sender.writer.write(
        f"GET /Sites/north/tanks/TK%2D101?b=%2f+%20&&a=1&sb-hc-id=bob&SB-HC-TOKEN={token}&sb-hc-x& HTTP/1.1\r\n"
        "Host: 127.0.0.1:9400\r\nX-Trace: one\r\nx-trace: two\r\nServiceBusAuthorization: x\r\n"
        "Authorization: Basic Ym9i\r\nConnection: keep-alive\r\nTE: trailers\r\nTrailer: a\r\nClose: b\r\n"
        "Cookie: a=ü\r\n\r\n".encode()
    )
    opcode, fin, text = await exchange.listener.channel.frame()
    request = json.loads(text)["request"]
    port = exchange.sender.writer.get_extra_info("sockname")[1]
    identifier = request["id"]
    assert identifier.startswith("bob_G0_G")
    assert (opcode, fin) == (1, True)
    assert text.decode() == (
        f'{{"request":{{"address":"ws://127.0.0.1:{exchange.emulator.port}/$hc/Sites/north/tanks/TK%2D101?b=%2f+%20&&a=1&'
        f'sb-hc-x&&sb-hc-action=request&sb-hc-id={identifier}","id":"{identifier}",'
        '"requestTarget":"/Sites/north/tanks/TK%2D101?b=%2f+%20&&a=1&sb-hc-x&","method":"GET",'
        '"requestHeaders":{"Host":"127.0.0.1:9400","X-Trace":"one, two","Authorization":"Basic Ym9i",'
        f'"Cookie":"a=ü","Via":"1.1 127.0.0.1"}},"remoteEndpoint":{{"address":"127.0.0.1","port":{port}}},'
        '"body":false}}'
    )


async def test_answer_is_exactly_these_bytes(exchange: Exchange) -> None:
    request = await exchange.told()
    exchange.listener.respond(
        request["id"],
        "201",
        b"hello",
        statusDescription="Made it",
        responseHeaders={
            "Content-Type": "text/plain",
            "Connection": "close",
            "Via": "1.0 plant",
            "Content-Length": "9",
        },
    )
    answer = await exchange.sender.reader.readuntil(b"hello")
    assert answer == (
        b"HTTP/1.1 201 Made it\r\nContent-Type: text/plain\r\nVia: 1.0 plant, 1.1 127.0.0.1\r\n"
        b"Content-Length: 5\r\n\r\nhello"
    )


@pytest.mark.parametrize(
    ("written", "carried"),
    [
        ("", ""),
        ("?", "?"),
        ("?&&&", "?&&&"),
        ("?sb-hc-undefined", "?sb-hc-undefined"),
        ("?sb-hc-x=", ""),
        ("?sb-hc-x=&a", "?a"),
        ("?a&SB-HC-Token=b&a&", "?a&a&"),
        ("?a=+%20%2f%c3%b8&b=sb-hc-c=1", "?a=+%20%2f%c3%b8&b=sb-hc-c=1"),
        ("?sb%2Dhc-token=x", ""),
        ("/a%2Fb//c/?x", "/a%2Fb//c/?x"),
    ],
)
async def test_target_is_kept_byte_for_byte_less_the_relays_parameters(
    emulator: RelayEmulator, written: str, carried: str
) -> None:
    listener, sender = await RawListener.open(emulator, OPEN), await HttpPeer.open(emulator)
    sender.send("GET", f"/{OPEN}{written}")
    assert (await listener.request())["requestTarget"] == f"/{OPEN}{carried}"
    listener.close()
    sender.close()


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536])
async def test_body_up_to_64_kib_goes_over_the_control_channel(exchange: Exchange, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    request = await exchange.told("POST", body=body)
    assert request["body"] is (size > 0)
    if size:
        assert await exchange.listener.channel.frame() == (Opcode.BINARY, True, body)
    exchange.listener.respond(request["id"], 200, body)
    answer = await exchange.sender.answer()
    assert (answer.status, answer.body) == (200, body)


async def test_body_that_comes_slowly_is_put_together(exchange: Exchange) -> None:
    exchange.sender.send("PUT", f"/{NORTH}", {**auth(sas()), "Content-Length": "4"})
    for piece in (b"ab", b"c", b"d"):
        exchange.sender.writer.write(piece)
        await asyncio.sleep(0.01)
    assert (await exchange.listener.request())["body"] is True
    assert (await exchange.listener.channel.frame())[2] == b"abcd"


@pytest.mark.parametrize(
    ("method", "status", "body", "length"),
    [
        ("HEAD", 200, b"swallowed", None),
        ("HEAD", 404, None, None),
        ("GET", 204, b"", None),
        ("GET", 304, b"swallowed", None),
        ("GET", 200, None, "0"),
        ("DELETE", 999, b"", "0"),
    ],
)
async def test_answers_without_a_body(
    exchange: Exchange, method: str, status: int, body: bytes | None, length: str | None
) -> None:
    for _ in range(2):  # the second time shows that nothing was left over
        request = await exchange.told(method)
        exchange.listener.respond(request["id"], status, body)
        if body is None:
            exchange.listener.channel.send(2, b"")  # one client sends it, though it announced no body
        answer = await exchange.sender.answer(head_only=method == "HEAD")
        assert (answer.status, answer.body, answer.headers.get("content-length")) == (status, b"", length)


async def test_answers_come_in_any_order_and_each_once(exchange: Exchange) -> None:
    senders = [await HttpPeer.open(exchange.emulator) for _ in range(3)]
    requests = []
    for number, sender in enumerate(senders):
        sender.send("GET", f"/{NORTH}/{number}", auth(sas()))
        requests.append(await exchange.listener.request())
    for request in reversed(requests):
        exchange.listener.respond(request["id"], 200, request["requestTarget"].encode())
        exchange.listener.respond(request["id"], 500, b"a second one")
    for number, sender in enumerate(senders):
        answer = await sender.answer()
        assert (answer.status, answer.body) == (200, f"/{NORTH}/{number}".encode())
        sender.close()


async def test_requests_on_one_connection_wait_for_each_other(exchange: Exchange) -> None:
    for number in range(3):
        exchange.sender.send("POST", f"/{NORTH}/{number}", auth(sas()), b"body")
    for number in range(3):
        request = await exchange.listener.request()
        assert request["requestTarget"] == f"/{NORTH}/{number}"
        assert (await exchange.listener.channel.frame())[2] == b"body"
        exchange.listener.respond(request["id"], 200 + number)
        assert (await exchange.sender.answer()).status == 200 + number


async def test_old_clients_get_answers_they_can_read(exchange: Exchange) -> None:
    lines = f"GET /{NORTH} HTTP/1.0\r\nHost: 127.0.0.1\r\nServiceBusAuthorization: {sas()}\r\n\r\n"
    exchange.sender.writer.write(lines.encode())
    request = await exchange.listener.request()
    peer = await exchange.listener.dial(request["address"])
    peer.send(1, response_text(request["id"]))
    peer.send(2, b"to the ", fin=False)
    peer.send(0, b"end")
    answer = await exchange.sender.ended()
    assert answer.endswith(b"\r\nConnection: close\r\n\r\nto the end")
    assert b"chunked" not in answer


async def test_old_client_that_keeps_its_connection_is_told_when_it_ends(exchange: Exchange) -> None:
    lines = f"GET /{NORTH} HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n"
    lines += f"ServiceBusAuthorization: {sas()}\r\n\r\n"
    exchange.sender.writer.write(lines.encode())
    exchange.listener.respond((await exchange.listener.request())["id"], 200, b"short")
    answer = await exchange.sender.answer()
    assert (answer.headers["connection"], answer.body) == ("keep-alive", b"short")
    exchange.sender.writer.write(lines.encode())
    request = await exchange.listener.request()
    peer = await exchange.listener.dial(request["address"])
    peer.send(1, response_text(request["id"]))
    peer.send(2, b"long")
    answered = await exchange.sender.ended()
    assert answered.endswith(b"\r\nConnection: close\r\n\r\nlong")


# Requests over a rendezvous


@pytest.mark.parametrize("size", [65_537, 1_000_000])
async def test_longer_body_is_announced_by_its_address_and_streamed(exchange: Exchange, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    pointer = await exchange.told("POST", f"/{NORTH}/up?a", body=body)
    assert list(pointer) == ["address"]
    peer = await exchange.listener.dial(pointer["address"])
    request = await exchange.listener.request(peer)
    assert (request["method"], request["requestTarget"], request["body"]) == ("POST", f"/{NORTH}/up?a", True)
    assert await body_of(peer) == body
    peer.send(1, response_text(request["id"], 202))
    peer.send(2, body[: size // 2], fin=False)
    peer.send(0, body[size // 2 :])
    answer = await exchange.sender.answer()
    assert (answer.status, answer.headers["transfer-encoding"], answer.body) == (202, "chunked", body)
    assert answer.headers["via"] == "1.1 127.0.0.1"
    opcode, _, payload = await peer.frame()
    assert (opcode, close_code(payload)) == (Opcode.CLOSE, 1000)


async def test_chunked_body_is_streamed_as_it_comes(exchange: Exchange) -> None:
    exchange.sender.send("PUT", f"/{NORTH}", {**auth(sas()), "Transfer-Encoding": "chunked"})
    pointer = await exchange.listener.request()
    peer = await exchange.listener.dial(pointer["address"])
    request = await exchange.listener.request(peer)
    assert (request["body"], "Transfer-Encoding" in request["requestHeaders"]) == (True, False)
    exchange.sender.writer.write(b"3\r\nabc\r\n")
    assert await peer.frame() == (Opcode.BINARY, False, b"abc")
    exchange.sender.writer.write(b"2\r\nde\r\n0\r\n\r\n")
    assert await peer.frame() == (Opcode.CONTINUATION, False, b"de")
    assert await peer.frame() == (Opcode.CONTINUATION, True, b"")
    peer.send(1, response_text(request["id"], 200, has_body=False))
    assert (await exchange.sender.answer()).status == 200


async def test_caller_that_waits_for_100_continue_is_told_once_somebody_wants_the_body(exchange: Exchange) -> None:
    exchange.sender.send("PUT", f"/{NORTH}", {**auth(sas()), "Expect": "100-continue", "Content-Length": "3"})
    assert await exchange.sender.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    exchange.sender.writer.write(b"abc")
    request = await exchange.listener.request()
    await exchange.listener.channel.frame()
    exchange.listener.respond(request["id"])
    assert (await exchange.sender.answer()).status == 200
    answer = await exchange.sender.ask("PUT", f"/{NORTH}", {"Expect": "100-continue", "Content-Length": "3"})
    assert answer.status == 401


async def test_listener_may_answer_a_small_request_at_length(exchange: Exchange) -> None:
    request = await exchange.told()
    peer = await exchange.listener.dial(request["address"])
    peer.send(1, response_text(request["id"], 200, responseHeaders={"X": "y"}))
    assert (await exchange.sender.head()).headers["x"] == "y"  # before any of the body is there
    peer.send(2, b"first", fin=False)
    assert await exchange.sender.chunk() == b"first"
    peer.send(0, b"", fin=False)
    peer.send(0, b"second", fin=False)
    assert await exchange.sender.chunk() == b"second"
    peer.send(0, b"")
    assert await exchange.sender.chunk() == b""
    opcode, _, payload = await peer.frame()
    assert (opcode, close_code(payload)) == (Opcode.CLOSE, 1000)
    peer.send(Opcode.CLOSE, payload)
    assert await peer.closed() == b""
    # The connection goes on, and the address is worth nothing any more.
    again = await exchange.told()
    exchange.listener.respond(again["id"])
    assert (await exchange.sender.answer()).status == 200
    target = "/" + request["address"].split("/", 3)[3]
    assert (await handshake(exchange.emulator, target)).status == 403


async def test_headers_over_32_kib_go_by_rendezvous_with_their_small_body(exchange: Exchange) -> None:
    headers = {**auth(sas()), **{f"X-{n}": "v" * 8_000 for n in range(5)}}
    pointer = await exchange.told("POST", headers=headers, body=b"small")
    assert list(pointer) == ["address"]
    peer = await exchange.listener.dial(pointer["address"])
    request = await exchange.listener.request(peer)
    assert request["requestHeaders"]["X-4"] == "v" * 8_000
    assert await peer.frame() == (Opcode.BINARY, True, b"small")
    peer.send(1, response_text(request["id"], 200, has_body=False))
    assert (await exchange.sender.answer()).status == 200


async def test_answer_before_the_end_of_the_request_ends_the_connection(exchange: Exchange) -> None:
    peer, request = await exchange.dialled()
    peer.send(1, response_text(request["id"], 413, has_body=False))
    answer = await exchange.sender.answer()
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    exchange.sender.writer.write(bytes(LIMIT + 1))
    assert await exchange.sender.ended() == b""


@pytest.mark.parametrize("dialled", [False, True])
async def test_long_request_may_be_answered_over_the_control_channel_all_the_same(
    exchange: Exchange, dialled: bool
) -> None:
    pointer = await exchange.told("POST", body=bytes(LIMIT + 1))
    identifier = pointer["address"].rpartition("sb-hc-id=")[2]
    if dialled:
        await exchange.listener.dial(pointer["address"])
    exchange.listener.respond(identifier, 204, None)
    assert (await exchange.sender.answer()).status == 204


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304)])
async def test_body_that_must_not_be_is_swallowed_from_a_rendezvous(
    exchange: Exchange, method: str, status: int
) -> None:
    request = await exchange.told(method)
    peer = await exchange.listener.dial(request["address"])
    peer.send(1, response_text(request["id"], status))
    assert (await exchange.sender.answer(head_only=True)).status == status
    peer.send(2, b"x" * 1000, fin=False)
    again = await exchange.told()  # the sender need not wait for that
    exchange.listener.respond(again["id"])
    assert (await exchange.sender.answer()).status == 200
    peer.send(0, b"x")
    assert close_code((await peer.frame())[2]) == 1000


# Backpressure


async def test_sender_that_does_not_read_stops_the_listener(exchange: Exchange) -> None:
    exchange.sender.reader._limit = 1
    request = await exchange.told()
    peer = await exchange.listener.dial(request["address"])
    peer.send(1, response_text(request["id"]))
    for number in range(400):
        peer.writer.write(bytes((0 if number else 2, 0xFF)) + LIMIT.to_bytes(8, "big") + bytes(4 + LIMIT))
    (found,) = exchange.emulator._switchboard.requests._open.values()
    await eventually(lambda: exchange.sender.writer.transport is not None and found._rendezvous.connection._held)
    assert found.call.connection.transport.get_write_buffer_size() < 1024 * 1024
    peer.send(0, b"end")
    exchange.sender.reader._limit = 1 << 26
    answer = await exchange.sender.answer()
    assert len(answer.body) == 400 * LIMIT + 3


async def test_listener_that_does_not_read_stops_the_sender(exchange: Exchange) -> None:
    size = 300 * LIMIT
    peer, request = await exchange.dialled(size)
    peer.reader._limit = 1
    writing = asyncio.create_task(_write_all(exchange.sender, size))
    (found,) = exchange.emulator._switchboard.requests._open.values()
    await eventually(lambda: found.call.connection._held)
    assert found._rendezvous.connection.transport.get_write_buffer_size() < 1024 * 1024
    peer.reader._limit = 1 << 26
    assert len(await body_of(peer)) == size
    await writing
    peer.send(1, response_text(request["id"], 200, has_body=False))
    assert (await exchange.sender.answer()).status == 200


async def _write_all(sender: HttpPeer, size: int) -> None:
    for _ in range(size // LIMIT):
        sender.writer.write(bytes(LIMIT))
        await sender.writer.drain()


# What goes wrong


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
