"""The control channel by the clock in our hand: pings, pongs, renewal, and what closes mean."""

import pytest

from relay_bridge.protocol.commands import Accept, RequestPointer
from relay_bridge.protocol.control_channel import (
    ControlChannel,
    IncomingRequest,
    Lost,
    RenewToken,
    SendPing,
    State,
    explain_close,
)
from relay_bridge.protocol.errors import ProtocolViolation, RequestUnusable

ACCEPT = '{"accept":{"address":"ws://h/$hc/a","id":"1"}}'
POINTER = '{"request":{"address":"ws://h/$hc/a"}}'


def request(identifier: str, body: bool) -> str:
    return (
        f'{{"request":{{"address":"ws://h/$hc/a","id":"{identifier}","requestTarget":"/a","method":"PUT",'
        f'"body":{str(body).lower()}}}}}'
    )


def opened(now: float = 100.0, renew_in: float | None = 900.0) -> ControlChannel:
    channel = ControlChannel(ping_interval=1.5, pong_deadline=3.0)
    channel.opened(now, renew_in)
    return channel


def test_a_ping_goes_out_at_once_and_its_pong_proves_the_relay():
    channel = opened()
    assert channel.next_due() == 100.0
    assert channel.time_passed(100.0) == [SendPing()]
    assert not channel.proven
    channel.pong_received(100.1)
    assert channel.proven
    assert channel.next_due() == 101.6


def test_one_ping_at_a_time():
    channel = opened()
    channel.time_passed(100.0)
    assert channel.time_passed(102.0) == []
    assert channel.next_due() == 103.0


def test_a_frozen_relay_is_noticed_within_the_sum_of_both():
    channel = opened()
    channel.time_passed(100.0)
    channel.pong_received(100.0)
    assert channel.time_passed(101.4) == []
    assert channel.time_passed(101.5) == [SendPing()]
    assert channel.time_passed(104.4) == []
    (lost,) = channel.time_passed(104.5)
    assert isinstance(lost, Lost)
    assert "3 s" in lost.reason
    assert channel.state is State.CLOSED
    assert channel.time_passed(200.0) == []


def test_messages_put_the_ping_off_but_do_not_replace_a_pong():
    channel = opened()
    channel.time_passed(100.0)
    channel.pong_received(100.0)
    channel.receive_text(ACCEPT, 101.0)
    assert channel.time_passed(101.6) == []
    assert channel.time_passed(102.5) == [SendPing()]
    channel.receive_text(ACCEPT, 104.0)  # they may have lain in a buffer; the answer to our ping has not come
    assert isinstance(channel.time_passed(105.5)[0], Lost)


def test_the_first_ping_is_not_put_off_by_what_the_relay_says():
    channel = opened()
    channel.receive_text(ACCEPT, 100.0)
    assert channel.time_passed(100.0) == [SendPing()]


def test_the_token_is_renewed_in_time_and_tried_again_on_failure():
    channel = opened(renew_in=10.0)
    channel.time_passed(100.0)
    channel.pong_received(109.9)
    assert channel.next_due() == 110.0
    assert channel.time_passed(110.0) == [RenewToken()]
    assert RenewToken() not in channel.time_passed(110.5)  # under way
    channel.renewal_failed(110.5)
    assert RenewToken() in channel.time_passed(115.5)
    channel.token_sent(115.6, 900.0)
    assert RenewToken() not in channel.time_passed(117.0)


def test_a_token_that_cannot_be_renewed_is_never_due():
    channel = opened(renew_in=None)
    channel.time_passed(100.0)
    channel.pong_received(100.0)
    assert RenewToken() not in channel.time_passed(10_000.0)


def test_renewals_keep_their_distance():
    channel = opened(renew_in=0.0)
    assert RenewToken() not in channel.time_passed(100.9)
    assert RenewToken() in channel.time_passed(101.0)


def test_commands_come_through():
    channel = opened()
    assert channel.receive_text(ACCEPT, 100.0) == Accept("ws://h/$hc/a", "1")
    assert channel.receive_text('{"news":1}', 100.0) is None
    with pytest.raises(ProtocolViolation):
        channel.receive_text("nonsense", 100.0)
    assert channel.state is State.OPEN  # one bad message does not end the channel


def test_a_request_without_a_body_is_here_at_once():
    incoming = opened().receive_text(request("1", False), 100.0)
    assert isinstance(incoming, IncomingRequest)
    assert (incoming.request.id, incoming.body) == ("1", b"")


