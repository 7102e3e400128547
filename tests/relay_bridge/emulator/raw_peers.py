"""Peers of the relay down to their bytes: WebSocket clients, HTTP senders and listeners, and what stood on the wire."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import struct
from typing import Any, Self
from urllib.parse import urlsplit

from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.support import DEADLINE, LIMIT, NORTH, OPEN, auth, listen, next_accept, sas


class Answer:
    """An HTTP answer as it stood on the wire."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        _, status, self.reason = lines[0].split(" ", 2)
        self.status = int(status)
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self.body = body


class RawPeer:
    """A WebSocket client down to its bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.key = base64.b64encode(os.urandom(16)).decode()

    @classmethod
    async def open(cls, emulator: RelayEmulator) -> RawPeer:
        return cls(*await asyncio.open_connection("127.0.0.1", emulator.port))

    def request(self, target: str, headers: dict[str, str] | list[tuple[str, str]] | None = None) -> None:
        """Send a correct handshake for ``target`` with further ``headers``; an empty value leaves a usual one out."""
        usual = {
            "Host": f"127.0.0.1:{self.writer.get_extra_info('peername')[1]}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": self.key,
        }
        further = list(headers.items()) if isinstance(headers, dict) else headers or []
        named = {name.lower() for name, _ in further}
        lines = [f"{name}: {value}" for name, value in usual.items() if name.lower() not in named]
        lines += [f"{name}: {value}" for name, value in further if value]
        self.writer.write(
            f"GET {target} HTTP/1.1\r\n{''.join(line + chr(13) + chr(10) for line in lines)}\r\n".encode()
        )

    async def answer(self) -> Answer:
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), DEADLINE))[:-4]
        answer = Answer(head, b"")
        if answer.status == 101:
            wanted = hashlib.sha1(self.key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
            assert answer.headers["sec-websocket-accept"] == base64.b64encode(wanted).decode()
        else:
            answer.body = await asyncio.wait_for(self.reader.read(), DEADLINE)
        return answer

    def send(self, opcode: int, payload: bytes, *, fin: bool = True, mask: bytes = b"\x11\x22\x33\x44") -> None:
        first = (0x80 if fin else 0) | opcode
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", first, 0x80 | size)
        elif size < 65_536:
            head = struct.pack("!BBH", first, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", first, 0x80 | 127, size)
        self.writer.write(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))

    async def frame(self) -> tuple[int, bool, bytes]:
        """The next frame: opcode, FIN, payload."""
        async with asyncio.timeout(DEADLINE):
            first, second = await self.reader.readexactly(2)
            assert not second & 0x80, "a server must not mask"
            size = second
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0x0F, first >= 0x80, await self.reader.readexactly(size)

    async def closed(self) -> bytes:
        """What still comes before TCP ends."""
        return await asyncio.wait_for(self.reader.read(), DEADLINE)

    def close(self) -> None:
        self.writer.close()


async def handshake(
    emulator: RelayEmulator, target: str, headers: dict[str, str] | list[tuple[str, str]] | None = None
) -> Answer:
    """The answer to one handshake."""
    peer = await RawPeer.open(emulator)
    try:
        peer.request(target, headers)
        return await peer.answer()
    finally:
        peer.close()


class RawStream:
    """A joined stream whose two ends show their bytes."""

    def __init__(self, emulator: RelayEmulator) -> None:
        self.emulator = emulator

    async def __aenter__(self) -> Self:
        self.control = await listen(self.emulator)
        self.sender = await RawPeer.open(self.emulator)
        self.sender.request(f"/$hc/{NORTH}", auth(sas()))
        accept = await next_accept(self.control)
        self.listener = await RawPeer.open(self.emulator)
        address = urlsplit(accept["address"])
        self.listener.request(f"{address.path}?{address.query}")
        assert (await self.listener.answer()).status == 101
        assert (await self.sender.answer()).status == 101
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.sender.close()
        self.listener.close()
        await self.control.close()


class HttpPeer:
    """An HTTP/1.1 sender down to its bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self.reader = reader
        self.writer = writer
        self.port = port

    @classmethod
    async def open(cls, emulator: RelayEmulator) -> HttpPeer:
        return cls(*await asyncio.open_connection("127.0.0.1", emulator.port), emulator.port)

    def send(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> None:
        """A request with exactly ``Host``, ``headers`` and, for a body, its length."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))

    async def head(self) -> Answer:
        """The next answer's head."""
        async with asyncio.timeout(DEADLINE):
            return Answer((await self.reader.readuntil(b"\r\n\r\n"))[:-4], b"")

    async def chunk(self) -> bytes:
        """The next chunk of an answer's body; empty is the last."""
        async with asyncio.timeout(DEADLINE):
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def answer(self, *, head_only: bool = False) -> Answer:
        """The next answer, whole."""
        answer = await self.head()
        if head_only or answer.status in {204, 304}:
            return answer
        if answer.headers.get("transfer-encoding") == "chunked":
            pieces = []
            while piece := await self.chunk():
                pieces.append(piece)
            answer.body = b"".join(pieces)
        else:
            async with asyncio.timeout(DEADLINE):
                answer.body = await self.reader.readexactly(int(answer.headers["content-length"]))
        return answer

    async def ask(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        self.send(method, target, headers, body)
        return await self.answer(head_only=method == "HEAD")

    async def ended(self) -> bytes:
        """What still comes before TCP ends."""
        try:
            return await asyncio.wait_for(self.reader.read(), DEADLINE)
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        self.writer.close()


class RawListener:
    """A listener's control channel, and the rendezvous it dials, down to their bytes."""

    def __init__(self, emulator: RelayEmulator, channel: RawPeer) -> None:
        self.emulator = emulator
        self.channel = channel
        self.dialled: list[RawPeer] = []

    @classmethod
    async def open(cls, emulator: RelayEmulator, path: str = NORTH, id: str = "listener-1") -> RawListener:  # noqa: A002
        peer = await RawPeer.open(emulator)
        token = sas("open" if path == OPEN else "listen", path)
        peer.request(f"/$hc/{path}?sb-hc-action=listen&sb-hc-id={id}", auth(token))
        assert (await peer.answer()).status == 101
        return cls(emulator, peer)

    async def request(self, channel: RawPeer | None = None) -> dict[str, Any]:
        """The next command, which must be a request; its body is left to the caller."""
        opcode, fin, text = await (channel or self.channel).frame()
        assert (opcode, fin) == (1, True), (opcode, fin, text)
        command = json.loads(text)
        assert list(command) == ["request"]
        return command["request"]

    def respond(self, request_id: str, status: Any = 200, body: bytes | None = b"", **fields: Any) -> None:
        """Answer over the control channel; ``body=None`` says that there is none."""
        self.channel.send(1, response_text(request_id, status, has_body=body is not None, **fields))
        if body is not None:
            self.channel.send(2, body)

    async def dial(self, address: str) -> RawPeer:
        peer = await RawPeer.open(self.emulator)
        self.dialled.append(peer)
        url = urlsplit(address)
        peer.request(f"{url.path}?{url.query}")
        assert (await peer.answer()).status == 101
        return peer

    def close(self) -> None:
        for peer in (self.channel, *self.dialled):
            peer.close()


def response_text(request_id: str, status: Any = 200, *, has_body: bool | None = True, **fields: Any) -> bytes:
    content = {"requestId": request_id, "statusCode": status, **fields}
    if has_body is not None:
        content["body"] = has_body
    return json.dumps({"response": content}).encode()


def close_code(payload: bytes) -> int:
    return int.from_bytes(payload[:2], "big")


class Exchange:
    """A listener and a sender at one relay."""

    def __init__(self, emulator: RelayEmulator, listener: RawListener, sender: HttpPeer) -> None:
        self.emulator = emulator
        self.listener = listener
        self.sender = sender

    async def told(self, method: str = "GET", target: str = f"/{NORTH}", **options: Any) -> dict[str, Any]:
        """Send a request; what the listener is told of it."""
        options.setdefault("headers", auth(sas()))
        self.sender.send(method, target, **options)
        return await self.listener.request()

    async def dialled(self, size: int = LIMIT + 1) -> tuple[RawPeer, dict[str, Any]]:
        """Announce a body of ``size`` bytes; the rendezvous that the listener dials, and the request it gets there."""
        pointer = await self.told("POST", headers={**auth(sas()), "Content-Length": str(size)})
        assert list(pointer) == ["address"]
        peer = await self.listener.dial(pointer["address"])
        return peer, await self.listener.request(peer)
