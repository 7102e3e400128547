"""The HTTP parties behind one face each: listeners (theirs, ours), senders (theirs, ours, a plain client)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from urllib.parse import quote

from relay_bridge.protocol.errors import RelayRefused
from relay_bridge.transport import RelayListener, RelaySender, StaticCredential
from relay_bridge.transport.http_messages import HttpRequest, HttpResponse
from tests.conformance import plain_client
from tests.conformance.bodies import body, digest
from tests.conformance.http_model import Answer, Call, Listener, Outcome, Seen, Sender, cut
from tests.conformance.peer import DEADLINE, NodePeer
from tests.conformance.place import Place

LARGEST = 64 * 1_048_576  # bytes that our side reads of a body

# --- theirs -----------------------------------------------------------------------------------------------------------


class NodeListener:
    name = "hyco-https"

    def __init__(self, peer: NodePeer, place: Place) -> None:
        self.peer = peer
        self.path = place.path

    async def plan(self, row: str, answer: Answer) -> None:
        await self.peer.ask("plan", row=row, **vars(answer))

    async def seen(self, row: str) -> Seen:
        return Seen(**await self.peer.ask("seen", row=row))

    async def again(self) -> None:
        """Return when it listens again after a loss."""
        assert await self.peer.ask("again") == {"listening": True}


class ListenerRefused(Exception):  # noqa: N818 - an answer, not a defect
    """What a Node listener tells of its first attempt to listen."""


@contextlib.asynccontextmanager
async def node_listening(place: Place, **options: object) -> AsyncIterator[NodeListener]:
    async with NodePeer("http_listener.js", place.authority) as peer:
        answer = await peer.ask("listen", **(place.for_listener() | options))
        if "error" in answer:
            raise ListenerRefused(answer["error"])
        yield NodeListener(peer, place)
        await peer.ask("close")


class NodeSender:
    name = "hyco-https"

    def __init__(self, peer: NodePeer, place: Place) -> None:
        self._peer = peer
        self._place = place

    async def request(self, call: Call) -> Outcome:
        answer = await self._peer.ask("request", **(self._place.for_sender("http") | vars(call)))
        headers = [(name, value) for name, value in answer.pop("headers")]
        return Outcome(**answer, headers=headers, refused=not any(name.lower() == "via" for name, _ in headers))


# --- plain ------------------------------------------------------------------------------------------------------------


class PlainSender:
    name = "plain"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._context = place.ssl_context or (ssl.create_default_context() if place.tls else None)

    async def request(self, call: Call) -> Outcome:
        place = self._place
        token = place.send_token()
        headers = list(call.headers)
        if call.token_in and token:
            headers.append((call.token_in, token))
        data = body(call.size)
        if call.pieces:
            headers.append(("Transfer-Encoding", "chunked"))
        elif data or call.sized:
            headers.append(("Content-Length", str(len(data))))
        answer = await plain_client.request(
            place.host,
            place.port,
            self._context,
            call.method,
            f"/{place.path}{call.target.replace('{token}', quote(token, safe=''))}",
            headers,
            cut(data, call.pieces or 1),
        )
        via = any(name.lower() == "via" for name, _ in answer.headers)
        return _outcome(answer.status, answer.reason, answer.headers, answer.body, refused=not via)


def _outcome(
    status: int, reason: str, headers: list[tuple[str, str]], data: bytes, *, refused: bool = False
) -> Outcome:
    text = data.decode("latin-1") if len(data) < 2000 else ""
    return Outcome(status, reason, headers, len(data), digest(data), text, refused)


# --- ours -------------------------------------------------------------------------------------------------------------


class OurListener:
    """``RelayListener`` with an HTTP handler that answers as planned."""

    name = "ours"

    def __init__(self, place: Place) -> None:
        self.path = place.path
        self._plans: dict[str, Answer] = {}
        self._seen: dict[str, asyncio.Future[Seen]] = {}

    async def plan(self, row: str, answer: Answer) -> None:
        self._plans[row] = answer

    async def seen(self, row: str) -> Seen:
        async with asyncio.timeout(DEADLINE):
            return await self._of(row)

    def _of(self, row: str) -> asyncio.Future[Seen]:
        if row not in self._seen:
            self._seen[row] = asyncio.get_running_loop().create_future()
        return self._seen[row]

    async def handle(self, request: HttpRequest) -> HttpResponse:
        data = await request.read(LARGEST)
        row = request.headers.get("x-row", "") or ""
        headers = {name.lower(): value for name, value in request.headers}
        seen = self._of(row)
        if not seen.done():
            seen.set_result(Seen(request.method, request.target, headers, len(data), digest(data)))
        answer = self._plans.get(row, Answer())
        content = body(answer.size)
        return HttpResponse(
            answer.status, answer.headers, _written(content, answer.pieces) if answer.pieces else content, answer.reason
        )


async def _written(data: bytes, pieces: int) -> AsyncIterator[bytes]:
    for piece in cut(data, pieces):
        yield piece
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def our_listening(place: Place) -> AsyncIterator[OurListener]:
    party = OurListener(place)
    listener = RelayListener(place.listen_string, http_handler=party.handle, ssl_context=place.ssl_context)
    task = asyncio.create_task(listener.run())
    try:
        async with asyncio.timeout(DEADLINE):
            await listener.wait_online()
        yield party
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class OurSender:
    name = "ours"

    def __init__(self, sender: RelaySender) -> None:
        self._sender = sender

    async def request(self, call: Call) -> Outcome:
        suffix, _, query = call.target.partition("?")
        data = body(call.size)
        try:
            async with self._sender.request(
                call.method,
                suffix,
                query=query,
                headers=call.headers,
                body=_written(data, call.pieces) if call.pieces else data,
            ) as response:
                received = await response.read(LARGEST)
                return _outcome(response.status, response.reason, list(response.headers), received)
        except RelayRefused as error:
            return Outcome(error.status, error.reason, refused=True)


@contextlib.asynccontextmanager
async def our_sending(place: Place) -> AsyncIterator[OurSender]:
    credential = StaticCredential(place.send_token()) if place.send_key else None
    async with RelaySender(place.send_string, credential=credential, ssl_context=place.ssl_context) as sender:
        yield OurSender(sender)


# --- by name ----------------------------------------------------------------------------------------------------------


def open_listener(name: str, place: Place) -> contextlib.AbstractAsyncContextManager[Listener]:
    return our_listening(place) if name == OurListener.name else node_listening(place)


@contextlib.asynccontextmanager
async def open_sender(name: str, place: Place) -> AsyncIterator[Sender]:
    if name == PlainSender.name:
        yield PlainSender(place)
    elif name == OurSender.name:
        async with our_sending(place) as ours:
            yield ours
    else:
        async with NodePeer("http_sender.js", place.authority) as peer:
            yield NodeSender(peer, place)
