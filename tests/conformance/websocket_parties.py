"""The WebSocket parties behind one face each: hyco-ws as listener and sender, and ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from relay_bridge.protocol.errors import ProtocolViolation, RelayRefused
from relay_bridge.transport import RelayListener, RelaySender, RelayStream, StaticCredential, StreamClosed
from tests.conformance.bodies import MEGABYTE, body, digest, text
from tests.conformance.peer import DEADLINE, NodePeer
from tests.conformance.place import Place
from tests.conformance.websocket_model import (
    BY_DEFAULT,
    PLAIN_CALL,
    Call,
    Close,
    Ended,
    Kind,
    Listener,
    Message,
    Opened,
    Plan,
    Refused,
    Sender,
)

# --- theirs -----------------------------------------------------------------------------------------------------------


class NodeSocket:
    def __init__(self, peer: NodePeer, number: int, protocol: str) -> None:
        self._peer = peer
        self._number = number
        self.protocol = protocol

    async def send(self, kind: Kind, size: int, count: int = 1) -> None:
        await self._peer.ask("send", number=self._number, kind=kind, size=size, count=count)

    async def receive(self, count: int = 1) -> list[Message]:
        received = await self._peer.ask("receive", number=self._number, count=count)
        return [Message(each["kind"], each["size"], each["digest"]) for each in received]

    async def ping(self) -> None:
        assert await self._peer.ask("ping", number=self._number) == "hello"

    async def close(self, code: int = 1000, reason: str = "") -> Close:
        return _close(await self._peer.ask("close", number=self._number, code=code, reason=reason))

    async def closed(self) -> Close:
        return _close(await self._peer.ask("closed", number=self._number))


class NodeSender:
    name = "hyco-ws"

    def __init__(self, peer: NodePeer, place: Place) -> None:
        self._peer = peer
        self._place = place

    async def connect(self, call: Call = PLAIN_CALL) -> NodeSocket:
        answer = await self._peer.ask(
            "connect",
            target=call.target,
            token_in=call.token_in,
            headers=call.headers,
            protocols=call.protocols,
            **self._place.for_sender("ws"),
        )
        if "status" in answer:
            raise Refused(answer["status"], answer["reason"])
        if "error" in answer:
            raise Refused(0, answer["error"])
        return NodeSocket(self._peer, answer["number"], answer["protocol"])


class NodeListener:
    name = "hyco-ws"

    def __init__(self, peer: NodePeer, place: Place) -> None:
        self.peer = peer
        self._place = place

    async def plan(self, plan: Plan) -> int:
        return int(await self.peer.ask("plan", **vars(plan)))

    async def opened(self, number: int) -> Opened:
        answer = await self.peer.ask("opened", number=number)
        address = urlsplit(answer["address"])
        beyond = address.path.removeprefix(f"/$hc/{self._place.path}")
        query = "&".join(piece for piece in address.query.split("&") if not piece.startswith("sb-hc-"))
        return Opened(beyond + (f"?{query}" if query else ""), answer["protocol"])

    async def again(self) -> None:
        """Return when it listens again after a loss."""
        assert await self.peer.ask("again") == {"listening": True}

    async def ended(self, number: int) -> Ended:
        answer = await self.peer.ask("ended", number=number)
        return Ended(
            _close(answer), [Message(each["kind"], each["size"], each["digest"]) for each in answer["messages"]]
        )


def _close(answer: dict[str, Any]) -> Close:
    return Close(answer["code"], answer["reason"])


@contextlib.asynccontextmanager
async def node_listening(place: Place, **options: Any) -> AsyncIterator[NodeListener]:
    async with NodePeer("ws_listener.js", place.authority) as peer:
        answer = await peer.ask("listen", **(place.for_listener() | options))
        if "error" in answer:
            raise Refused(0, answer["error"])
        yield NodeListener(peer, place)
        await peer.ask("close")


# --- ours -------------------------------------------------------------------------------------------------------------

LARGEST = MEGABYTE  # bytes of one message; what either end takes by default has rows of its own
# The names that our listener knows, in another order than senders offer them.
SUBPROTOCOLS = ("mqtt", "wamp")


class OurSocket:
    def __init__(self, stream: RelayStream, *, bytes_only: bool = False) -> None:
        self._stream = stream
        self._bytes_only = bytes_only
        self.protocol = stream.subprotocol

    async def send(self, kind: Kind, size: int, count: int = 1) -> None:
        await _send(self._stream, kind, size, count)

    async def receive(self, count: int = 1) -> list[Message]:
        async with asyncio.timeout(DEADLINE):
            return [_message(await _next(self._stream, self._bytes_only)) for _ in range(count)]

    async def ping(self) -> None:
        await self._stream.ping(DEADLINE)  # no pong but the one with its own payload ends it

    async def close(self, code: int = 1000, reason: str = "") -> Close:
        await self._stream.close(code, reason)
        return await self.closed()

    async def closed(self) -> Close:
        return await _end_of(self._stream, self._bytes_only)


class OurSender:
    """``RelaySender``. ``strict``: bytes only and nothing asked for, as Sightline itself uses it."""

    name = "ours"

    def __init__(self, place: Place, *, strict: bool = False) -> None:
        credential = StaticCredential(place.send_token()) if place.send_key else None
        self._sender = RelaySender(place.send_string, credential=credential, ssl_context=place.ssl_context)
        self._strict = strict

    async def connect(self, call: Call = PLAIN_CALL) -> OurSocket:
        suffix, _, query = call.target.partition("?")
        options: dict[str, Any] = {} if self._strict else {"subprotocols": call.protocols, "max_message": LARGEST}
        try:
            stream = await self._sender.connect(DEADLINE, suffix=suffix.removeprefix("/"), query=query, **options)
            return OurSocket(stream, bytes_only=self._strict)
        except RelayRefused as error:
            raise Refused(error.status, error.reason) from error


class _Conversation:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.opened: asyncio.Future[Opened] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()


class OurListener:
    """``RelayListener`` with a handler that follows plans. ``strict``: as with ``OurSender``."""

    name = "ours"

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self._plans: list[_Conversation] = []
        self._taken = 0

    async def plan(self, plan: Plan) -> int:
        self._plans.append(_Conversation(plan))
        return len(self._plans) - 1

    async def opened(self, number: int) -> Opened:
        async with asyncio.timeout(DEADLINE):
            return await self._plans[number].opened

    async def ended(self, number: int) -> Ended:
        async with asyncio.timeout(DEADLINE):
            return await self._plans[number].ended

    async def handle(self, stream: RelayStream) -> None:
        stream.mark_established()
        conversation = self._plans[self._taken]
        self._taken += 1
        suffix = f"/{stream.suffix}" if stream.suffix else ""
        conversation.opened.set_result(
            Opened(suffix + (f"?{stream.query}" if stream.query else ""), stream.subprotocol, stream.headers)
        )
        messages: list[Message] = []
        try:
            await self._follow(conversation.plan, stream, messages)
        except ProtocolViolation:
            close = await _end_of(stream, self._strict)
            conversation.ended.set_result(Ended(close, messages))
        except StreamClosed as end:
            conversation.ended.set_result(Ended(Close(end.code, end.reason), messages))

    async def _follow(self, plan: Plan, stream: RelayStream, messages: list[Message]) -> None:
        if plan.do == "drop":
            stream.abort()
        if plan.do == "close":
            await stream.close(plan.code, plan.reason)
        if plan.do == "burst":
            await _burst(stream, plan)
        if plan.do == "ping":
            await stream.ping(DEADLINE)
            await stream.send("pong are you there")
        while True:
            data = await _next(stream, self._strict)
            messages.append(_message(data))
            if plan.do == "echo":
                await stream.send(data)
            if plan.do == "close-on-message":
                await stream.close(plan.code, plan.reason)
            if plan.do == "burst-on-message":
                await _burst(stream, plan)


async def _burst(stream: RelayStream, plan: Plan) -> None:
    await _send(stream, plan.kind, plan.size, plan.count)


async def _send(stream: RelayStream, kind: Kind, size: int, count: int) -> None:
    for extra in range(count):
        await stream.send(text(size + extra) if kind == "text" else body(size + extra))


async def _next(stream: RelayStream, bytes_only: bool) -> bytes | str:
    return await (stream.receive() if bytes_only else stream.receive_message())


async def _end_of(stream: RelayStream, bytes_only: bool) -> Close:
    try:
        async with asyncio.timeout(DEADLINE):
            while True:
                await _next(stream, bytes_only)
    except StreamClosed as end:
        return Close(end.code, end.reason)
    except ProtocolViolation:
        return await _end_of(stream, bytes_only)  # a text: the stream has been closed for it


def _message(data: bytes | str) -> Message:
    kind: Kind = "text" if isinstance(data, str) else "binary"
    return Message(kind, len(data.encode() if isinstance(data, str) else data), digest(data))


@contextlib.asynccontextmanager
async def our_listening(place: Place, *, strict: bool = False, **options: Any) -> AsyncIterator[OurListener]:
    party = OurListener(strict=strict)
    if not strict:
        options = {"subprotocols": SUBPROTOCOLS, "max_message": LARGEST} | options
    listener = RelayListener(place.listen_string, party.handle, ssl_context=place.ssl_context, **options)
    task = asyncio.create_task(listener.run())
    try:
        async with asyncio.timeout(DEADLINE):
            await listener.wait_online()
        yield party
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# --- by name ----------------------------------------------------------------------------------------------------------


def open_listener(name: str, place: Place) -> contextlib.AbstractAsyncContextManager[Listener]:
    if name in (OurListener.name, BY_DEFAULT):
        return our_listening(place, strict=name == BY_DEFAULT)
    return node_listening(place)


@contextlib.asynccontextmanager
async def open_sender(name: str, place: Place) -> AsyncIterator[Sender]:
    if name in (OurSender.name, BY_DEFAULT):
        yield OurSender(place, strict=name == BY_DEFAULT)
        return
    async with NodePeer("ws_sender.js", place.authority) as peer:
        yield NodeSender(peer, place)
