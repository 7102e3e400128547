"""Whatever is sent to the emulator: no crash, no hang, and errors of the declared kinds only.

First the calculations alone, then a running relay over real sockets, one for all examples of a test.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.emulator.authorization import Authorizer
from relay_bridge.emulator.frames import PIECE, FrameReader
from relay_bridge.emulator.handshake import (
    RelayRequest,
    accept_command,
    dial_back_address,
    parse_rejection,
    parse_relay_request,
    request_command,
    request_headers,
)
from relay_bridge.emulator.http_body import ChunkedBody
from relay_bridge.emulator.http_head import HeadError, check_beginning, parse_head
from relay_bridge.emulator.namespace import ConfigError, parse_config
from relay_bridge.emulator.refusals import Refusal, answer
from relay_bridge.emulator.server import RelayEmulator
from relay_bridge.emulator.service_channel import (
    BadResponse,
    ListenerResponse,
    ServiceChannel,
    ServiceRendezvous,
    TokenRenewal,
)
from relay_bridge.protocol.errors import AddressError
from tests.relay_bridge.emulator.made_up import (
    chunked,
    cuts,
    documents,
    heads,
    mixed,
    pieces_of,
    streams,
    texts,
)
from tests.relay_bridge.emulator.raw_peers import HttpPeer, RawListener, RawPeer, response_text
from tests.relay_bridge.emulator.support import CONFIG, DEADLINE, NORTH, OPEN, auth, sas
from tests.support.fuzzing import BUDGET, LONG_RUN, fuzz

patient = pytest.mark.timeout(LONG_RUN if os.environ.get(BUDGET) else 120)
RELAY_PIECE = re.compile(r"[?&]sb(-|%2d)hc(-|%2d)[^&=]*=", re.IGNORECASE)


# The calculations


@fuzz(200, share=0.03)
@given(heads | st.binary(max_size=200))
def test_fuzz_heads_and_what_is_asked_of_the_relay(head: bytes) -> None:
    try:
        check_beginning(head)
        found = parse_head(head)
        assert found.method
        request = parse_relay_request(found, use_tls=True, remote=("192.0.2.1", 5000))
    except (HeadError, Refusal) as error:
        assert 400 <= error.status <= 505
        return
    target = request.request_target()
    assert found.target.startswith("/")
    assert not RELAY_PIECE.search(target)
    headers = request_headers(request, hide=True, forward_host=False)
    assert not {"authorization", "servicebusauthorization", "host", "content-length", "connection"} & {
        name.lower() for name in headers
    }
    listener = parse_relay_request(
        parse_head(b"GET /$hc/a?sb-hc-action=listen HTTP/1.1\r\nHost: gateway"), use_tls=True, remote=("192.0.2.2", 1)
    )
    try:
        address = dial_back_address(request, listener, "request", "secret")
        command = json.loads(request_command(request, address, "secret", headers, has_body=False))["request"]
        accept = json.loads(accept_command(request, listener, "secret", hide=True))["accept"]
    except Refusal as refusal:
        assert refusal.status == 431
        return
    assert (command["requestTarget"], command["method"]) == (target, found.method)
    assert urlsplit(command["address"]).netloc == "gateway"
    assert command["address"].endswith("sb-hc-action=request&sb-hc-id=secret")
    assert accept["address"].endswith("sb-hc-action=accept&sb-hc-id=secret")
    _check_refusal(request)


def _check_refusal(request: RelayRequest) -> None:
    """No byte of a caller can end a line of an answer."""
    data = answer(Refusal(404, "No"), tracking_id=request.tracking_id, host=request.host, path=request.path, now=0)
    head, _, body = data.partition(b"\r\n\r\n")
    assert len(head.split(b"\r\n")) == 5
    assert json.loads(body)["error"]["code"] == 3


@fuzz(100, share=0.02)
@given(st.binary(max_size=80) | chunked, cuts)
def test_fuzz_chunks_mean_the_same_however_they_are_cut(data: bytes, places: list[int]) -> None:
    def read(pieces: list[bytes]) -> tuple[bytes, bool, bytes] | None:
        body, content, rest = ChunkedBody(), b"", b""
        try:
            for piece in pieces:
                if body.done:
                    rest += piece
                else:
                    more, rest = body.feed(piece)
                    content += more
        except HeadError:
            return None
        return content, body.done, rest

    assert read([data]) == read(pieces_of(data, places))


@fuzz(150, share=0.03)
@given(streams, cuts)
def test_fuzz_frames_mean_the_same_however_they_are_cut(data: bytes, places: list[int]) -> None:
    def read(pieces: list[bytes]) -> tuple[list[list[Any]], int | None]:
        reader, found = FrameReader(), []
        for piece in pieces:
            found += [list(part) for part in reader.feed(piece)]
            assert len(reader._rest) < PIECE + 14
        return found, reader.error.code if reader.error is not None else None

    assert read([data]) == read(pieces_of(data, places))


@fuzz(200, share=0.04)
@given(st.lists(st.tuples(st.booleans(), texts), max_size=6))
def test_fuzz_what_listeners_say(messages: list[tuple[bool, bytes]]) -> None:
    channel, rendezvous = ServiceChannel(), ServiceRendezvous("1")
    for is_text, payload in messages:
        for event in channel.receive_text(payload) if is_text else channel.receive_binary(payload):
            assert isinstance(event, TokenRenewal | ListenerResponse | BadResponse)
            if isinstance(event, ListenerResponse):
                assert 200 <= event.status <= 999
                for name, value in (*event.headers, ("X", event.reason)):
                    assert not set("\r\n\x00") & set(name + value)
                    value.encode("utf-8")
        if is_text:
            rendezvous.receive_text(payload)
        else:
            rendezvous.receive_fragment(payload, last=len(payload) % 2 == 0)


@fuzz(100, share=0.02)
@given(mixed, mixed, st.sampled_from(["127.0.0.1", "", "a b", "[::1"]))
def test_fuzz_tokens_and_rejections(text: str, path: str, host: str) -> None:
    for token in (text, f"SharedAccessSignature sr={text}&sig=a&se=1&skn=web", sas().replace("send", text)):
        try:
            Authorizer(CONFIG).authorize(token, "Send", host=host, path=path, now=0)
        except Refusal as refusal:
            assert refusal.status in {401, 403, 404}
    try:
        found = parse_rejection(f"sb-hc-id=x&{text}")
    except Refusal as refusal:
        assert refusal.status == 400
    else:
        assert found is None or 100 <= found[0] <= 999


@fuzz(40, share=0.01)
@given(documents)
def test_fuzz_configurations(document: dict[str, Any]) -> None:
    lines = [f"{json.dumps(name)} = {_toml(value)}" for name, value in document.items()]
    try:
        parse_config("\n".join(lines))
    except ConfigError as error:
        assert str(error)
    except AddressError:  # pragma: no cover - would be a mistake: it must be a ConfigError
        raise AssertionError(lines) from None


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


# A running relay


@contextmanager
def running(caplog: pytest.LogCaptureFixture) -> Iterator[tuple[asyncio.Runner, RelayEmulator]]:
    """A relay, and the loop that it and its peers share. In the end it must have complained of nothing."""
    with asyncio.Runner() as runner:
        relay = RelayEmulator(CONFIG, accept_deadline=DEADLINE, response_deadline=DEADLINE, response_idle=DEADLINE)
        complaints: list[dict[str, Any]] = []
        runner.get_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        runner.run(relay.start())
        yield runner, relay
        runner.run(_healthy(relay))
        runner.run(_emptied(relay))
        runner.run(relay.stop())
        assert not complaints
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]


async def _healthy(relay: RelayEmulator) -> None:
    """After everything that came before, a request gets through."""
    listener, sender = await RawListener.open(relay, OPEN, id="healthy"), await HttpPeer.open(relay)
    sender.send("GET", f"/{OPEN}", {"Microsoft-Relay-AllowedListeners": "healthy"})
    listener.respond((await listener.request())["id"], 200, b"well")
    assert (await sender.answer()).body == b"well"
    listener.close()
    sender.close()


async def _emptied(relay: RelayEmulator) -> None:
    """Nothing is left over."""
    board = relay._switchboard
    async with asyncio.timeout(DEADLINE):
        while relay._connections or len(board.requests) or board.socket_count:
            await asyncio.sleep(0.01)


async def _sent(peer: RawPeer | HttpPeer, pieces: list[bytes]) -> bytes:
    """Send, hang up the sending side, and read to the end: it must come."""
    try:
        async with asyncio.timeout(DEADLINE):
            for piece in pieces:
                peer.writer.write(piece)
                await asyncio.sleep(0)
            peer.writer.write_eof()
            return await peer.reader.read()
    except (OSError, RuntimeError):  # the latter: uvloop's word for writing to what was closed
        return b""
    finally:
        peer.writer.close()


@patient
def test_fuzz_bytes_to_a_running_relay(caplog: pytest.LogCaptureFixture) -> None:
    with running(caplog) as (runner, relay):
        listener = runner.run(RawListener.open(relay, OPEN))

        @fuzz(200, share=0.05)
        @given(heads.map(lambda head: head + b"\r\n\r\n") | heads | st.binary(max_size=100), streams | chunked, cuts)
        def example(head: bytes, rest: bytes, places: list[int]) -> None:
            async def attack() -> None:
                answered = await _sent(await RawPeer.open(relay), pieces_of(head + rest, places))
                assert not answered or answered.startswith(b"HTTP/1.1 "), answered

            runner.run(attack())

        example()
        listener.close()


@patient
def test_fuzz_what_a_listener_sends_to_a_running_relay(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = itertools.count()
    with running(caplog) as (runner, relay):

        @fuzz(120, share=0.05)
        @given(streams, cuts, st.booleans())
        def example(data: bytes, places: list[int], over_rendezvous: bool) -> None:
            async def attack() -> None:
                name = f"listener-{next(numbers)}"
                listener, sender = await RawListener.open(relay, id=name), await HttpPeer.open(relay)
                headers = {**auth(sas()), "Microsoft-Relay-AllowedListeners": name}
                sender.send("PUT" if over_rendezvous else "GET", f"/{NORTH}", headers, b"abc")
                request = await listener.request()
                peer = listener.channel
                if over_rendezvous:
                    peer = await listener.dial(request["address"])
                known = data.replace(b"{id}", request["id"].encode())
                await _sent(peer, pieces_of(known, places))
                answered = await _sent(sender, [])
                assert not answered or answered.startswith(b"HTTP/1.1 "), answered
                listener.close()

            runner.run(attack())

        example()


@patient
def test_fuzz_both_ends_of_a_stream_and_of_an_exchange(caplog: pytest.LogCaptureFixture) -> None:
    with running(caplog) as (runner, relay):
        listener = runner.run(RawListener.open(relay))

        @fuzz(100, share=0.05)
        @given(streams, streams, cuts, st.booleans())
        def example(upward: bytes, downward: bytes, places: list[int], joined: bool) -> None:
            async def attack() -> None:
                if joined:
                    sender: RawPeer | HttpPeer = await RawPeer.open(relay)
                    sender.request(f"/$hc/{NORTH}", auth(sas()))  # type: ignore[union-attr, call-arg]
                    _, _, text = await listener.channel.frame()
                    peer = await listener.dial(json.loads(text)["accept"]["address"])
                else:
                    sender = await HttpPeer.open(relay)
                    sender.send("PUT", f"/{NORTH}", {**auth(sas()), "Transfer-Encoding": "chunked"})
                    peer = await listener.dial((await listener.request())["address"])
                    peer.send(1, response_text("", 200))
                await asyncio.gather(_sent(sender, pieces_of(upward, places)), _sent(peer, pieces_of(downward, places)))
                listener.dialled.clear()

            runner.run(attack())

        example()
        listener.close()
