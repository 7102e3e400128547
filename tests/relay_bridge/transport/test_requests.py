"""HTTP requests at a listener: each is answered once, the right way, or reported as lost."""

import asyncio
import json

import pytest

from relay_bridge.protocol.limits import RESPONSE_DEADLINE
from relay_bridge.transport import HttpResponse
from relay_bridge.transport.conversation import TOO_LATE
from relay_bridge.transport.places import CHECK_EVERY
from tests.relay_bridge.transport.support import DEADLINE, echo
from tests.relay_bridge.transport.wire import Losses, answering, hello
from tests.support.autojump import in_virtual_time


class Gate:
    """A handler that waits until it is let go, and tells when it was called and how it ended."""

    def __init__(self, response=None):
        self.response = response or HttpResponse(200, body=b"late")
        self.called = asyncio.Event()
        self.go = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, request):
        self.called.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return self.response


async def test_a_request_without_a_body_is_answered_on_the_control_channel():
    async with answering(hello) as (relay, channel, _):
        await channel.send(relay.request("r1", target="/hyco/tanks/7/?unit=l&&x=%2f"))
        head, body = await channel.response()
        assert head == {"requestId": "r1", "statusCode": 200, "responseHeaders": {"X-Length": "0"}, "body": True}
        assert body == b"GET tanks/7/?unit=l&&x=%2f"


async def test_a_body_is_the_next_message():
    async with answering(hello) as (relay, channel, _):
        await channel.send(relay.request("r1", "PUT", body=True), bytes(65_536))
        head, _ = await channel.response()
        assert head["responseHeaders"] == {"X-Length": "65536"}


async def test_a_response_without_a_body_is_one_message():
    async def nothing(request):
        return HttpResponse(204, reason="Nothing here")

    async with answering(nothing) as (relay, channel, _):
        await channel.send(relay.request("r1"), relay.request("r2"))
        for name in ("r1", "r2"):
            head = await channel.head()
            assert head == {
                "requestId": name, "statusCode": 204, "statusDescription": "Nothing here", "body": False
            }  # fmt: skip


async def test_answers_may_overtake_each_other_and_bodies_stay_with_their_heads():
    async def handler(request):
        number = int(request.query)
        await asyncio.sleep(0.002 * (number % 7))
        return HttpResponse(200, body=b"%d" % number * (number * 40))

    async with answering(handler) as (relay, channel, _):
        for number in range(100):
            await channel.send(relay.request(f"r{number}", target=f"/hyco?{number}"))
        seen = {}
        for _ in range(100):
            head, body = await channel.response()
            seen[head["requestId"]] = body
        assert seen == {f"r{number}": b"%d" % number * (number * 40) for number in range(100)}


async def test_a_large_answer_goes_over_the_address_of_its_request():
    async def handler(request):
        return HttpResponse(200, body=bytes(range(256)) * 1000)

    losses = Losses()
    async with answering(handler, request_lost=losses) as (relay, channel, listener):
        await channel.send(relay.request("r1"))
        rendezvous = await relay.dialled()
        assert rendezvous.query["sb-hc-id"] == ["r1"]
        assert rendezvous.socket.request.headers.get("ServiceBusAuthorization") is None
        head, body = await rendezvous.response()
        assert (head["requestId"], body) == ("r1", bytes(range(256)) * 1000)
        await rendezvous.socket.close(1000)
        assert listener.requests == 0
    assert losses.seen == {}


async def test_server_sent_events_are_not_held_back():
    told = asyncio.Queue()

    async def handler(request):
        async def events():
            while True:
                yield await told.get()

        return HttpResponse(200, {"Content-Type": "text/event-stream"}, events())

    async with answering(handler) as (relay, channel, _):
        await channel.send(relay.request("r1"))
        rendezvous = await relay.dialled()
        assert (await rendezvous.head())["body"] is True  # before the first event
        pieces = rendezvous.socket.recv_streaming()
        for number in range(3):
            told.put_nowait(b"data: %d\n\n" % number)
            async with asyncio.timeout(DEADLINE):
                assert await anext(pieces) == b"data: %d\n\n" % number


async def test_a_streamed_answer_to_a_sender_that_hangs_up_ends_its_generator():
    ended = asyncio.Event()

    async def handler(request):
        async def events():
            try:
                yield b"first"
                await asyncio.Event().wait()
            finally:
                ended.set()

        return HttpResponse(200, body=events())

    losses = Losses()
    async with answering(handler, request_lost=losses) as (relay, channel, listener):
        await channel.send(relay.request("r1"))
        rendezvous = await relay.dialled()
        await rendezvous.head()
        await rendezvous.socket.close(1001)
        async with asyncio.timeout(DEADLINE):
            await ended.wait()
        assert "sender went away" in await losses.wait_for("r1")
        assert listener.requests == 0


