"""Headers, requests and responses as values, and what reading a body promises."""

import pytest

from relay_bridge.transport import BodyTooLarge, Headers, HttpRequest, HttpResponse


def test_headers_are_a_multi_map_that_does_not_mind_case():
    headers = Headers([("Accept", "a"), ("X-Many", "1"), ("x-many", "2")])
    assert headers["accept"] == "a"
    assert headers["X-MANY"] == "1, 2"
    assert headers.get_all("x-many") == ("1", "2")
    assert headers.get("missing") is None
    assert headers.get("missing", "else") == "else"
    assert "ACCEPT" in headers
    assert "missing" not in headers
    assert 5 not in headers
    assert list(headers) == [("Accept", "a"), ("X-Many", "1"), ("x-many", "2")]
    assert len(headers) == 3
    with pytest.raises(KeyError):
        headers["missing"]


def test_headers_are_made_from_a_mapping_pairs_or_headers():
    assert Headers({"A": "b"}) == Headers([("A", "b")]) == Headers(Headers({"A": "b"}))
    assert len({Headers({"A": "b"}), Headers([("A", "b")])}) == 1
    assert Headers() != ()


def test_no_value_of_a_header_and_no_query_shows_in_a_repr():
    request = HttpRequest("GET", "/hyco/a?code=secret", {"Authorization": "secret"}, suffix="a", query="code=secret")
    assert "secret" not in repr(request) + repr(request.headers) + repr(HttpResponse(200, {"Set-Cookie": "secret"}))
    assert "Authorization" in repr(request.headers)


async def pieces(*chunks):
    for chunk in chunks:
        yield chunk


async def test_a_body_of_bytes_can_be_read_and_iterated_again():
    request = HttpRequest("PUT", "/hyco", body=b"abc")
    assert await request.read() == b"abc"
    assert [chunk async for chunk in request.body()] == [b"abc"]
    assert [chunk async for chunk in HttpRequest("GET", "/hyco").body()] == []


async def test_a_streamed_body_is_read_once_and_kept_by_read():
    request = HttpRequest("PUT", "/hyco", body=pieces(b"ab", b"c"))
    assert await request.read() == b"abc"
    assert await request.read() == b"abc"
    request = HttpRequest("PUT", "/hyco", body=pieces(b"ab", b"c"))
    assert [chunk async for chunk in request.body()] == [b"ab", b"c"]
    with pytest.raises(RuntimeError, match="already"):
        await request.read()


async def test_a_body_over_the_limit_is_not_read_to_its_end():
    taken = []

    async def endless():
        while True:
            taken.append(1)
            yield bytes(1000)

    with pytest.raises(BodyTooLarge, match="10000 bytes"):
        await HttpRequest("PUT", "/hyco", body=endless()).read(limit=10_000)
    assert len(taken) == 11
    with pytest.raises(BodyTooLarge):
        await HttpRequest("PUT", "/hyco", body=bytes(11)).read(limit=10)
