"""Control-channel JSON, byte for byte, and everything that is none."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.protocol.commands import Accept, UnknownCommand, UnsupportedCommand, format_renew_token, parse_command
from relay_bridge.protocol.errors import ProtocolViolation

ACCEPT = """{"accept":{"address":"wss://g1.servicebus.windows.net:443/$hc/hyco?sb-hc-action=accept&sb-hc-id=7_G1_G2",
"id":"7_G1","connectHeaders":{"Host":"ns.example","Sec-WebSocket-Key":"x"},
"remoteEndpoint":{"address":"10.0.0.7","port":52100}}}"""


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


def test_an_accepts_secrets_are_not_shown():
    assert "sb-hc-id" not in repr(parse_command(ACCEPT))


def test_a_request_is_named_and_its_body_announced():
    assert parse_command('{"request":{"id":"1","method":"GET","body":false}}') == UnsupportedCommand("request")
    assert parse_command('{"request":{"id":"1","method":"PUT","body":true}}') == UnsupportedCommand("request", True)
    assert parse_command('{"request":7}') == UnsupportedCommand("request")


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
        '{"accept":{"address":"%s"}}' % ("a" * 40_000),
        '{"x":"%s"}' % ("a" * 70_000),
        "[" * 60_000,
        '{"x":%s}' % ("9" * 10_000),
    ],
)
def test_what_is_no_command(text):
    with pytest.raises(ProtocolViolation):
        parse_command(text)


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(
    st.text(max_size=80)
    | st.binary(max_size=80)
    | anything.map(json.dumps)
    | st.dictionaries(st.sampled_from(["address", "id", "connectHeaders", "remoteEndpoint"]), anything).map(
        lambda body: json.dumps({"accept": body})
    )
)
def test_nothing_else_is_raised(text):
    with contextlib.suppress(ProtocolViolation):
        parse_command(text)


def test_renew_token():
    token = "SharedAccessSignature sr=http%3A%2F%2Fa%2Fb&sig=x%2By%3D&se=1&skn=k"
    assert format_renew_token(token) == (
        '{"renewToken":{"token":"SharedAccessSignature sr=http%3A%2F%2Fa%2Fb&sig=x%2By%3D&se=1&skn=k"}}'
    )