async def test_a_pointer_is_fetched_and_answered_on_the_same_socket():
    async with answering(hello) as (relay, channel, _):
        await channel.send(relay.pointer("r1"))
        rendezvous = await relay.dialled()
        await rendezvous.send(relay.request("r1", "POST", body=True))
        await rendezvous.socket.send([bytes(30_000)] * 10)
        head, body = await rendezvous.response()
        assert (head["requestId"], head["responseHeaders"], body) == ("r1", {"X-Length": "300000"}, b"POST ?")


async def test_a_sender_that_hangs_up_cancels_the_handler_of_its_large_request(caplog):
    gate, losses = Gate(), Losses()
    async with answering(gate, request_lost=losses) as (relay, channel, listener):
        await channel.send(relay.pointer("r1"))
        rendezvous = await relay.dialled()
        await rendezvous.send(relay.request("r1"))
        await gate.called.wait()
        await rendezvous.socket.close(1001)
        async with asyncio.timeout(DEADLINE):
            await gate.cancelled.wait()
        assert "sender went away" in await losses.wait_for("r1")
        assert listener.requests == 0
    assert "lost" not in "".join(r.getMessage() for r in caplog.records if r.levelname == "WARNING")


async def test_one_request_too_many_is_busy():
    gate = Gate()
    async with answering(gate, max_requests=2) as (relay, channel, listener):
        await channel.send(*(relay.request(f"r{number}") for number in range(3)))
        head, body = await channel.response()
        assert (head["requestId"], head["statusCode"], head["responseHeaders"]["Retry-After"]) == ("r2", 503, "1")
        assert b"busy" in body
        assert listener.requests == 2
        await channel.send(relay.pointer("r3"))  # that one must be fetched to be refused
        rendezvous = await relay.dialled()
        await rendezvous.send(relay.request("r3", "PUT", body=True), bytes(100_000))
        assert (await rendezvous.head())["statusCode"] == 503
        gate.go.set()
        assert {(await channel.response())[0]["requestId"] for _ in range(2)} == {"r0", "r1"}


async def test_a_listener_without_a_handler_for_it_says_so():
    async with answering(None, handler=echo) as (relay, channel, _):
        await channel.send(relay.request("r1"), relay.request("r2", "HEAD"))
        head, body = await channel.response()
        assert (head["statusCode"], body) == (
            501, b"This listener answers no HTTP requests, only WebSocket connections.\n"
        )  # fmt: skip
        assert await channel.head() == {
            "requestId": "r2", "statusCode": 501, "body": False,
            "responseHeaders": {"Content-Type": "text/plain; charset=utf-8"},
        }  # fmt: skip


async def test_the_same_request_twice_is_answered_once(caplog):
    gate = Gate()
    async with answering(gate) as (relay, channel, _):
        await channel.send(relay.request("r1"), relay.request("r1"), relay.request("r2"))
        gate.go.set()
        assert {(await channel.response())[0]["requestId"] for _ in range(2)} == {"r1", "r2"}
    assert "came twice" in caplog.text


async def test_what_cannot_be_read_is_answered_when_it_has_an_id():
    async with answering(hello) as (relay, channel, _):
        await channel.send(relay.request("r1", method="NO METHOD"))
        assert (await channel.response())[0]["statusCode"] == 400
        await channel.send(relay.request("r2", body=True), json.dumps({"text": "where the body was due"}))
        assert (await channel.response())[0] | {"responseHeaders": None} == {
            "requestId": "r2", "statusCode": 400, "body": True, "responseHeaders": None
        }  # fmt: skip


async def test_the_channel_is_lost_while_the_handler_runs_and_the_answer_finds_another_way():
    gate, losses = Gate(), Losses()
    async with answering(gate, request_lost=losses) as (relay, channel, _):
        await channel.send(relay.request("r1"))
        await gate.called.wait()
        channel.socket.transport.abort()
        second = await relay.listened()
        gate.go.set()
        rendezvous = await relay.dialled()
        head, body = await rendezvous.response()
        assert (head["requestId"], body) == ("r1", b"late")
        await rendezvous.socket.close(1000)
        await second.send(relay.request("r2"))  # and nothing came on the new channel before this
        assert (await second.response())[0]["requestId"] == "r2"
    assert losses.seen == {}


