"""The other side of the comparison: the agent's messages over a bare loopback socket, with no relay and no TLS.

The frames are those of the sealed session (four bytes of length, then the message), so what differs is the way alone.
"""

from __future__ import annotations

import asyncio
from collections import deque

from relay_bridge.secure_channel.framing import FrameParser, encode_frame
from relay_bridge.transport.sessions import SessionClosed

READ_SIZE = 65_536  # bytes


class PlainChannel:
    """What a session needs of its channel, at either end. ``peer_thumbprint``: whom the other end is taken for."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer_thumbprint: str) -> None:
        self.peer_thumbprint = peer_thumbprint
        self._reader = reader
        self._writer = writer
        self._frames = FrameParser()
        self._ready: deque[bytes] = deque()

    async def send(self, message: bytes) -> None:
        try:
            self._writer.write(encode_frame(message))
            await self._writer.drain()
        except OSError as error:
            raise SessionClosed(str(error)) from error

    async def receive(self) -> bytes:
        while not self._ready:
            try:
                data = await self._reader.read(READ_SIZE)
            except OSError as error:
                raise SessionClosed(str(error)) from error
            if not data:
                raise SessionClosed("the other side ended the session", clean=True)
            self._ready.extend(self._frames.feed(data))
        return self._ready.popleft()

    async def close(self, reason: str = "") -> None:
        self._writer.close()
