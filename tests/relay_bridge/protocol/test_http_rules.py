"""What of HTTP is carried, and whose answer it is."""

import pytest

from relay_bridge.protocol import errors, http_rules
from relay_bridge.protocol.errors import HttpMessageError


@pytest.mark.parametrize(
    ("length", "rendezvous"),
    [(0, False), (1, False), (65_535, False), (65_536, False), (65_537, True), (5_000_000, True), (None, True)],
)
def test_the_64_kib_rule(length, rendezvous):
    assert http_rules.goes_by_rendezvous(length) is rendezvous


def test_headers_of_the_connection_are_not_carried():
    assert http_rules.clean_response_headers(
        [
            ("Content-Type", "text/plain"),
            ("Connection", "close"),
            ("content-length", "5"),
            ("TE", "trailers"),
            ("Trailer", "x"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "h2c"),
            ("Close", ""),
            ("Keep-Alive", "timeout=5"),
            ("ETag", '"a"'),
        ]
    ) == {"Content-Type": "text/plain", "ETag": '"a"'}


def test_repeated_headers_are_joined_under_the_first_name():
    headers = [("Set-Cookie", "a=1"), ("X", " y\t"), ("set-cookie", "b=2")]
    assert http_rules.clean_response_headers(headers) == {"Set-Cookie": "a=1, b=2", "X": "y"}
    assert http_rules.clean_response_headers([("a", ""), ("A", "x"), ("a", "")]) == {"a": "x"}  # RFC 9110, 5.6.1


def test_a_mapping_will_do():
    assert http_rules.clean_response_headers({"a": ""}) == {"a": ""}


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "ä", "a\x00", 7])
def test_a_name_that_is_none(name):
    with pytest.raises(HttpMessageError, match="name"):
        http_rules.clean_response_headers([(name, "x")])


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\n", "\x00", "\x7f", "\ud800", 7])
def test_a_value_that_would_end_its_line_is_refused_and_not_repeated(value):
    with pytest.raises(HttpMessageError, match="X-Name") as caught:
        http_rules.clean_response_headers([("X-Name", value)])
    assert "X: y" not in str(caught.value)


@pytest.mark.parametrize("number", [*range(0x180), 0x2028, 0xD800, 0xDFFF, 0xFEFF, 0x10FFFF])
def test_a_value_fits_a_header_line_whatever_way_it_is_looked_at(number):
    value = f"a{chr(number)}b"
    assert http_rules.fits_header_line(value) == bool(http_rules.VALUE.match(value))


def test_headers_over_32_kib():
    fits = [("a", "b" * (32_768 - 5))]
    assert http_rules.clean_response_headers(fits)
    with pytest.raises(HttpMessageError, match="limit of 32768"):
        http_rules.clean_response_headers([*fits, ("c", "")])


@pytest.mark.parametrize("status", [200, 204, 304, 404, 502, 504, 999])
def test_a_status_that_can_be_an_answer(status):
    assert http_rules.check_status(status) == status


@pytest.mark.parametrize("status", [-1, 0, 100, 101, 199, 1000, "200", None, 200.0, True])
def test_a_status_that_cannot(status):
    with pytest.raises(HttpMessageError, match="status"):
        http_rules.check_status(status)


def test_a_reason_phrase_is_one_line_of_ascii():
    assert http_rules.clean_reason_phrase("Not Found") == "Not Found"
    assert http_rules.clean_reason_phrase("a\r\nX: ü") == "a??X: ?"
    assert len(http_rules.clean_reason_phrase("x" * 1000)) == 200


@pytest.mark.parametrize(
    ("method", "status", "allowed"),
    [
        ("GET", 200, True),
        ("head", 200, False),
        ("GET", 204, False),
        ("GET", 304, False),
        ("GET", 100, False),
        ("GET", 404, True),
        ("POST", 500, True),
    ],
)
def test_who_may_have_a_body(method, status, allowed):
    assert http_rules.body_allowed(method, status) is allowed


def test_via_tells_a_listeners_answer_from_the_relays():
    assert http_rules.answered_by_listener([("Content-Type", "x"), ("VIA", "1.1 ns.example")])
    assert http_rules.answered_by_listener({"via": "1.1 ns.example"})
    assert not http_rules.answered_by_listener([("Server", "Microsoft-HTTPAPI/2.0")])


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (401, errors.AuthorizationFailed, False),
        (403, errors.AuthorizationFailed, False),
        (404, errors.EndpointNotFound, True),  # nobody listens just now, or nobody of the allowed listeners
        (408, errors.RelayTimeout, True),
        (504, errors.RelayTimeout, True),
        (429, errors.RelayUnavailable, True),
        (500, errors.RelayUnavailable, True),
        (502, errors.RelayUnavailable, True),  # nobody listens, in the document's prose
        (503, errors.RelayUnavailable, True),  # nobody listens, in the document's table
        (507, errors.RelayUnavailable, True),
        (400, errors.RequestRefused, False),
        (405, errors.RequestRefused, False),
        (413, errors.RequestRefused, False),
        (431, errors.RequestRefused, False),
        (200, errors.RelayUnavailable, True),  # a captive portal, a proxy's page
        (302, errors.RelayUnavailable, True),
        (0, errors.RelayUnavailable, True),
    ],
)
def test_the_relays_own_answers(status, kind, retryable):
    refused = http_rules.http_refusal(status, "some words")
    assert type(refused) is kind
    assert (refused.status, refused.reason, refused.retryable) == (status, "some words", retryable)


def test_the_explanation_may_stand_in_the_body():
    body = b'{"error":{"code":3,"message":"Endpoint does not exist. TrackingId:12-ab_G13, Timestamp:x"}}'
    refused = http_rules.http_refusal(404, "", body)
    assert "Endpoint does not exist" in str(refused)
    assert refused.tracking_id == "12-ab_G13"
    assert http_rules.http_refusal(404, "Not Found", body).reason == "Not Found"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"7", b'{"error":7}', b'{"error":{"message":7}}', b"\xff", b"[" * 9000, b'{"a":1}']
)
def test_any_other_body_explains_nothing(body):
    assert http_rules.http_refusal(500, "", body).reason == ""


def test_an_explanation_with_a_token_in_it_is_withheld():
    body = b'{"error":{"code":4,"message":"bad: SharedAccessSignature sr=a&sig=abc&se=1&skn=k"}}'
    assert "abc" not in str(http_rules.http_refusal(401, "", body))