async def test_an_answer_that_finds_no_way_is_reported(caplog):
    gate, losses = Gate(), Losses()
    async with answering(gate, request_lost=losses, open_timeout=0.5) as (relay, channel, _):
        request = relay.request("r1").replace(f":{relay.port}/", ":1/")  # an address that is not ours to dial
        await channel.send(request)
        await gate.called.wait()
        channel.socket.transport.abort()
        await relay.listened()
        gate.go.set()
        assert "rendezvous could not be opened" in await losses.wait_for("r1")
    assert "the answer to request r1 is lost" in caplog.text


async def test_a_large_answer_that_cannot_be_sent_is_500_at_once_and_reported():
    async def large(request):
        return HttpResponse(200, body=bytes(70_000))

    losses = Losses()
    async with answering(large, request_lost=losses) as (relay, channel, _):
        await channel.send(relay.request("r1").replace(f":{relay.port}/", ":1/"))
        assert (await channel.response())[0]["statusCode"] == 500
        assert "another port" in await losses.wait_for("r1")


async def test_a_pointer_that_leads_nowhere_is_reported():
    losses = Losses()
    async with answering(hello, request_lost=losses) as (relay, channel, listener):
        await channel.send(relay.pointer("r1"))
        rendezvous = await relay.dialled()
        rendezvous.socket.transport.abort()
        assert "before" in await losses.wait_for("(unknown)") or losses.seen
        assert listener.requests == 0


async def test_requests_end_with_their_listener_and_are_reported():
    gate, losses = Gate(), Losses()
    async with answering(gate, request_lost=losses) as (relay, channel, listener):
        await channel.send(relay.request("r1"))
        await gate.called.wait()
    assert gate.cancelled.is_set()
    assert losses.seen == {"r1": "the listener was stopped"}
    assert listener.requests == 0


async def test_a_callback_that_fails_costs_nothing(caplog):
    def fail(request_id, reason):
        raise ZeroDivisionError

    gate = Gate()
    async with answering(gate, request_lost=fail) as (relay, channel, _):
        await channel.send(relay.request("r1"))
        await gate.called.wait()
    assert "request_lost failed" in caplog.text


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 5_000_000])
async def test_bodies_of_every_size_both_ways(size):
    async def mirror(request):
        return HttpResponse(200, body=await request.read(10_000_000))

    body = bytes(size)
    async with answering(mirror) as (relay, channel, _):
        if size > 65_536:
            await channel.send(relay.pointer("r1"))
            wire = await relay.dialled()
            await wire.send(relay.request("r1", "PUT", body=True))
            await wire.socket.send([body[start : start + 32_768] for start in range(0, size, 32_768)])
        else:
            wire = channel
            await wire.send(relay.request("r1", "PUT", body=True), body)
        assert (await wire.response())[1] == body


@in_virtual_time
async def test_a_handler_that_is_slower_than_the_relay_is_cancelled_and_reported():
    gate, losses = Gate(), Losses()
    quiet = {"ping_interval": 60, "pong_deadline": 30}
    async with answering(gate, request_lost=losses, **quiet) as (relay, channel, listener):
        await channel.send(relay.request("r1"))
        await gate.called.wait()
        await asyncio.sleep(RESPONSE_DEADLINE + CHECK_EVERY + 1)
        assert gate.cancelled.is_set()
        assert losses.seen == {"r1": TOO_LATE}
        assert listener.requests == 0


async def test_whatever_a_broken_channel_leaves_undone_is_sent_another_way_or_reported():
    """Answers in the kernel, in our buffer, waiting for room, and not made yet: each has one end."""
    losses, count, go = Losses(), 200, asyncio.Event()

    async def handler(request):
        if int(request.query) >= 190:
            await go.wait()
        return HttpResponse(200, body=bytes(60_000))

    options = {"max_requests": count, "ping_interval": 30, "pong_deadline": 30, "request_lost": losses}
    async with answering(handler, **options) as (relay, channel, listener):
        channel.socket.transport.pause_reading()
        for number in range(count):
            await channel.send(relay.request(f"r{number}", target=f"/hyco?{number}"))
        last = -1
        while listener.requests != last:  # until the buffers are full
            last = listener.requests
            await asyncio.sleep(0.1)
        assert 10 < listener.requests < count
        channel.socket.transport.abort()
        go.set()
        answered = set()
        async with asyncio.timeout(DEADLINE):
            while len(answered) + len(losses.seen) < count:
                get = asyncio.create_task(relay.rendezvous.get())
                await asyncio.wait({get}, timeout=0.1)
                if get.cancel():
                    continue
                wire = get.result()
                head, body = await wire.response()
                assert len(body) == 60_000
                assert head["requestId"] not in answered
                answered.add(head["requestId"])
                await wire.socket.close(1000)
        assert answered | set(losses.seen) == {f"r{number}" for number in range(count)}
        assert not answered & set(losses.seen)
        assert len(answered) >= 10
