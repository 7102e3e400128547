"""Arbitrary texts and bytes into every parser of the core: only declared errors, one bounded line each, and no mix-up.

Much of the input is a valid text with some damage done to it, because pure noise rarely gets past the first check.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.protocol import addresses, errors, http_rules
from relay_bridge.protocol.commands import (
    Accept,
    Request,
    RequestPointer,
    Response,
    UnknownCommand,
    format_response,
    parse_command,
    parse_response,
)
from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.protocol.control_channel import ControlChannel, IncomingRequest, State
from relay_bridge.protocol.errors import (
    AddressError,
    ConnectionStringError,
    HttpMessageError,
    ProtocolViolation,
    RelayError,
    TokenError,
)
from relay_bridge.protocol.limits import MAX_CONTROL_HEADERS
from relay_bridge.protocol.rendezvous import parse_rendezvous, reject_address
from relay_bridge.protocol.request_channel import Comes, Goes, RequestChannel
from relay_bridge.protocol.sas import parse_token, token_covers, verify_token
from tests.relay_bridge.protocol.made_up import (
    HOST,
    KEY,
    SECRET,
    commands,
    connection_strings,
    controls,
    damaged,
    exchange_steps,
    json_values,
    loose,
    names,
    pairs,
    plain,
    queries,
    rendezvous_addresses,
    responses,
    tokens,
)
from tests.support.fuzzing import fuzz

CONNECTION = ConnectionString(HOST, 443, "sites/north")
MAX_MESSAGE = 700  # characters of an error: it ends up in logs


@contextlib.contextmanager
def only(kind: type[RelayError]) -> Iterator[None]:
    """Nothing but ``kind`` is raised, in one line that is short and says no secret."""
    try:
        yield
    except kind as error:
        text = str(error)
        assert text, "an error must say something"
        assert text.isprintable(), repr(text)
        assert len(text) <= MAX_MESSAGE
        assert SECRET not in text
        assert not error.retryable or isinstance(error, errors.RelayRefused)


@fuzz(300, share=0.11)
@given(commands | st.binary(max_size=60))
def test_a_text_of_the_service(text):
    with only(ProtocolViolation):
        command = parse_command(text)
        assert isinstance(command, Accept | Request | RequestPointer | UnknownCommand)
        if not isinstance(command, UnknownCommand):
            assert HOST not in repr(replace(command, id=""))  # the address is as good as a token
            parse_rendezvous(command, CONNECTION)
        if isinstance(command, Request):
            assert not set(command.target) & set(" \r\n\0")
            assert all("\n" not in value and "\r" not in value for value in command.headers.values())
            json.dumps([command.id, command.target, dict(command.headers)], ensure_ascii=False).encode()  # no surrogate


@fuzz(150, share=0.06)
@given(damaged(responses) | loose | st.text(max_size=40) | st.binary(max_size=60))
def test_a_text_of_a_listener(text):
    with only(ProtocolViolation):
        response = parse_response(text)
        assert 100 <= response.status <= 999
        with only(HttpMessageError):
            assert parse_response(format_response(response)) == response


@fuzz(150, share=0.05)
@given(
    pairs | pairs.map(dict), st.integers(-5, 1100) | json_values, st.text(max_size=20), st.binary(max_size=80), names
)
def test_what_a_handler_answers(headers, status, reason, body, method):
    with only(HttpMessageError):
        clean = http_rules.clean_response_headers(headers)
        assert not http_rules.CONNECTION_HEADERS & {name.lower() for name in clean}
        assert len({name.lower() for name in clean}) == len(clean)
        assert sum(len(name) + len(value) for name, value in clean.items()) <= MAX_CONTROL_HEADERS
        assert http_rules.clean_response_headers(clean) == clean
        text = format_response(Response("7", status, reason, clean))
        assert text.isascii()
        assert parse_response(text) == Response("7", status, http_rules.clean_reason_phrase(reason), clean)
    http_rules.answered_by_listener(headers)
    if isinstance(status, int):
        http_rules.body_allowed(method, status)
        refused = http_rules.http_refusal(status, reason, body)
        assert len(str(refused)) <= MAX_MESSAGE
        assert str(refused).isprintable()
        assert errors.refusal(status, reason, "sender").tracking_id in reason


@fuzz(250, share=0.11)
@given(controls())
def test_a_control_channel_never_mixes_up_bodies(steps):
    channel = ControlChannel(ping_interval=1.5, pong_deadline=3.0)
    channel.opened(0.0, 10.0)
    now, before = 0.0, ("", None)
    for kind, what in steps:
        if channel.state is State.CLOSED:
            break
        if kind == "later":
            now += what
            for duty in channel.time_passed(now):
                assert duty is not None
            assert channel.next_due() > now - 200
        elif kind == "pong":
            channel.pong_received(now)
        elif kind == "sent":
            channel.token_sent(now, what)
        else:
            got = None
            with only(ProtocolViolation):
                got = channel.receive_text(what, now) if kind == "text" else channel.receive_binary(what, now)
            if isinstance(got, IncomingRequest) and kind == "binary":
                # The body belongs to what came right before it, and to nothing else.
                assert before[0] == "text"
                assert parse_command(before[1]) == got.request
                assert got.request.has_body
                assert got.body is what
            elif isinstance(got, IncomingRequest):
                assert not got.request.has_body
                assert got.body == b""
            else:
                assert kind == "text" or got is None
            before = (kind, what)
    channel.closed(1006, "")
    with pytest.raises(ProtocolViolation):
        channel.receive_binary(b"", now)


@fuzz(200, share=0.09)
@given(exchange_steps, st.booleans())
def test_a_rendezvous_keeps_request_and_answer_in_turn(steps, to_answer):
    channel = RequestChannel(Request("ws://h", "1", "/a", "GET") if to_answer else None)
    taken = int(to_answer)
    answered = 0
    for kind, what in steps:
        if kind == "text":
            with only(ProtocolViolation):
                taken += channel.receive_text(what) is not None
        elif kind == "binary":
            receiving = channel.comes is Comes.BODY
            got = channel.receive_binary(what[0], last=what[1])
            assert got == (what[0] if receiving else None)
        elif kind == "respond":
            with only(HttpMessageError):
                channel.respond(Response(what[0], what[1], has_body=what[2]))
                answered += 1
        else:
            due = channel.goes is Goes.BODY
            with only(HttpMessageError):
                channel.send_body(what[0], last=what[1])
                assert due
        assert answered <= taken <= answered + 1
        assert (channel.request is None) == channel.idle
    assert len(channel.closed(1001, "gone")) < MAX_MESSAGE
    assert channel.idle


@fuzz(200, share=0.08)
@given(damaged(tokens) | st.text(max_size=60), st.text(max_size=20), st.floats(allow_nan=False))
def test_a_token(text, path, now):
    with only(TokenError):
        token = parse_token(text)
        assert KEY not in repr(token)
        token_covers(token, HOST, path)
        token_covers(token, path, "hyco")
        verify_token(token, ["", KEY], now)
        assert now < token.expires_at  # verified: signed by KEY, and not expired


@fuzz(150, share=0.06)
@given(
    damaged(connection_strings) | st.text(max_size=60) | plain.map(lambda rest: f"Endpoint=sb://{rest};EntityPath=a")
)
def test_a_connection_string(text):
    with only(ConnectionStringError):
        connection = parse_connection_string(text)
        assert SECRET not in repr(connection)
        assert parse_connection_string(connection.format()) == connection
        with only(AddressError):
            addresses.listen_address(connection.host, connection.port, connection.use_tls, connection.entity_path or "")


@fuzz(200, share=0.06)
@given(queries | st.text(max_size=40), st.sampled_from(["/sites/north", "/Sites/North/a%2fb//", "/other", ""]))
def test_a_query_and_a_target(query, path):
    left = addresses.strip_relay_parameters(query)
    assert addresses.strip_relay_parameters(left) == left
    assert addresses.relay_parameters(left) == {}
    kept = [piece for piece in query.split("&") if piece in left.split("&")]
    assert left.split("&") == kept or left == ""
    with only(AddressError):
        assert addresses.parse_action(query) in {"listen", "connect", "accept", "request"}
    target = addresses.request_target(path, query)
    with only(AddressError):
        suffix, rest = addresses.split_request_target(target, "sites/north")
        assert rest == left
        assert target in {path + (f"?{left}" if left else "")}
        assert path.endswith(suffix)


@fuzz(150, share=0.06)
@given(
    damaged(rendezvous_addresses) | st.text(max_size=60),
    st.text(max_size=12) | st.sampled_from(["a/b", "a%2fb/", "../x", "%2e%2e", "//"]),
    queries | st.text(max_size=12),
    st.integers(90, 1010),
)
def test_an_address(address, suffix, query, status):
    with only(AddressError):
        addresses.host_of(address)
    with only(AddressError):
        addresses.match_entity(addresses.split_hc_path(address), "sites/north")
    with only(AddressError):
        addresses.check_entity_path(address)
    with only(AddressError):
        reject_address("wss://h/$hc/a?sb-hc-action=accept", status, address).encode("ascii")
    with only(ProtocolViolation):
        for command in (Accept(address, "7"), RequestPointer(address)):
            parse_rendezvous(command, CONNECTION)
            split = urlsplit(address)
            assert split.hostname is not None
            assert split.hostname.endswith("servicebus.windows.net")
            assert split.scheme == "wss"
    with only(AddressError):
        made = addresses.http_address(HOST, 443, True, "sites/north", suffix=suffix, query=query)
        assert made.isascii()
        assert quote(made, safe=quote("") + "".join(map(chr, range(33, 127)))) == made  # nothing that needs encoding
        target = made.removeprefix(f"https://{HOST}")
        found = addresses.split_request_target(target, "sites/north")
        assert found == (suffix.removeprefix("/"), addresses.strip_relay_parameters(query))
        assert addresses.relay_parameters(urlsplit(made).query) == {}  # no token in an address, ever
