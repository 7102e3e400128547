"""Requests as they stood on the wire, read; and what is made of them."""

from __future__ import annotations

import json

import pytest

from relay_bridge.emulator.handshake import (
    RelayRequest,
    accept_command,
    check_upgrade,
    chosen_subprotocol,
    joined_headers,
    parse_rejection,
    parse_relay_request,
    switching_protocols,
)
from relay_bridge.emulator.http_head import parse_head
from relay_bridge.emulator.refusals import Refusal

UPGRADE = [
    (b"Host", b"relay:9400"),
    (b"Upgrade", b"websocket"),
    (b"Connection", b"keep-alive, Upgrade"),
    (b"Sec-WebSocket-Version", b"13"),
    (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
]


def read(target: str, *headers: tuple[bytes, bytes], without: str = "", use_tls: bool = False) -> RelayRequest:
    usual = [(name, value) for name, value in UPGRADE if name.decode() != without]
    lines = [b"GET " + target.encode() + b" HTTP/1.1", *(b": ".join(header) for header in (*usual, *headers))]
    return parse_relay_request(parse_head(b"\r\n".join(lines)), use_tls=use_tls, remote=("192.0.2.1", 5000))


def test_parts_of_a_request() -> None:
    request = read("/$hc/North/tank%201?x=1&sb-hc-action=LISTEN&sb-hc-id=abc")
    assert (request.is_websocket, request.action, request.path) == (True, "listen", "North/tank%201")
    assert (request.client_id, request.tracking_id) == ("abc", "abc_G0")
    assert (request.authority, request.host) == ("relay:9400", "relay")


def test_action_missing_means_connect_and_encoded_dollar_is_the_same() -> None:
    assert read("/%24hc/north").action == "connect"
    assert read("/%24HC/north").is_websocket
    assert not read("/north").is_websocket


@pytest.mark.parametrize(
    "target",
    [
        "*",
        "north",
        "http://relay/$hc/north",
        "/$hc",
        "/$hc/",
        "/$hc//",
        "/$hc/a/../b",
        "/$hc/%2e%2e",
        "/$hc/ü",
        "/north/../south",
        "/north/.",
    ],
)
def test_target_that_names_nothing_is_400(target: str) -> None:
    with pytest.raises(Refusal) as caught:
        read(target)
    assert caught.value.status == 400


@pytest.mark.parametrize("host", [b"", b"a b", b"a/b", b'a"b', b"user@host", b"[::1", b"host:123456", b"h\xc3\xbc"])
def test_host_that_could_not_stand_in_an_address_is_400(host: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        read("/$hc/north", (b"Host", host), without="Host")
    assert caught.value.status == 400


def test_two_hosts_are_400() -> None:
    with pytest.raises(Refusal):
        read("/$hc/north", (b"host", b"other"))


@pytest.mark.parametrize("host", ["[::1]:9400", "relay", "127.0.0.1:1", "a-b.c_d:65535"])
def test_usable_hosts(host: str) -> None:
    assert read("/$hc/north", (b"Host", host.encode()), without="Host").authority == host


@pytest.mark.parametrize(
    ("without", "instead", "status"),
    [
        ("", (b"X", b"y"), 200),
        ("Upgrade", (b"Upgrade", b"WebSocket "), 200),
        ("Upgrade", (b"Upgrade", b"h2c"), 400),
        ("Upgrade", (b"X", b"y"), 400),
        ("Connection", (b"Connection", b"close"), 400),
        ("Sec-WebSocket-Version", (b"Sec-WebSocket-Version", b"8"), 426),
        ("Sec-WebSocket-Key", (b"X", b"y"), 400),
        ("Sec-WebSocket-Key", (b"Sec-WebSocket-Key", b"dGhl"), 400),
        ("Sec-WebSocket-Key", (b"Sec-WebSocket-Key", b"not base64 at all!!!"), 400),
    ],
)
def test_upgrade(without: str, instead: tuple[bytes, bytes], status: int) -> None:
    request = read("/$hc/north", instead, without=without)
    if status == 200:
        check_upgrade(request)
        return
    with pytest.raises(Refusal) as caught:
        check_upgrade(request)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("start", "header"),
    [("POST", b"X: y"), ("GET", b"Content-Length: 1"), ("GET", b"Transfer-Encoding: chunked")],
)
def test_upgrade_is_a_get_without_a_body(start: str, header: bytes) -> None:
    lines = [f"{start} /$hc/north HTTP/1.1".encode(), header, *(b": ".join(line) for line in UPGRADE)]
    request = parse_relay_request(parse_head(b"\r\n".join(lines)), use_tls=False, remote=("192.0.2.1", 5000))
    with pytest.raises(Refusal) as caught:
        check_upgrade(request)
    assert caught.value.status == 400


def test_answer_to_the_example_of_the_standard() -> None:
    assert switching_protocols(read("/$hc/north?sb-hc-id=a"), "chat") == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nTrackingId: a_G0\r\n"
        b"Sec-WebSocket-Protocol: chat\r\n\r\n"
    )
    assert b"Protocol:" not in switching_protocols(read("/$hc/north"), None)


