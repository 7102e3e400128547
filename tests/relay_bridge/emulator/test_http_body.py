"""Bodies of requests, by length and in chunks."""

from __future__ import annotations

import pytest

from relay_bridge.emulator.http_body import ChunkedBody, LengthBody
from relay_bridge.emulator.http_head import HeadError


def test_length() -> None:
    body = LengthBody(5)
    assert body.feed(b"abc") == (b"abc", b"")
    assert not body.done
    assert body.feed(b"deGET") == (b"de", b"GET")
    assert body.done


CHUNKED = b"3\r\nabc\r\n00A;name=value\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_chunks_in_pieces_of_any_size(step: int) -> None:
    body, found, rest = ChunkedBody(), b"", b""
    for at in range(0, len(CHUNKED), step):
        content, rest = body.feed(CHUNKED[at : at + step])
        found += content
    assert (found, body.done, rest) == (b"abc0123456789", True, b"")


def test_what_follows_the_chunks_is_handed_back() -> None:
    assert ChunkedBody().feed(b"0\r\n\r\nGET / HTTP/1.1") == (b"", b"GET / HTTP/1.1")


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"0x1\r\n",
        b"1_0\r\n",
        b"3\n",
        b"\n",
        b"3\r\nabcd\r\n",
        b"3\r\nabc\n",
        b"3\rx\r\n",
        b"1" * 13 + b"\r\n",
        b"1;" + b"x" * 2000,
        b"0\r\n" + b"A: bcdefgh\r\n" * 1000,
    ],
)
def test_what_is_no_chunk_is_refused(data: bytes) -> None:
    with pytest.raises(HeadError):
        ChunkedBody().feed(data)
