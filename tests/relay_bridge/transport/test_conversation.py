"""Exchanges on a rendezvous: one after the other, each with an end that is known."""

import asyncio

import pytest

from relay_bridge.transport import HttpResponse, StreamClosed
from tests.relay_bridge.transport.support import DEADLINE
from tests.relay_bridge.transport.wire import Losses, answering, hello


async def fetched(relay, channel, name="r1", **request):
    """The rendezvous of a pointer, with its request on it."""
    await channel.send(relay.pointer(name))
    rendezvous = await relay.dialled()
    await rendezvous.send(relay.request(name, **request))
    return rendezvous


async def no_request_under_way(listener):
    async with asyncio.timeout(DEADLINE):
        while listener.requests:
            await asyncio.sleep(0.01)


async def test_another_request_may_follow():
    losses = Losses()
    async with answering(hello, request_lost=losses) as (relay, channel, listener):
        rendezvous = await fetched(relay, channel)
        await rendezvous.response()
        for name in ("r2", "r3"):
            await rendezvous.send(relay.request(name, "PUT", body=True), b"abc")
            head, _ = await rendezvous.response()
            assert (head["requestId"], head["responseHeaders"]) == (name, {"X-Length": "3"})
        await rendezvous.socket.close(1000)
        await no_request_under_way(listener)
    assert losses.seen == {}


async def test_another_request_without_a_place_is_busy():
    running, go = asyncio.Event(), asyncio.Event()

    async def handler(request):
        if request.query == "wait":
            running.set()
            await go.wait()
        return HttpResponse(200, body=b"done")

    async with answering(handler, max_requests=1) as (relay, channel, listener):
        rendezvous = await fetched(relay, channel)
        await rendezvous.response()
        await no_request_under_way(listener)
        await channel.send(relay.request("r2", target="/hyco?wait"))
        async with asyncio.timeout(DEADLINE):
            await running.wait()
        await rendezvous.send(relay.request("r3"))
        assert (await rendezvous.response())[0]["statusCode"] == 503
        go.set()
        assert (await channel.response())[0]["requestId"] == "r2"


async def test_an_answer_before_the_end_of_the_body_arrives_whole():
    async def refuse(request):
        return HttpResponse(413, body=b"no")

    losses = Losses()
    async with answering(refuse, request_lost=losses) as (relay, channel, _):
        rendezvous = await fetched(relay, channel, method="PUT", body=True)
        sending = asyncio.create_task(rendezvous.socket.send([bytes(32_768)] * 100))
        head, body = await rendezvous.response()
        assert (head["statusCode"], body) == (413, b"no")
        await sending  # what is left of the body is read and thrown away
        assert await rendezvous.ended() == 1000
    assert losses.seen == {}


async def test_a_body_that_breaks_off_is_told_to_the_handler():
    told = asyncio.Queue()

    async def handler(request):
        try:
            await request.read()
        except StreamClosed as error:
            told.put_nowait(error)
            raise
        raise AssertionError

    losses = Losses()
    async with answering(handler, request_lost=losses) as (relay, channel, _):
        rendezvous = await fetched(relay, channel, method="PUT", body=True)

        async def half():
            yield bytes(10_000)
            await asyncio.Event().wait()

        sending = asyncio.create_task(rendezvous.socket.send(half()))
        await asyncio.sleep(0.05)
        rendezvous.socket.transport.abort()
        assert "before the exchange was over" in await losses.wait_for("r1")
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_a_body_that_fails_half_way_breaks_the_answer_off(caplog):
    async def handler(request):
        async def body():
            yield bytes(70_000)
            raise ZeroDivisionError("on purpose")

        return HttpResponse(200, body=body())

    losses = Losses()
    async with answering(handler, request_lost=losses) as (relay, channel, _):
        rendezvous = await fetched(relay, channel)
        await rendezvous.head()
        assert await rendezvous.ended() == 1011
        assert await losses.wait_for("r1") == "its body failed half-way"
    assert "on purpose" in caplog.text


async def test_an_answer_whose_rendezvous_breaks_afterwards_may_be_lost():
    losses = Losses()
    async with answering(hello, request_lost=losses) as (relay, channel, _):
        rendezvous = await fetched(relay, channel)
        await rendezvous.response()
        rendezvous.socket.transport.abort()
        assert "confirmed" in await losses.wait_for("r1")


@pytest.mark.parametrize(
    "message", ["nonsense", '{"request":{"address":"ws://h/"}}', '{"accept":{"address":"ws://h/"}}']
)
async def test_what_is_no_request_ends_the_rendezvous(message):
    losses = Losses()
    async with answering(hello, request_lost=losses) as (relay, channel, listener):
        await channel.send(relay.pointer("r1"))
        rendezvous = await relay.dialled()
        await rendezvous.send(message)
        assert await rendezvous.ended() == 1002
        assert await losses.wait_for("(unknown)")
        assert (listener.requests, listener.state.status) == (0, "online")


async def test_unannounced_bytes_and_unknown_commands_are_dropped():
    async with answering(hello) as (relay, channel, _):
        await channel.send(relay.pointer("r1"))
        rendezvous = await relay.dialled()
        await rendezvous.send(b"", b"stray", '{"news":1}', relay.request("r1"))
        assert (await rendezvous.response())[0]["statusCode"] == 200


async def test_a_reader_that_pauses_slows_the_relay_down():
    go = asyncio.Event()

    async def handler(request):
        total = 0
        async for chunk in request.body():
            total += len(chunk)
            await go.wait()
        return HttpResponse(200, body=b"%d" % total)

    async with answering(handler) as (relay, channel, _):
        rendezvous = await fetched(relay, channel, method="PUT", body=True)
        sent = 0

        async def pieces():
            nonlocal sent
            for _ in range(400):
                yield bytes(65_536)
                sent += 65_536

        sending = asyncio.create_task(rendezvous.socket.send(pieces()))
        last = -1
        while sent != last:  # until nothing more is taken
            last = sent
            await asyncio.sleep(0.2)
        assert sent < 400 * 65_536 // 2
        go.set()
        async with asyncio.timeout(DEADLINE):
            await sending
        assert (await rendezvous.response())[1] == b"%d" % (400 * 65_536)


async def test_a_relay_that_reads_nothing_slows_the_generator_down():
    made = 0

    async def handler(request):
        async def body():
            nonlocal made
            for _ in range(400):
                made += 65_536
                yield bytes(65_536)

        return HttpResponse(200, body=body())

    async with answering(handler) as (relay, channel, _):
        rendezvous = await fetched(relay, channel)
        rendezvous.socket.transport.pause_reading()
        last = -1
        while made != last:
            last = made
            await asyncio.sleep(0.2)
        assert 0 < made < 400 * 65_536 // 2
        rendezvous.socket.transport.resume_reading()
        assert len((await rendezvous.response())[1]) == 400 * 65_536
