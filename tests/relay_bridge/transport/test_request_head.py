"""The head of a request, byte by byte, and what may not stand in it."""

import pytest

from relay_bridge.protocol.errors import HttpMessageError
from relay_bridge.transport.http_messages import Headers
from relay_bridge.transport.request_head import MAX_HEAD, request_head


def head(method="GET", target="/hyco", **options):
    return request_head(method, target, **{"host": "ns", "headers": (), "token": "", "body_length": 0} | options)


def test_every_byte_of_a_head():
    assert head(
        "POST",
        "/sites/north/tank/1%2f2?a=%20&&b",
        host="ns.servicebus.windows.net",
        headers=[("Accept", "text/plain"), ("X-Two", "1"), ("X-Two", "2"), ("Authorization", "Bearer theirs")],
        token="SharedAccessSignature sr=a&sig=b&se=1&skn=c",
        body_length=5,
    ) == (
        b"POST /sites/north/tank/1%2f2?a=%20&&b HTTP/1.1\r\n"
        b"Host: ns.servicebus.windows.net\r\n"
        b"ServiceBusAuthorization: SharedAccessSignature sr=a&sig=b&se=1&skn=c\r\n"
        b"Accept: text/plain\r\n"
        b"X-Two: 1\r\n"
        b"X-Two: 2\r\n"
        b"Authorization: Bearer theirs\r\n"
        b"Content-Length: 5\r\n"
        b"\r\n"
    )


@pytest.mark.parametrize(
    ("method", "length", "line"),
    [
        ("GET", 0, b""),
        ("DELETE", 0, b""),
        ("HEAD", 0, b""),
        ("POST", 0, b"Content-Length: 0\r\n"),
        ("PUT", 0, b"Content-Length: 0\r\n"),
        ("GET", 3, b"Content-Length: 3\r\n"),
        ("POST", None, b"Transfer-Encoding: chunked\r\n"),
    ],
)
def test_how_the_body_is_announced(method, length, line):
    assert head(method, body_length=length) == method.encode() + b" /hyco HTTP/1.1\r\nHost: ns\r\n" + line + b"\r\n"


def test_headers_as_a_mapping_as_pairs_and_as_headers():
    pairs = {"Accept": "a", "X-Name": "Grün\tb"}
    expected = b"GET /hyco HTTP/1.1\r\nHost: ns\r\nAccept: a\r\nX-Name: Gr\xc3\xbcn\tb\r\n\r\n"
    assert head(headers=pairs) == head(headers=pairs.items()) == head(headers=Headers(pairs)) == expected


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\n", "a\rb", "a\0b", "\x7f", "\ud800", 5, None, b"a"])
def test_a_value_that_cannot_stand_in_a_line(value):
    with pytest.raises(HttpMessageError, match="X-Mine") as caught:
        head(headers=[("X-Mine", value)])
    assert "Evil" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "ü", 5])
def test_a_name_that_is_none(name):
    with pytest.raises(HttpMessageError, match="a name that is none"):
        head(headers=[(name, "1")])


@pytest.mark.parametrize(
    "name",
    [
        "ServiceBusAuthorization", "servicebusauthorization", "Host", "Connection", "Content-Length", "Expect",
        "Transfer-Encoding", "TE", "Trailer", "Upgrade", "Close", "Keep-Alive", "Proxy-Connection",
        "Proxy-Authorization",
    ],
)  # fmt: skip
def test_a_header_that_is_not_the_callers(name):
    with pytest.raises(HttpMessageError, match=f"{name} cannot be set: "):
        head(headers={name: "x"})


@pytest.mark.parametrize("method", ["", "GET ", "GE T", "GET\r\nX: 1", "CONNECT", "Ä", "A" * 65])
def test_a_method_that_is_none(method):
    with pytest.raises(HttpMessageError, match="method"):
        head(method)


def test_a_token_with_a_line_break():
    with pytest.raises(HttpMessageError, match="token") as caught:
        head(token="SharedAccessSignature sr=a\r\nX: secret")
    assert "secret" not in str(caught.value)


def test_a_head_too_large():
    with pytest.raises(HttpMessageError, match=f"{MAX_HEAD} bytes"):
        head(headers={"X-Large": "a" * MAX_HEAD})
