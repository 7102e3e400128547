"""The control channel by the clock in our hand: pings, pongs, renewal, and what closes mean."""

import pytest

from relay_bridge.protocol.commands import Accept, UnsupportedCommand
from relay_bridge.protocol.control_channel import (
    ControlChannel,
    Lost,
    RenewToken,
    SendPing,
    State,
    explain_close,
)
from relay_bridge.protocol.errors import ProtocolViolation

ACCEPT = '{"accept":{"address":"ws://h/$hc/a","id":"1"}}'


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


def test_the_body_of_a_request_is_expected_and_dropped():
    channel = opened()
    assert channel.receive_binary(100.0) is False
    assert channel.receive_text('{"request":{"id":"1","body":true}}', 100.0) == UnsupportedCommand("request", True)
    assert channel.receive_binary(100.0) is True
    assert channel.receive_binary(100.0) is False


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
        channel.receive_binary(0)


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
