"""Answers in exact bytes."""

from __future__ import annotations

import pytest

from relay_bridge.emulator.http_answers import body_allowed, chunk, response_head, via


def test_heads() -> None:
    headers = [("X-A", "ü"), ("Via", "1.1 relay")]
    assert response_head(200, "", headers, length=5, chunked=False, close=False) == (
        b"HTTP/1.1 200 OK\r\nX-A: \xfc\r\nVia: 1.1 relay\r\nContent-Length: 5\r\n\r\n"
    )
    assert response_head(299, "Fine", [], length=None, chunked=True, close=False) == (
        b"HTTP/1.1 299 Fine\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert response_head(204, "", [], length=None, chunked=False, close=False) == b"HTTP/1.1 204 No Content\r\n\r\n"
    wide = response_head(999, "", [("A", "€")], length=0, chunked=False, close=False)
    assert wide == b"HTTP/1.1 999 \r\nA: \xe2\x82\xac\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("close", "minor", "expected"),
    [
        (True, 1, b"Connection: close\r\n"),
        (True, 0, b"Connection: close\r\n"),
        (False, 0, b"Connection: keep-alive\r\n"),
        (False, 1, b""),
    ],
)
def test_connection_is_said_to_close_when_it_will(close: bool, minor: int, expected: bytes) -> None:
    head = response_head(204, "", [], length=None, chunked=False, close=close, minor=minor)
    assert head == b"HTTP/1.1 204 No Content\r\n" + expected + b"\r\n"


def test_chunks() -> None:
    assert chunk(b"x" * 26, last=False) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert chunk(b"ab", last=True) == b"2\r\nab\r\n0\r\n\r\n"
    assert chunk(b"", last=True) == b"0\r\n\r\n"
    assert chunk(b"", last=False) == b""  # an empty chunk would be the end


def test_via_is_added_or_extended() -> None:
    assert via(None, "relay") == "1.1 relay"
    assert via("1.0 proxy", "relay") == "1.0 proxy, 1.1 relay"


def test_bodies() -> None:
    assert body_allowed("GET", 200)
    assert not body_allowed("HEAD", 200)
    assert not any(body_allowed("GET", status) for status in (204, 304))
