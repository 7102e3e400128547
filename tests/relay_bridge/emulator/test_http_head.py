"""Heads of requests, byte for byte."""

from __future__ import annotations

import pytest

from relay_bridge.emulator.http_head import HeadError, RequestHead, check_beginning, parse_head


def read(*lines: bytes, start: bytes = b"GET /north HTTP/1.1") -> RequestHead:
    return parse_head(b"\r\n".join((start, *lines)))


def test_parts() -> None:
    head = read(b"Host: relay", b"X-One:1", b"x-one: \t2\t ", b"Empty:", start=b"PATCH /a%2F?b=%20&&c HTTP/1.1")
    assert (head.method, head.target, head.minor) == ("PATCH", "/a%2F?b=%20&&c", 1)
    assert head.headers == (("Host", "relay"), ("X-One", "1"), ("x-one", "2"), ("Empty", ""))
    assert head.fields == {"host": "relay", "x-one": "1, 2", "empty": ""}
    assert (head.body_length, head.keep_alive, head.expects_continue) == (0, True, False)


@pytest.mark.parametrize("method", ["GET", "PROPFIND", "BREW", "a", "M-SEARCH", "!#$%&'*+.^_`|~"])
def test_any_method(method: str) -> None:
    assert read(start=f"{method} / HTTP/1.1".encode()).method == method


@pytest.mark.parametrize(
    ("start", "lines", "keep", "length"),
    [
        (b"GET / HTTP/1.1", [b"Connection: close"], False, 0),
        (b"GET / HTTP/1.1", [b"Connection: keep-alive, Upgrade"], True, 0),
        (b"GET / HTTP/1.0", [], False, 0),
        (b"GET / HTTP/1.0", [b"Connection: Keep-Alive"], True, 0),
        (b"PUT / HTTP/1.1", [b"Content-Length: 007"], True, 7),
        (b"PUT / HTTP/1.1", [b"Transfer-Encoding: Chunked"], True, None),
    ],
)
def test_connection_and_body(start: bytes, lines: list[bytes], keep: bool, length: int | None) -> None:
    head = read(*lines, start=start)
    assert (head.keep_alive, head.body_length) == (keep, length)


def test_expectation() -> None:
    assert read(b"Expect: 100-Continue").expects_continue
    assert not read(b"Expect: 100-continue", start=b"GET / HTTP/1.0").expects_continue


def test_bytes_beyond_ascii_are_utf_8_or_themselves() -> None:
    head = read(b"A: \xc3\xbc", b"B: \xff")
    assert head.fields == {"a": "ü", "b": "\xff"}


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"", 400),
        (b"GET", 400),
        (b"GET /", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET / HTTP/1.1 ", 400),
        (b"GET /a b HTTP/1.1", 400),
        (b"G\xc3\xa4T / HTTP/1.1", 400),
        (b"x" * 33 + b" / HTTP/1.1", 400),
        (b"GET / HTTP/2.0", 505),
        (b"GET / http/1.1", 400),
        (b"GET / HTTP/1.1\r\nno colon", 400),
        (b"GET / HTTP/1.1\r\n: value", 400),
        (b"GET / HTTP/1.1\r\nHost : relay", 400),
        (b"GET / HTTP/1.1\r\n folded: line", 400),
        (b"GET / HTTP/1.1\r\nA: b\r\n c", 400),
        (b"GET / HTTP/1.1\nA: b", 400),
        (b"GET / HTTP/1.1\r\nA: b\nC: d", 400),
        (b"GET / HTTP/1.1\r\nA: b\rC: d", 400),
        (b"GET / HTTP/1.1\r\nA: \x00", 400),
        (b"GET / HTTP/1.1\r\nA: \x7f", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: +1", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: \xd9\xa1", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 19, 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", 400),
        (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked", 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked", 501),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501),
        (b"GET / HTTP/1.1" + b"\r\nA: b" * 257, 431),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(head: bytes, status: int) -> None:
    with pytest.raises(HeadError) as caught:
        parse_head(head)
    assert caught.value.status == status


@pytest.mark.parametrize("head", [b"\x16\x03\x01", b" GET", b"\r\n", b"GET / HTTP/1.1\n", b"\x82"])
def test_what_cannot_become_a_head_is_seen_at_once(head: bytes) -> None:
    with pytest.raises(HeadError):
        check_beginning(head)


@pytest.mark.parametrize("head", [b"", b"G", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHos"])
def test_what_can_become_a_head_is_waited_for(head: bytes) -> None:
    check_beginning(head)
