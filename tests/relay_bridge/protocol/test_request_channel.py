"""One HTTP exchange over a rendezvous, at the listener's end."""

import pytest

from relay_bridge.protocol.commands import Request, Response
from relay_bridge.protocol.errors import HttpMessageError, ProtocolViolation, RequestUnusable
from relay_bridge.protocol.request_channel import Comes, Goes, RequestChannel

POST = (
    '{"request":{"address":"ws://h/$hc/a?sb-hc-action=request&sb-hc-id=7","id":"7","requestTarget":"/a",'
    '"method":"POST","requestHeaders":{"A":"b"},"body":true}}'
)
GET = '{"request":{"id":"8","requestTarget":"/a","method":"GET","body":false}}'
HEAD = '{"request":{"id":"9","requestTarget":"/a","method":"HEAD","body":false}}'
POINTER = '{"request":{"address":"ws://h/$hc/a"}}'
ACCEPT = '{"accept":{"address":"ws://h/$hc/a","id":"1"}}'


def test_a_large_request_and_its_answer():
    channel = RequestChannel()
    assert channel.idle
    request = channel.receive_text(POST)
    assert (request.id, request.method, request.headers, request.has_body) == ("7", "POST", {"A": "b"}, True)
    assert channel.receive_binary(b"one", last=False) == b"one"
    assert channel.receive_binary(b"two", last=False) == b"two"
    assert channel.receive_binary(b"", last=True) == b""
    assert channel.respond(Response("7", 200, has_body=True)) == (
        '{"response":{"requestId":"7","statusCode":200,"body":true}}'
    )
    assert channel.send_body(b"x", last=False) == b"x"
    assert not channel.idle
    assert channel.send_body(b"", last=True) == b""
    assert channel.idle
    assert channel.request is None


def test_a_large_answer_to_a_request_of_the_control_channel():
    channel = RequestChannel(Request("ws://h", "1", "/a", "GET"))
    assert not channel.idle
    channel.respond(Response("1", 200, has_body=True))
    channel.send_body(b"all of it", last=True)
    assert channel.idle


def test_another_request_may_follow():
    channel = RequestChannel()
    for _ in range(3):
        assert channel.receive_text(GET).id == "8"
        channel.respond(Response("8", 204))
        assert channel.idle


def test_an_answer_may_begin_and_end_before_its_requests_body():
    channel = RequestChannel()
    channel.receive_text(POST)
    channel.respond(Response("7", 413))
    assert (channel.comes, channel.goes, channel.idle) == (Comes.BODY, Goes.NOTHING, False)
    assert channel.receive_binary(b"still coming", last=True) == b"still coming"
    assert channel.idle


def test_what_nobody_announced_is_dropped():
    channel = RequestChannel()
    assert channel.receive_binary(b"x", last=True) is None
    assert channel.receive_text('{"news":1}') is None
    channel.receive_text(GET)
    assert channel.receive_binary(b"", last=True) is None
    assert channel.goes is Goes.HEAD


@pytest.mark.parametrize("text", [ACCEPT, POINTER, "nonsense", "[]"])
def test_a_rendezvous_brings_whole_requests_only(text):
    with pytest.raises(ProtocolViolation):
        RequestChannel().receive_text(text)


def test_a_request_that_cannot_be_carried_out():
    with pytest.raises(RequestUnusable):
        RequestChannel().receive_text(GET.replace('"/a"', '"a"'))


def test_a_request_inside_a_body_is_a_violation():
    channel = RequestChannel()
    channel.receive_text(POST)
    with pytest.raises(ProtocolViolation, match="the body of a request under way"):
        channel.receive_text(GET)


def test_a_second_request_before_the_first_was_answered():
    channel = RequestChannel(Request("ws://h", "1", "/a", "GET"))
    with pytest.raises(ProtocolViolation, match="before the first was answered"):
        channel.receive_text(GET)
    channel.respond(Response("1", 200, has_body=True))
    with pytest.raises(ProtocolViolation, match="before the first was answered"):
        channel.receive_text(GET)


def test_headers_over_a_rendezvous_may_be_larger_than_on_the_control_channel():
    text = GET.replace('"body"', '"requestHeaders":{"a":"%s"},"body"' % ("b" * 100_000))
    assert len(RequestChannel().receive_text(text).headers["a"]) == 100_000
    with pytest.raises(ProtocolViolation, match="limit of 262144"):
        RequestChannel().receive_text('{"x":"%s"}' % ("b" * 262_144))


def test_answers_out_of_turn():
    channel = RequestChannel()
    with pytest.raises(HttpMessageError, match="nothing to answer"):
        channel.respond(Response("8", 200))
    channel.receive_text(GET)
    with pytest.raises(HttpMessageError, match="a response due"):
        channel.send_body(b"x", last=True)
    with pytest.raises(HttpMessageError, match="another request"):
        channel.respond(Response("7", 200))
    channel.respond(Response("8", 200))
    with pytest.raises(HttpMessageError, match="nothing to answer"):
        channel.respond(Response("8", 200))
    with pytest.raises(HttpMessageError, match="nothing to answer"):
        channel.send_body(b"x", last=True)


@pytest.mark.parametrize(("text", "status"), [(HEAD, 200), (GET, 204), (GET, 304)])
def test_an_answer_that_has_no_body(text, status):
    channel = RequestChannel()
    request = channel.receive_text(text)
    with pytest.raises(HttpMessageError, match="has no body"):
        channel.respond(Response(request.id, status, has_body=True))
    channel.respond(Response(request.id, status))  # the first one was not sent
    assert channel.idle


def test_a_response_that_cannot_be_written_leaves_room_for_one_that_can():
    channel = RequestChannel()
    channel.receive_text(GET)
    with pytest.raises(HttpMessageError):
        channel.respond(Response("8", 200, headers={"a": "b" * 70_000}))
    assert channel.respond(Response("8", 500))


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (1001, "gone", "the sender went away, or the hybrid connection was deleted (1001: gone)"),
        (1000, "", "the relay ended the rendezvous before"),
        (1008, "", "refused"),
        (1011, "", "failed"),
        (None, "", "broke"),
        (1006, "", "broke"),
    ],
)
def test_an_end_that_cuts_the_exchange_short(code, reason, words):
    channel = RequestChannel()
    channel.receive_text(GET)
    assert words in channel.closed(code, reason)
    assert channel.request is None
    with pytest.raises(HttpMessageError, match="closed"):
        channel.respond(Response("8", 200))
    with pytest.raises(ProtocolViolation, match="closed"):
        channel.receive_text(GET)
    with pytest.raises(ProtocolViolation, match="closed"):
        channel.receive_binary(b"", last=True)


def test_an_end_after_the_exchange_means_nothing():
    channel = RequestChannel()
    assert channel.closed(1000, "") == ""
    assert channel.idle
