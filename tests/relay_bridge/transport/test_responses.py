"""Which way an answer goes, and what of it is carried."""

import asyncio

import pytest

from relay_bridge.protocol.errors import HttpMessageError
from relay_bridge.transport import HttpResponse
from relay_bridge.transport.responses import STREAM_AFTER, Streamed, plain, prepare_answer, whole_answer
from tests.support import autojump


@pytest.mark.parametrize(("size", "elsewhere"), [(0, False), (1, False), (65_536, False), (65_537, True)])
def test_64_kib_is_the_border(size, elsewhere):
    answer = whole_answer("r", "GET", HttpResponse(200, body=bytes(size)))
    assert answer.needs_rendezvous is elsewhere
    assert answer.head.has_body is (size > 0)
    assert answer.body == (bytes(size) or None)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_where_http_has_no_body_none_is_sent(method, status):
    ended = []

    async def body():
        try:
            yield b"data"
        finally:
            ended.append(True)

    for response in (HttpResponse(status, body=b"data"), HttpResponse(status, body=body())):
        answer = await prepare_answer("r", method, response)
        assert (answer.head.has_body, answer.body) == (False, None)
    assert ended == []  # never begun, so there was nothing to end


def test_repeated_headers_are_joined_and_those_of_the_connection_dropped():
    headers = [("Vary", "a"), ("vary", "b"), ("Connection", "close"), ("Content-Length", "5"), ("X", "y")]
    assert whole_answer("r", "GET", HttpResponse(200, headers)).head.headers == {"Vary": "a, b", "X": "y"}


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(99),
        HttpResponse(1000),
        HttpResponse(101),
        HttpResponse(200, {"X": "a\r\nInjected: yes"}),
        HttpResponse(200, {"bad name": "x"}),
        HttpResponse(200, {"X": '"' * 32_740}),
    ],
)
async def test_what_cannot_be_carried_is_found_before_anything_is_sent(response):
    with pytest.raises(HttpMessageError):
        await prepare_answer("r", "GET", response)


async def test_a_body_is_made_of_bytes():
    with pytest.raises(TypeError, match="str"):
        await prepare_answer("r", "GET", HttpResponse(200, body="text"))

    async def words():
        yield "text"

    with pytest.raises(TypeError, match="str"):
        await prepare_answer("r", "GET", HttpResponse(200, body=words()))


async def test_a_short_stream_goes_like_bytes():
    async def body():
        yield b"a"
        yield b""
        yield bytearray(b"b")

    answer = await prepare_answer("r", "GET", HttpResponse(200, body=body()))
    assert (answer.body, answer.needs_rendezvous) == (b"ab", False)


async def test_a_large_stream_is_begun_and_goes_on():
    async def body():
        for _ in range(5):
            yield bytes(40_000)

    answer = await prepare_answer("r", "GET", HttpResponse(200, body=body()))
    assert isinstance(answer.body, Streamed)
    assert len(answer.body.begun) == 2
    assert sum([len(chunk) async for chunk in answer.body]) == 200_000


def test_a_slow_stream_is_streamed_after_the_fifth_of_a_second():
    async def main():
        async def body():
            yield b"one"
            await asyncio.sleep(10)
            yield b"two"

        clock = asyncio.get_running_loop().time
        answer = await prepare_answer("r", "GET", HttpResponse(200, body=body()))
        assert clock() == pytest.approx(STREAM_AFTER)
        assert answer.needs_rendezvous
        assert [(chunk, round(clock(), 1)) async for chunk in answer.body] == [(b"one", 0.2), (b"two", 10.0)]

    autojump.run(main())


async def test_a_stream_that_is_not_sent_ends_its_generator():
    ended = []

    async def body():
        try:
            yield b"one"
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    answer = await prepare_answer("r", "GET", HttpResponse(200, body=body()))
    await answer.discard()
    assert ended == [True]


async def test_a_generator_that_fails_while_it_is_ended_does_no_harm(caplog):
    async def body():
        try:
            yield bytes(70_000)
        finally:
            raise ZeroDivisionError("on purpose")

    answer = await prepare_answer("r", "GET", HttpResponse(200, body=body()))
    await answer.discard()
    assert "on purpose" in caplog.text


def test_our_own_answers_are_plain_text():
    response = plain(503, "Busy.")
    assert (response.status, response.body, response.headers["retry-after"]) == (503, b"Busy.\n", "1")
    assert "Retry-After" not in plain(500, "Failed.").headers