def test_first_subprotocol_is_the_chosen_one() -> None:
    assert chosen_subprotocol(read("/$hc/n", (b"Sec-WebSocket-Protocol", b" b , a"))) == "b"
    assert chosen_subprotocol(read("/$hc/n")) is None


@pytest.mark.parametrize(
    ("target", "headers", "websocket", "http"),
    [
        ("?sb-hc-token=q", (), "q", "q"),
        ("?SB-HC-Token=q%20r", ((b"servicebusauthorization", b"h"),), "h", "q r"),
        ("", ((b"Authorization", b"a"), (b"ServiceBusAuthorization", b"h")), "h", "h"),
        ("", ((b"Authorization", b"a"),), "a", "a"),
        ("", (), None, None),
    ],
)
def test_place_of_the_token(
    target: str, headers: tuple[tuple[bytes, bytes], ...], websocket: str | None, http: str | None
) -> None:
    assert read(f"/$hc/north{target}", *headers).token(required=True) == websocket
    assert read(f"/north{target}", *headers).token(required=True) == http


def test_authorization_header_is_the_listeners_where_no_token_is_required() -> None:
    request = read("/$hc/north", (b"Authorization", b"Basic x"))
    assert request.token(required=False) is None
    assert not request.used_authorization_header(required=False)
    assert request.used_authorization_header(required=True)


def test_accept_names_the_listeners_host_and_scheme() -> None:
    sender = read("/$hc/north/x?a=b&sb-hc-token=secret", (b"ServiceBusAuthorization", b"secret"))
    listener = read("/$hc/north?sb-hc-action=listen", (b"Host", b"gateway"), without="Host", use_tls=True)

    accept = json.loads(accept_command(sender, listener, "id_G0_G1", hide=False))["accept"]

    assert accept["address"] == "wss://gateway/$hc/north/x?a=b&sb-hc-action=accept&sb-hc-id=id_G0_G1"
    assert accept["connectHeaders"]["Host"] == "relay:9400"
    assert accept["remoteEndpoint"] == {"address": "192.0.2.1", "port": 5000}
    assert "secret" not in json.dumps(accept)


def test_repeated_headers_are_joined_and_odd_bytes_survive_json() -> None:
    request = read("/$hc/n", (b"A", b"1"), (b"b", b"\xff"), (b"a", b"2"), (b"c", "ü".encode()))
    joined = joined_headers(request.headers, {"host"})
    assert joined["A"] == "1, 2"
    assert (joined["b"], joined["c"]) == ("\xff", "ü")
    assert "Host" not in joined
    json.loads(json.dumps(joined).encode())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sb-hc-action=accept&sb-hc-id=x", None),
        ("statusCode=500&sb-hc-action=accept&sb-hc-id=x", None),
        ("sb-hc-id=x&sb-hc-statusCode=404&sb-hc-statusDescription=Not%20here", (404, "Not here")),
        ("sb-hc-id=x&SB-HC-STATUSCODE=404&sb-hc-StatusDescription=Not+here", (404, "Not here")),
        ("statusDescription=mine&sb-hc-id=x&statusCode=503&statusDescription=theirs", (503, "theirs")),
        ("sb-hc-id=x&statusCode=400", (400, "")),
        ("sb-hc-id=x&sb-hc-statusCode=100", (100, "")),
        ("sb-hc-id=x&sb-hc-statusCode=999", (999, "")),
    ],
)
def test_rejection_is_read_from_what_the_listener_appended(query: str, expected: tuple[int, str] | None) -> None:
    assert parse_rejection(query) == expected


@pytest.mark.parametrize("status", ["", "99", "1000", "40x", "-1", "4e2", "٤٠٤", "9" * 5000])
def test_rejection_needs_a_status_of_three_digits(status: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_rejection(f"sb-hc-id=x&sb-hc-statusCode={status}")
    assert caught.value.status == 400
