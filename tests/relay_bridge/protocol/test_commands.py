"""Control-channel JSON, byte for byte, and everything that is none."""

import json

import pytest

from relay_bridge.protocol.commands import (
    Accept,
    Request,
    RequestPointer,
    Response,
    UnknownCommand,
    format_renew_token,
    format_response,
    parse_command,
    parse_response,
)
from relay_bridge.protocol.errors import HttpMessageError, ProtocolViolation, RequestUnusable

ACCEPT = """{"accept":{"address":"wss://g1.servicebus.windows.net:443/$hc/hyco?sb-hc-action=accept&sb-hc-id=7_G1_G2",
"id":"7_G1","connectHeaders":{"Host":"ns.example","Sec-WebSocket-Key":"x"},
"remoteEndpoint":{"address":"10.0.0.7","port":52100}}}"""

REQUEST = (
    b'{"request":{"address":"wss://g1.servicebus.windows.net:443/$hc/hyco?sb-hc-action=request&sb-hc-id=7_G1",'
    b'"id":"7_G1","requestTarget":"/hyco/a%2fb?x=1&&y=%20+","method":"POST",'
    b'"requestHeaders":{"Host":"ns.example","X-Name":"a, b","Via":"1.1 ns.example"},'
    b'"remoteEndpoint":{"address":"10.0.0.7","port":52100},"body":true}}'
)
POINTER = b'{"request":{"address":"wss://g1.servicebus.windows.net:443/$hc/hyco?sb-hc-action=request&sb-hc-id=7_G1"}}'


def request_text(**changes) -> str:
    """The request above with some fields changed; ``...`` takes one out."""
    fields = json.loads(REQUEST)["request"] | changes
    return json.dumps({"request": {name: value for name, value in fields.items() if value is not ...}})


def test_accept():
    assert parse_command(ACCEPT) == Accept(
        "wss://g1.servicebus.windows.net:443/$hc/hyco?sb-hc-action=accept&sb-hc-id=7_G1_G2",
        "7_G1",
        {"Host": "ns.example", "Sec-WebSocket-Key": "x"},
        "10.0.0.7:52100",
    )


def test_an_accept_needs_little_and_ignores_more():
    assert parse_command(b'{"accept":{"address":"ws://h/$hc/a","colour":"red"},"weather":1}') == Accept(
        "ws://h/$hc/a", ""
    )


@pytest.mark.parametrize("remote", ["null", "7", "{}", '{"address":null,"port":0}', '{"address":"a","port":"b"}'])
def test_a_strange_remote_endpoint_is_no_reason_to_refuse(remote):
    command = parse_command('{"accept":{"address":"ws://h","id":"i","remoteEndpoint":' + remote + "}}")
    assert isinstance(command, Accept)


def test_a_remote_endpoint_is_fit_for_a_log():
    command = parse_command('{"accept":{"address":"ws://h","remoteEndpoint":{"address":"a\\r\\nb","port":1}}}')
    assert command.remote_endpoint == "a??b:1"


def test_request():
    assert parse_command(REQUEST) == Request(
        address="wss://g1.servicebus.windows.net:443/$hc/hyco?sb-hc-action=request&sb-hc-id=7_G1",
        id="7_G1",
        target="/hyco/a%2fb?x=1&&y=%20+",
        method="POST",
        headers={"Host": "ns.example", "X-Name": "a, b", "Via": "1.1 ns.example"},
        remote_endpoint="10.0.0.7:52100",
        has_body=True,
    )


def test_a_request_without_body_headers_or_remote_endpoint():
    text = '{"request":{"address":"ws://h","id":"1","requestTarget":"/a","method":"GET","body":false}}'
    assert parse_command(text) == Request("ws://h", "1", "/a", "GET")


def test_a_request_over_a_rendezvous_need_not_say_where_it_is():
    assert parse_command(request_text(address=...)).address == ""


def test_pointer():
    address = "wss://g1.servicebus.windows.net:443/$hc/hyco?sb-hc-action=request&sb-hc-id=7_G1"
    assert parse_command(POINTER) == RequestPointer(address)
    assert parse_command(POINTER.replace(b'{"address"', b'{"id":"7_G1","address"')) == RequestPointer(address, "7_G1")


@pytest.mark.parametrize("missing", ["body", "method", "requestTarget"])
@pytest.mark.parametrize("value", [None, ...])
def test_each_official_clients_way_to_recognise_a_pointer(missing, value):
    assert isinstance(parse_command(request_text(**{missing: value})), RequestPointer)


def test_secrets_are_not_shown():
    for text in (ACCEPT, REQUEST, POINTER):
        assert "sb-hc-id" not in repr(parse_command(text))
    assert "x=1" not in repr(parse_command(REQUEST))
    assert "ns.example" not in repr(parse_command(REQUEST))
    assert "cookie" not in repr(Response("1", 200, headers={"Set-Cookie": "cookie"}))


