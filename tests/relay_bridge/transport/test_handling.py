"""Whatever a handler does, an answer comes out."""

import asyncio

import pytest

from relay_bridge.protocol.commands import Request
from relay_bridge.transport import HttpResponse
from relay_bridge.transport.handling import ask


def request(target="/hyco", method="GET"):
    return Request("ws://secret", "r1", target, method, {"X-Name": "value"}, "192.0.2.1:5000")


async def test_a_handler_sees_the_request_as_it_was_written():
    seen = []

    async def handler(request):
        seen.append(request)
        return HttpResponse(204)

    await ask(handler, request("/Hyco/a%2Fb/c/?x=1&&y=%2f+"), b"body", "hyco", "place")
    (got,) = seen
    assert (got.suffix, got.query, got.target) == ("a%2Fb/c/", "x=1&&y=%2f+", "/Hyco/a%2Fb/c/?x=1&&y=%2f+")
    assert (got.id, got.method, got.remote_endpoint, got.headers["x-name"]) == ("r1", "GET", "192.0.2.1:5000", "value")
    assert await got.read() == b"body"


async def fail(request):
    raise ZeroDivisionError("secret detail")


async def no_response(request):
    return b"bytes"


async def bad_header(request):
    return HttpResponse(200, {"X": "a\nb"})


async def bad_body(request):
    async def body():
        raise ZeroDivisionError("secret detail")
        yield b""

    return HttpResponse(200, body=body())


async def cancelled(request):
    raise asyncio.CancelledError


@pytest.mark.parametrize("handler", [fail, no_response, bad_header, bad_body, cancelled])
async def test_errors_are_500_without_details(handler, caplog):
    answer = await ask(handler, request(), b"", "hyco", "place")
    assert (answer.head.status, answer.body) == (500, b"The request failed at the listener.\n")
    assert "r1" in caplog.text


async def test_a_body_over_the_handlers_limit_is_413():
    async def handler(request):
        return HttpResponse(200, body=await request.read(limit=3))

    answer = await ask(handler, request(), b"four", "hyco", "place")
    assert (answer.head.status, answer.body) == (413, b"The body is over the limit of 3 bytes.\n")


@pytest.mark.parametrize("target", ["/hyco/../etc", "/hyco/%2e%2e/etc", "/other"])
async def test_a_path_that_climbs_or_is_not_ours_never_reaches_the_handler(target):
    assert (await ask(fail, request(target), b"", "hyco", "place")).head.status == 400


async def test_who_is_cancelled_is_cancelled():
    async def handler(request):
        await asyncio.Event().wait()

    task = asyncio.create_task(ask(handler, request(), b"", "hyco", "place"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
