"""Our listener as a program to be measured: ``python -m benchmarks.relay_listener``, then orders (worker.py).

What it does with a request or stream is in the path after the hybrid connection's name::

    GET  (nothing)  200 bytes                 stream  echo     every message back
    GET  big        1 MB                      stream  session  multiplexed requests in a sealed session
    GET  endless    64 KiB for ever           stream  idle     nothing, until the other side leaves
    POST (any)      reads it, says how much   stream  silent   reads nothing at all
    POST silent     reads nothing at all

The same handler also answers without any relay, behind a plain HTTP server (``direct``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from benchmarks.multiplex import answer_all
from benchmarks.programs import LOOPBACK
from benchmarks.worker import run
from relay_bridge.protocol.connection_string import parse_connection_string
from relay_bridge.transport import (
    HandshakeFailed,
    HttpRequest,
    HttpResponse,
    InnerTls,
    RelayListener,
    RelayStream,
    SecureSession,
    StreamClosed,
)

SMALL = b"x" * 200
BIG = b"x" * 1_000_000
PIECE = b"x" * 65_536
MANY = 6_000  # streams at once; the relay's own limit is below it


async def answer(request: HttpRequest) -> HttpResponse:
    """The handler, with a relay and without."""
    if request.method == "POST":
        if request.suffix == "silent":
            await asyncio.Event().wait()
        size = 0
        async for chunk in request.body():
            size += len(chunk)
        return HttpResponse(200, body=b"%d" % size)
    if request.suffix == "big":
        return HttpResponse(200, {"Content-Type": "application/octet-stream"}, BIG)
    if request.suffix == "endless":
        return HttpResponse(200, body=_endless())
    return HttpResponse(200, {"Content-Type": "text/plain"}, SMALL)


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield PIECE


async def _same(body: bytes) -> bytes:
    return body


class Listening:
    """The listener, the door without a relay, and what they need."""

    def __init__(self) -> None:
        self._seal: tuple[str, str, str] | None = None
        self._run: asyncio.Task[None] | None = None

    async def begin(self, order: dict[str, Any]) -> dict[str, Any]:
        self._seal = order["certificate"], order["key"], order["peer"]
        listener = RelayListener(
            parse_connection_string(order["connection"]),
            self._stream,
            http_handler=answer,
            max_streams=MANY,
            max_half_open=MANY,
            max_requests=MANY,
        )
        self._run = asyncio.create_task(listener.run())
        await listener.wait_online()
        return {"direct": await _without_relay()}

    async def _stream(self, stream: RelayStream) -> None:
        try:
            if stream.suffix == "session":
                await self._session(stream)
            elif stream.suffix == "silent":
                await asyncio.Event().wait()
            elif stream.suffix == "idle":
                await stream.receive()
            else:
                while True:
                    await stream.send(await stream.receive())
        except (StreamClosed, HandshakeFailed):
            pass

    async def _session(self, stream: RelayStream) -> None:
        assert self._seal is not None
        session = await SecureSession.accept(stream, InnerTls("server", *self._seal))
        await answer_all(session, _same)
        await session.close()


async def _without_relay() -> int:
    async def handle(request: web.Request) -> web.Response:
        response = await answer(
            HttpRequest(request.method, request.raw_path, tuple(request.headers.items()), await request.read())
        )
        assert isinstance(response.body, bytes)
        # With Via our sender takes it for a listener's answer.
        return web.Response(
            status=response.status, headers=dict(response.headers) | {"Via": "1.1 none"}, body=response.body
        )

    application = web.Application(client_max_size=2 * len(BIG))
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    return int(runner.addresses[0][1])


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    run({"begin": Listening().begin})
