"""The relay's end of the wire, message by message: what a test sends to a listener, and what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve

from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.transport import HttpRequest, HttpResponse, RelayListener
from tests.relay_bridge.transport.support import DEADLINE


class Wire:
    """A socket that a listener opened. Every wait has a deadline."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.closed = asyncio.Event()  # the test is done with it

    @property
    def query(self) -> dict[str, list[str]]:
        assert self.socket.request is not None
        return parse_qs(urlsplit(self.socket.request.path).query)

    async def send(self, *messages: str | bytes) -> None:
        for message in messages:
            await self.socket.send(message)

    async def receive(self) -> str | bytes:
        async with asyncio.timeout(DEADLINE):
            return await self.socket.recv()

    async def head(self) -> dict[str, Any]:
        """The next text, which is a response."""
        text = await self.receive()
        assert isinstance(text, str), text
        return json.loads(text)["response"]

    async def response(self) -> tuple[dict[str, Any], bytes]:
        """The next response and its body."""
        head = await self.head()
        body = await self.receive() if head["body"] else b""
        assert isinstance(body, bytes)
        return head, body

    async def ended(self) -> int | None:
        async with asyncio.timeout(DEADLINE):
            await self.socket.wait_closed()
        return self.socket.close_code


class ScriptedRelay:
    """Takes the control channels of listeners and what they dial; says nothing of its own."""

    def __init__(self, server: Server) -> None:
        self.port = server.sockets[0].getsockname()[1]
        self.channels: asyncio.Queue[Wire] = asyncio.Queue()
        self.rendezvous: asyncio.Queue[Wire] = asyncio.Queue()
        self.channel: Wire | None = None

    @property
    def connection(self) -> ConnectionString:
        return ConnectionString("127.0.0.1", self.port, "hyco", "agent", "key", use_tls=False)

    def address(self, name: str) -> str:
        return f"ws://127.0.0.1:{self.port}/$hc/hyco?sb-hc-action=request&sb-hc-id={name}"

    def request(self, name: str, method: str = "GET", target: str = "/hyco", *, body: bool = False, **more: Any) -> str:
        fields = {"address": self.address(name), "id": name, "requestTarget": target, "method": method}
        return json.dumps({"request": {**fields, "requestHeaders": {}, "body": body, **more}})

    def pointer(self, name: str) -> str:
        return json.dumps({"request": {"address": self.address(name)}})

    async def dialled(self) -> Wire:
        """The next rendezvous that the listener opens."""
        async with asyncio.timeout(DEADLINE):
            return await self.rendezvous.get()

    async def listened(self) -> Wire:
        """The next control channel."""
        async with asyncio.timeout(DEADLINE):
            return await self.channels.get()


@contextlib.asynccontextmanager
async def scripted_relay() -> AsyncIterator[ScriptedRelay]:
    wires: list[Wire] = []

    async def take(socket: ServerConnection) -> None:
        wire = Wire(socket)
        wires.append(wire)
        queue = relay.channels if wire.query["sb-hc-action"] == ["listen"] else relay.rendezvous
        queue.put_nowait(wire)
        closed = asyncio.create_task(socket.wait_closed())
        done = asyncio.create_task(wire.closed.wait())
        await asyncio.wait({closed, done}, return_when=asyncio.FIRST_COMPLETED)
        for task in (closed, done):
            task.cancel()

    async with serve(take, "127.0.0.1", 0, ping_interval=None, max_size=None, compression=None) as server:
        relay = ScriptedRelay(server)
        yield relay
        for wire in wires:
            wire.closed.set()


class Losses:
    """What ``request_lost`` was told, and a way to wait for it."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}
        self._changed = asyncio.Event()

    def __call__(self, request_id: str, reason: str) -> None:
        assert request_id not in self.seen, "an answer is reported as lost once"
        self.seen[request_id] = reason
        self._changed.set()

    async def wait_for(self, request_id: str) -> str:
        async with asyncio.timeout(DEADLINE):
            while request_id not in self.seen:
                self._changed.clear()
                await self._changed.wait()
        return self.seen[request_id]


@contextlib.asynccontextmanager
async def answering(http_handler: Any, **options: Any) -> AsyncIterator[tuple[ScriptedRelay, Wire, RelayListener]]:
    """A listener with ``http_handler`` that is online at a scripted relay, and its control channel."""
    async with scripted_relay() as relay:
        listener = RelayListener(relay.connection, http_handler=http_handler, **{"random": lambda: 0.05, **options})
        task = asyncio.create_task(listener.run())
        try:
            async with asyncio.timeout(DEADLINE):
                channel = await relay.channels.get()
                await listener.wait_online()
            yield relay, channel, listener
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def hello(request: HttpRequest) -> HttpResponse:
    """A handler: what it was asked, in words."""
    body = await request.read(10_000_000)
    return HttpResponse(
        200, {"X-Length": str(len(body))}, f"{request.method} {request.suffix}?{request.query}".encode()
    )
