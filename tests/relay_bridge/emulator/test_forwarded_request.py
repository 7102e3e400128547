"""The command of a request, and a small body that is put together and counted once."""

from __future__ import annotations

import json

import pytest

from relay_bridge.emulator.faults import Faults
from relay_bridge.emulator.forwarded_request import ForwardedRequest
from relay_bridge.emulator.handshake import parse_relay_request
from relay_bridge.emulator.http_head import parse_head
from relay_bridge.emulator.listeners import ListenerBook
from relay_bridge.emulator.operations import Operations, Traffic
from relay_bridge.emulator.refusals import Refusal
from relay_bridge.emulator.requests import RequestBook


def request_book() -> RequestBook:
    return RequestBook(
        operations=Operations(),
        faults=Faults(ListenerBook(), list),
        refuse=lambda call, request, refusal: None,
        accept_deadline=1.0,
        response_deadline=1.0,
        response_idle=1.0,
    )


def forwarded(headers: str = "", *, hide: bool = True) -> tuple[ForwardedRequest, Traffic, RequestBook]:
    head = parse_head(f"PUT /north/a HTTP/1.1\r\nHost: relay\r\n{headers}".strip().encode())
    traffic, book = Traffic(), request_book()
    request = parse_relay_request(head, use_tls=False, remote=("::1", 1))
    return ForwardedRequest(book, request, hide=hide, traffic=traffic), traffic, book


@pytest.mark.parametrize("hide", [False, True])
def test_command_names_the_address_and_hides_what_was_for_the_relay(hide: bool) -> None:
    sent, _, _ = forwarded("Authorization: ours\r\n", hide=hide)

    command = json.loads(sent.text("ws://relay/x", "id-1", has_body=True))["request"]

    assert (command["address"], command["id"], command["body"]) == ("ws://relay/x", "id-1", True)
    assert ("Authorization" in command["requestHeaders"]) is not hide


def test_headers_too_long_for_any_way_are_431() -> None:
    sent, _, _ = forwarded("".join(f"X-{n}: {'v' * 8000}\r\n" for n in range(17)))

    with pytest.raises(Refusal) as caught:
        sent.text("ws://relay/x", "id-1", has_body=False)
    assert caught.value.status == 431


def test_small_body_is_one_message_counted_and_tampered_with_once() -> None:
    sent, traffic, book = forwarded()
    assert sent.take_small_body() is None
    for piece in (b"ab", b"c"):
        sent.keep(piece)
    assert sent.has_small_body
    book.faults.tampers.append(bytes.upper)

    assert sent.take_small_body() == b"ABC"

    assert traffic.to_listener == 3
    assert not sent.has_small_body
    assert not sent.has_begun


def test_dropped_body_is_not_sent() -> None:
    sent, traffic, _ = forwarded()
    sent.keep(b"ab")

    sent.drop_body()

    assert (sent.take_small_body(), traffic.to_listener) == (None, 0)
