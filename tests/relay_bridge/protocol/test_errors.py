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
        (408, "sender", errors.RelayTimeout, True),
        (504, "listener", errors.RelayTimeout, True),
        (429, "listener", errors.RelayUnavailable, True),  # the 26th listener, as far as is known
        (502, "sender", errors.RelayUnavailable, True),
        (410, "sender", errors.ListenerRejected, False),
        (500, "sender", errors.RelayUnavailable, True),
        (504, "sender", errors.RelayTimeout, True),
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


def test_a_network_rule_is_not_blamed_on_the_token():
    refused = errors.refusal(401, "Ip has been prevented to connect to the endpoint.", "listener")
    assert isinstance(refused, errors.AuthorizationFailed)
    assert "network rules" in str(refused)
    assert "refused the token" not in str(refused)


def test_a_timeout_says_who_did_not_answer():
    assert "nobody behind the relay answered in time (504)" in str(errors.refusal(504, "", "sender"))


def test_a_reason_with_a_token_in_it_is_withheld():
    reason = errors.refusal(401, "bad: SharedAccessSignature sr=x&sig=abc&se=1&skn=k", "sender").reason
    assert "abc" not in reason


@pytest.mark.parametrize(
    "reason",
    [
        "sharedaccesssignature se=1",
        "x SharedAccessSignature%20sr%3Da",
        "x sig%3Dabc",
        "Bearer 0123456789abcdefghij",
        "got eyJhbGciOiJSUzI1NiJ9.abc",
        "x" * 400 + "sig=abc",
    ],
)
def test_any_kind_of_token_is_withheld(reason):
    assert errors.clean_reason(reason) == "(withheld: the text repeats a token)"


@pytest.mark.parametrize(
    "reason", ["a token starts with the word SharedAccessSignature", "The bearer token is missing"]
)
def test_words_about_tokens_are_no_tokens(reason):
    assert errors.clean_reason(reason) == reason


def test_the_tracking_id_is_found_in_a_reason():
    reason = (
        "There are no listeners connected for the endpoint. TrackingId:5f0d3c1a-aaaa-bbbb-cccc-0123456789ab_G13, "
        "SystemTracker:sb://contoso.servicebus.windows.net/hyco, Timestamp:2026-11-22T10:00:00"
    )
    refused = errors.refusal(404, reason, "sender")
    assert refused.tracking_id == "5f0d3c1a-aaaa-bbbb-cccc-0123456789ab_G13"
    assert "There are no listeners connected" in str(refused)
    assert errors.refusal(404, "Not Found", "sender").tracking_id == ""


def test_a_request_that_can_be_answered_says_which_and_how():
    error = errors.RequestUnusable("words", request_id="7", status=413)
    assert isinstance(error, errors.ProtocolViolation)
    assert (error.request_id, error.status, str(error), error.retryable) == ("7", 413, "words", False)


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