def test_unknown_keys_are_ignored():
    assert parse_command('{"listenerStatistics":{"x":1}}') == UnknownCommand(("listenerStatistics",))
    assert parse_command("{}") == UnknownCommand(())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "accept",
        "[]",
        "7",
        b"\xff\xfe\x00",
        '{"accept":7}',
        '{"accept":{}}',
        '{"accept":{"address":""}}',
        '{"accept":{"address":7}}',
        '{"accept":{"address":"ws://h","id":7}}',
        '{"accept":{"address":"ws://h","id":"i","connectHeaders":[]}}',
        '{"accept":{"address":"ws://h","id":"i","connectHeaders":{"a":7}}}',
        '{"accept":{"address":"ws://h","id":"i","connectHeaders":{"a":"b\\r\\nc: d"}}}',
        '{"accept":{"address":"%s"}}' % ("a" * 40_000),
        '{"request":7}',
        '{"request":{}}',
        '{"request":{"id":"7"}}',
        '{"request":{"address":""}}',
        '{"request":{"address":7}}',
        request_text(id=...),
        request_text(id=""),
        request_text(id=7),
        request_text(id="a\nb"),
        request_text(id="a" * 1025),
        '{"x":"%s"}' % ("a" * 70_000),
        '{"x":"%s"}' % ("ä" * 35_000),
        "[" * 60_000,
        '{"x":%s}' % ("9" * 10_000),
    ],
)
def test_what_is_no_command(text):
    with pytest.raises(ProtocolViolation) as caught:
        parse_command(text)
    assert not isinstance(caught.value, RequestUnusable)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": 7},
        {"method": ""},
        {"method": "GET /"},
        {"method": "GET\r\n"},
        {"method": "G" * 65},
        {"requestTarget": ""},
        {"requestTarget": "hyco"},
        {"requestTarget": "http://other/"},
        {"requestTarget": "/hyco HTTP/1.1"},
        {"requestTarget": "/hyco\r\nX: y"},
        {"requestTarget": "/\ud800"},
        {"requestTarget": "/" + "a" * 40_000},
        {"body": "true"},
        {"body": 1},
        {"address": 7},
        {"requestHeaders": []},
        {"requestHeaders": {"a": ["b"]}},
        {"requestHeaders": {"a b": "c"}},
        {"requestHeaders": {"": "c"}},
        {"requestHeaders": {"a": "b\r\nc: d"}},
        {"requestHeaders": {"a": "b\x00"}},
        {"requestHeaders": {"a": "\udfff"}},
    ],
)
def test_a_bad_request_with_an_id_can_be_answered(changes):
    with pytest.raises(RequestUnusable) as caught:
        parse_command(request_text(**changes))
    assert (caught.value.request_id, caught.value.status) == ("7_G1", 400)


def test_a_header_line_may_hold_tabs_and_any_script():
    headers = {"x-a": "a\tb", "0": "permessage-deflate", "x-ä".replace("ä", "a"): "grün ✓"}
    assert parse_command(request_text(requestHeaders=headers)).headers == headers


def test_a_larger_text_where_the_caller_allows_it():
    text = request_text(requestHeaders={"a": "b" * 100_000})
    with pytest.raises(ProtocolViolation, match="limit of 65536"):
        parse_command(text)
    assert len(parse_command(text, 262_144).headers["a"]) == 100_000


def test_renew_token():
    token = "SharedAccessSignature sr=http%3A%2F%2Fa%2Fb&sig=x%2By%3D&se=1&skn=k"
    assert format_renew_token(token) == (
        '{"renewToken":{"token":"SharedAccessSignature sr=http%3A%2F%2Fa%2Fb&sig=x%2By%3D&se=1&skn=k"}}'
    )


def test_response():
    assert format_response(Response("7_G1", 200, "OK", {"content-type": "text/plain"}, has_body=True)) == (
        '{"response":{"requestId":"7_G1","statusCode":200,"statusDescription":"OK",'
        '"responseHeaders":{"content-type":"text/plain"},"body":true}}'
    )


def test_the_smallest_response_still_says_that_it_has_no_body():
    assert format_response(Response("7", 204)) == '{"response":{"requestId":"7","statusCode":204,"body":false}}'


def test_a_response_is_ascii_whatever_is_in_it():
    text = format_response(Response("7", 200, "grün\r\n", {"x": "✓"}))
    assert text == (
        '{"response":{"requestId":"7","statusCode":200,"statusDescription":"gr?n??",'
        '"responseHeaders":{"x":"\\u2713"},"body":false}}'
    )


@pytest.mark.parametrize("status", [0, 99, 101, 199, 1000, "200", True])
def test_a_response_with_a_status_that_is_none(status):
    with pytest.raises(HttpMessageError, match="status"):
        format_response(Response("7", status))


def test_a_response_head_over_the_limit():
    with pytest.raises(HttpMessageError, match="limit of 65536"):
        format_response(Response("7", 200, headers={"x": "a" * 65_536}))


def test_a_response_is_read_as_it_was_written():
    response = Response("7_G1", 418, "I am a teapot", {"a": "b", "x": "✓"}, has_body=True)
    assert parse_response(format_response(response)) == response


def test_responses_that_other_clients_send():
    assert parse_response('{"response":{"requestId":"7","statusCode":"200"}}') == Response("7", 200)
    assert parse_response(
        '{"response":{"requestId":"7","statusCode":502,"statusDescription":null,"responseHeaders":null,"body":null}}'
    ) == Response("7", 502)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"response":7}',
        '{"response":{"statusCode":200}}',
        '{"response":{"requestId":"","statusCode":200}}',
        '{"response":{"requestId":"7"}}',
        '{"response":{"requestId":"7","statusCode":true}}',
        '{"response":{"requestId":"7","statusCode":99}}',
        '{"response":{"requestId":"7","statusCode":"1e2"}}',
        '{"response":{"requestId":"7","statusCode":"²00"}}',
        '{"response":{"requestId":"7","statusCode":200,"responseHeaders":{"a":["b"]}}}',
    ],
)
def test_what_is_no_response(text):
    with pytest.raises(ProtocolViolation):
        parse_response(text)
