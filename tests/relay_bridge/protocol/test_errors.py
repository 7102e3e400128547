"""Which error a status becomes, and what may be in its text."""

import pytest

from relay_bridge.protocol import errors


@pytest.mark.parametrize(
    ("status", "side", "kind", "retryable"),
    [
        (401, "listener", errors.AuthorizationFailed, False),
        (403, "sender", errors.AuthorizationFailed, False),
        (404, "listener", errors.EndpointNotFound, False),
        (404, "sender", errors.EndpointNotFound, True),  # nobody listens just now
        (400, "sender", errors.ListenerRejected, False),
        (503, "sender", errors.ListenerRejected, True),
        (408, "sender", errors.RelayUnavailable, True),
        (500, "sender", errors.RelayUnavailable, True),
        (504, "sender", errors.RelayUnavailable, True),
        (503, "listener", errors.RelayUnavailable, True),
        (301, "listener", errors.RelayUnavailable, True),
    ],
)
def test_a_status_becomes_an_error(status, side, kind, retryable):
    refused = errors.refusal(status, "some words", side)
    assert type(refused) is kind
    assert (refused.status, refused.reason, refused.retryable) == (status, "some words", retryable)
    assert "some words" in str(refused)


def test_a_refused_token_says_what_to_check():
    text = str(errors.refusal(401, "InvalidSignature: The token has an invalid signature.", "listener"))
    assert "key name and key" in text
    assert "clock" in text


def test_a_reason_with_a_token_in_it_is_withheld():
    reason = errors.refusal(401, "bad: SharedAccessSignature sr=x&sig=abc&se=1&skn=k", "sender").reason
    assert "abc" not in reason


def test_a_reason_is_one_bounded_printable_line():
    reason = errors.clean_reason("a\r\nb\x1b[31m" + "x" * 1000)
    assert reason.isprintable()
    assert len(reason) == 300


def test_everything_is_a_relay_error():
    for kind in (errors.ConnectionStringError, errors.AddressError, errors.TokenMalformed, errors.ProtocolViolation):
        error = kind("words")
        assert isinstance(error, errors.RelayError)
        assert error.retryable is False
        assert str(error) == "words"
