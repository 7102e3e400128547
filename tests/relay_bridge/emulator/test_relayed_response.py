"""The head of a listener's response, for every kind of sender."""

from __future__ import annotations

import pytest

from relay_bridge.emulator.http_head import RequestHead
from relay_bridge.emulator.relayed_response import relayed_head
from relay_bridge.emulator.service_channel import ListenerResponse


def response(
    status: int = 200, *headers: tuple[str, str], body: bytes = b"", has_body: bool = True
) -> ListenerResponse:
    return ListenerResponse("1", status, "Fine", headers, has_body, body)


def asked(method: str = "GET", minor: int = 1) -> RequestHead:
    return RequestHead(method, "/", minor, ())


def test_body_that_came_along_is_announced_by_its_length() -> None:
    head = relayed_head(response(200, ("A", "b"), body=b"four"), asked(), "relay", streamed=False, will_close=False)

    assert head == (
        b"HTTP/1.1 200 Fine\r\nA: b\r\nVia: 1.1 relay\r\nContent-Length: 4\r\n\r\n", True, False, False, False
    )  # fmt: skip


@pytest.mark.parametrize(("minor", "chunked"), [(1, True), (0, False)])
def test_body_that_follows_comes_in_chunks_or_to_the_end_of_the_connection(minor: int, chunked: bool) -> None:
    head = relayed_head(response(), asked(minor=minor), "relay", streamed=True, will_close=False)

    assert (head.body_allowed, head.follows, head.chunked, head.close) == (True, True, chunked, not chunked)
    assert (b"Transfer-Encoding: chunked" in head.data) is chunked
    assert (b"Connection: close" in head.data) is not chunked
    assert b"Content-Length" not in head.data


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
@pytest.mark.parametrize("streamed", [False, True])
def test_body_that_must_not_be_is_not_announced(method: str, status: int, streamed: bool) -> None:
    head = relayed_head(response(status, body=b"x"), asked(method), "relay", streamed=streamed, will_close=False)

    assert (head.body_allowed, head.follows, head.chunked, head.close) == (False, streamed, False, False)
    assert b"Content-Length" not in head.data
    assert b"chunked" not in head.data


def test_streamed_response_without_a_body_is_empty() -> None:
    head = relayed_head(response(has_body=False), asked(), "relay", streamed=True, will_close=True)

    assert (head.follows, head.close) == (False, True)
    assert head.data.endswith(b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def test_relay_stands_behind_the_first_via_whatever_its_case() -> None:
    given = response(200, ("vIA", "1.0 plant"), ("A", "b"))
    head = relayed_head(given, asked(), "relay", streamed=False, will_close=False)

    assert b"\r\nvIA: 1.0 plant, 1.1 relay\r\nA: b\r\n" in head.data
    assert head.data.lower().count(b"via:") == 1