def test_a_pointer_comes_through():
    assert opened().receive_text(POINTER, 100.0) == RequestPointer("ws://h/$hc/a")


def test_the_next_binary_message_is_the_body():
    channel = opened()
    assert channel.receive_text(request("1", True), 100.0) is None
    assert channel.state is State.AWAITING_BODY
    incoming = channel.receive_binary(b"\x00body", 100.0)
    assert (incoming.request.id, incoming.body) == ("1", b"\x00body")
    assert channel.state is State.OPEN
    assert channel.receive_text(request("2", True), 100.0) is None
    assert channel.receive_binary(b"", 100.0).body == b""  # announced and empty, as some clients do


def test_a_body_that_nobody_announced_is_dropped():
    channel = opened()
    assert channel.receive_binary(b"", 100.0) is None
    channel.receive_text(request("1", False), 100.0)
    assert channel.receive_binary(b"x", 100.0) is None
    channel.receive_text(POINTER, 100.0)
    assert channel.receive_binary(b"x", 100.0) is None


@pytest.mark.parametrize("text", [ACCEPT, POINTER, request("2", True), "nonsense", "{}"])
def test_a_text_where_a_body_was_due_costs_the_request_and_no_body_reaches_another(text):
    channel = opened()
    channel.receive_text(request("1", True), 100.0)
    with pytest.raises(RequestUnusable, match="where the body of a request was due") as caught:
        channel.receive_text(text, 100.0)
    assert (caught.value.request_id, caught.value.status) == ("1", 400)
    assert channel.state is State.OPEN
    assert channel.receive_binary(b"whose?", 100.0) is None
    assert channel.receive_text(ACCEPT, 100.0) == Accept("ws://h/$hc/a", "1")


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536])
def test_a_body_of_up_to_64_kib(size):
    channel = opened()
    channel.receive_text(request("1", True), 100.0)
    assert len(channel.receive_binary(bytes(size), 100.0).body) == size


def test_a_larger_body_is_refused_and_the_channel_goes_on():
    channel = opened()
    channel.receive_text(request("1", True), 100.0)
    with pytest.raises(RequestUnusable, match="65537 bytes") as caught:
        channel.receive_binary(bytes(65_537), 100.0)
    assert (caught.value.request_id, caught.value.status) == ("1", 413)
    assert channel.receive_text(request("2", False), 100.0).request.id == "2"


def test_a_request_whose_body_is_a_minute_late_is_forgotten():
    channel = opened()
    channel.receive_text(request("1", True), 100.0)
    assert channel.receive_text(ACCEPT, 160.0) == Accept("ws://h/$hc/a", "1")
    channel.receive_text(request("2", True), 160.0)
    assert channel.receive_binary(b"late", 220.0) is None
    assert channel.state is State.OPEN


def test_pings_and_renewals_go_on_while_a_body_is_awaited():
    channel = opened(renew_in=1.0)
    channel.receive_text(request("1", True), 100.0)
    assert channel.time_passed(101.0) == [SendPing(), RenewToken()]
    assert isinstance(channel.time_passed(104.0)[0], Lost)
    assert channel.state is State.CLOSED


def test_nothing_is_received_before_it_is_open_or_after_it_closed():
    channel = ControlChannel(ping_interval=1, pong_deadline=1)
    assert channel.time_passed(1e9) == []
    with pytest.raises(ProtocolViolation):
        channel.receive_text(ACCEPT, 0)
    channel.opened(0, None)
    with pytest.raises(ProtocolViolation):
        channel.opened(0, None)
    channel.closed(1000, "")
    with pytest.raises(ProtocolViolation):
        channel.receive_binary(b"", 0)


@pytest.mark.parametrize(
    ("code", "reason", "expected", "words"),
    [
        (1011, "InternalServerError: NameRenewalFailed", True, "recycled"),
        (1000, "", True, "closed the control channel"),
        (1012, "", True, "restarting"),
        (1001, "", False, "deleted or disabled"),
        (1008, "token", False, "no longer accepts the token"),
        (1006, "", False, "broke"),
        (None, "", False, "broke"),
        (4999, "x", False, "4999"),
    ],
)
def test_what_a_close_means(code, reason, expected, words):
    closing = explain_close(code, reason)
    assert closing.expected is expected
    assert words in closing.reason


@pytest.mark.parametrize(("ping", "pong"), [(0, 1), (1, 0), (-1, 1)])
def test_intervals_are_above_zero(ping, pong):
    with pytest.raises(ValueError, match="above 0"):
        ControlChannel(ping_interval=ping, pong_deadline=pong)
