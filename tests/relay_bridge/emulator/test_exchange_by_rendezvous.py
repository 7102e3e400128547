"""One HTTP request whose body or response has a socket of its own, and who is stopped when the other does not read."""

from __future__ import annotations

import asyncio

import pytest

from relay_bridge.emulator.frames import Opcode
from tests.relay_bridge.emulator.raw_peers import Exchange, HttpPeer, RawPeer, close_code, handshake, response_text
from tests.relay_bridge.emulator.support import LIMIT, NORTH, auth, eventually, sas


async def body_of(peer: RawPeer) -> bytes:
    """One binary message, in fragments, as the service ends it: with an empty one."""
    found, opcode, fin = bytearray(), -1, False
    while not fin:
        got, fin, data = await peer.frame()
        assert got == (Opcode.BINARY if opcode < 0 else Opcode.CONTINUATION)
        opcode = got
        found += data
    assert data == b""
    return bytes(found)


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
    assert exchange.emulator.operations.traffic_of(NORTH).to_listener == len(b"small")
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
