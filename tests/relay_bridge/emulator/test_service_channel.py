"""The service's end of a control channel and a rendezvous, in exact texts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay_bridge.emulator.service_channel import (
    BadResponse,
    BodyPiece,
    ListenerResponse,
    ServiceChannel,
    ServiceRendezvous,
    TokenRenewal,
    format_accept,
    format_pointer,
    format_request,
)


def response(**fields: Any) -> str:
    return json.dumps({"response": {"requestId": "1", "statusCode": 200, **fields}})


OK = ListenerResponse("1", 200, "", (), False)


def test_request_is_exactly_this_text() -> None:
    text = format_request(
        "wss://gateway/$hc/n?sb-hc-action=request&sb-hc-id=1",
        request_id="1_G0",
        target="/n/x?a=%20",
        method="POST",
        headers={"Host": "relay", "X": 'ü"'},
        remote=("192.0.2.1", 5000),
        has_body=True,
    )
    assert text.decode() == (
        '{"request":{"address":"wss://gateway/$hc/n?sb-hc-action=request&sb-hc-id=1","id":"1_G0",'
        '"requestTarget":"/n/x?a=%20","method":"POST","requestHeaders":{"Host":"relay","X":"ü\\""},'
        '"remoteEndpoint":{"address":"192.0.2.1","port":5000},"body":true}}'
    )


def test_pointer_has_the_address_and_nothing_else() -> None:
    assert format_pointer("wss://g/$hc/n?sb-hc-id=1") == b'{"request":{"address":"wss://g/$hc/n?sb-hc-id=1"}}'


def test_accept_is_exactly_this_text() -> None:
    assert format_accept("wss://g", "1_G0", {"Host": "relay"}, ("::1", 1)) == (
        b'{"accept":{"address":"wss://g","id":"1_G0","connectHeaders":{"Host":"relay"},'
        b'"remoteEndpoint":{"address":"::1","port":1}}}'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (response(), OK),
        (response(body=False), OK),
        (response(statusCode="404"), OK._replace(status=404)),
        (response(statusCode=999), OK._replace(status=999)),
        (response(statusDescription="Fine\r\nX: y ü"), OK._replace(reason="Fine??X: y ?")),
        (response(statusDescription=None, responseHeaders=None), OK),
        (
            response(responseHeaders={"X-A": "1", "content-length": "7", "Connection": "close", "Set-Cookie": "a=b"}),
            OK._replace(headers=(("X-A", "1"), ("Set-Cookie", "a=b"))),
        ),
        (response(responseHeaders={"a": 5, "b": ["1", "2"], "c": " x "}),
         OK._replace(headers=(("a", "5"), ("b", "1, 2"), ("c", "x")))),
    ],
)  # fmt: skip
def test_response_without_a_body(text: str, expected: ListenerResponse) -> None:
    assert ServiceChannel().receive_text(text) == [expected]
    assert ServiceRendezvous("1").receive_text(text) == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"statusCode": None},
        {"statusCode": 99},
        {"statusCode": 101},
        {"statusCode": 1000},
        {"statusCode": "abc"},
        {"statusCode": "٤٠٤"},
        {"statusCode": "9" * 5000},
        {"statusCode": True},
        {"statusCode": 200.5},
        {"statusCode": [200]},
        {"statusDescription": 7},
        {"responseHeaders": ["A"]},
        {"responseHeaders": {"A": "b\r\nSet-Cookie: c"}},
        {"responseHeaders": {"A\r\nB": "c"}},
        {"responseHeaders": {"": "c"}},
        {"responseHeaders": {"A B": "c"}},
        {"responseHeaders": {"A": {}}},
        {"responseHeaders": {"A": "\ud800"}},
        {"responseHeaders": {str(n): "x" for n in range(1001)}},
    ],
)
def test_response_that_is_none_is_said_so_and_its_body_is_swallowed(fields: dict[str, Any]) -> None:
    channel = ServiceChannel()
    (event,) = channel.receive_text(response(**fields))
    assert isinstance(event, BadResponse)
    assert event.request_id == "1"
    assert channel.receive_text(response(**fields, body=True)) == []
    assert channel.receive_binary(b"body") == [event]
    assert channel.receive_text(response()) == [OK]
    found = ServiceRendezvous("1").receive_text(response(**fields))
    assert isinstance(found, BadResponse)


def test_body_is_the_next_binary_message() -> None:
    channel = ServiceChannel()
    assert channel.receive_text(response(body=True)) == []
    assert channel.receive_binary(b"abc") == [OK._replace(has_body=True, body=b"abc")]
    # One client sends an empty one behind an answer without a body.
    assert channel.receive_binary(b"") == []


def test_a_body_never_goes_to_another_sender_than_its_response() -> None:
    channel = ServiceChannel()
    channel.receive_text(response(body=True))
    events = channel.receive_text(response(requestId="2", body=True))
    reason = "a text came where the body of a response was announced"
    assert events == [BadResponse("1", reason), BadResponse("2", reason)]
    assert channel.receive_binary(b"the body of 1, or of 2") == []
    assert channel.receive_binary(b"the body of 2, or of nothing") == []
    assert channel.receive_text(response(requestId="3")) == [OK._replace(request_id="3")]


def test_text_where_a_body_was_announced_costs_that_response_only() -> None:
    channel = ServiceChannel()
    channel.receive_text(response(body=True))
    events = channel.receive_text(response(requestId="2"))
    assert events == [
        BadResponse("1", "a text came where the body of a response was announced"),
        OK._replace(request_id="2"),
    ]
    assert channel.receive_binary(b"late") == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"x"', '{"unknown":{}}', "[" * 60_000, b"\xff", '{"accept":{}}', "NaN"]
)
def test_what_is_not_known_is_ignored(text: str | bytes) -> None:
    assert ServiceChannel().receive_text(text) == []
    assert ServiceRendezvous("1").receive_text(text) is None


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ('{"renewToken":{"token":"t"}}', "t"),
        ('{"renewToken":{}}', ""),
        ('{"renewToken":null}', ""),
        ('{"renewToken":{"token":7}}', ""),
    ],
)
def test_renewal(text: str, token: str) -> None:
    (event,) = ServiceChannel().receive_text(text)
    assert isinstance(event, TokenRenewal)
    assert event.token == token
    assert repr(event) == "TokenRenewal(…)"


def test_rendezvous_reads_one_response_and_its_body_in_fragments() -> None:
    rendezvous = ServiceRendezvous("1")
    assert rendezvous.receive_fragment(b"early", last=True) is None
    assert rendezvous.receive_text(response(body=True)) == OK._replace(has_body=True)
    assert rendezvous.receive_fragment(b"ab", last=False) == BodyPiece(b"ab", False)
    assert rendezvous.receive_fragment(b"", last=True) == BodyPiece(b"", True)
    assert rendezvous.done
    assert rendezvous.receive_fragment(b"more", last=True) is None
    assert rendezvous.receive_text(response()) is None


def test_rendezvous_belongs_to_one_request() -> None:
    assert ServiceRendezvous("1").receive_text('{"response":{"statusCode":200}}') == OK
    found = ServiceRendezvous("2").receive_text(response())
    assert found == BadResponse("2", "a response to another request")


def test_text_in_place_of_a_rendezvous_body_ends_it() -> None:
    rendezvous = ServiceRendezvous("1")
    rendezvous.receive_text(response(body=True))
    found = rendezvous.receive_text(response())
    assert found == BadResponse("1", "a text came where the body of a response was announced")
    assert rendezvous.done


def test_what_is_shown_of_a_response_leaves_out_its_headers() -> None:
    assert repr(OK._replace(headers=(("Set-Cookie", "secret"),), body=b"abc")) == "ListenerResponse('1', 200, 3 bytes)"
