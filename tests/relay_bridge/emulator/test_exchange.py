"""One HTTP request over the control channel, byte for byte: to a listener, and the response back."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import pytest

from relay_bridge.emulator.frames import Opcode
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.raw_peers import Exchange, HttpPeer, RawListener, response_text
from tests.relay_bridge.emulator.support import NORTH, OPEN, auth, sas


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
