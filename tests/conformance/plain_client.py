"""A plain HTTP client that writes what it is told and shows what it got: h11 on a socket, none of our own code."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import h11

DEADLINE = 20.0  # seconds for one request
LONGEST_HEAD = 262_144  # bytes of a response's head
_READ = 65_536  # bytes taken from the socket at a time


@dataclass(frozen=True)
class PlainResponse:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes


async def request(
    host: str,
    port: int,
    context: ssl.SSLContext | None,
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]],
    pieces: Iterable[bytes],
) -> PlainResponse:
    """One request on a connection of its own. ``headers`` say how the body is framed; ``target`` leaves as written."""
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
        try:
            connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)

            async def write() -> None:
                writer.write(
                    connection.send(
                        h11.Request(
                            method=method, target=target, headers=[("Host", host), *headers, ("Connection", "close")]
                        )
                    )
                )
                for piece in pieces:
                    writer.write(connection.send(h11.Data(data=piece)))
                    await writer.drain()
                writer.write(connection.send(h11.EndOfMessage()))
                await writer.drain()

            sending = asyncio.create_task(write())
            try:
                return await _read(connection, reader)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        finally:
            writer.transport.abort()


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> PlainResponse:
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            pairs = [(name.decode(), value.decode("latin-1")) for name, value in head.headers.raw_items()]
            return PlainResponse(head.status_code, head.reason.decode("latin-1"), pairs, bytes(body))
