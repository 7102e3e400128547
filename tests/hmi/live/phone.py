"""A phone as the socket sees it: it connects through the real ASGI application with its cookie and its origin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from channels.testing import WebsocketCommunicator
from django.conf import settings

from hmi.asgi import application

PATIENCE = 10.0  # seconds


class Phone:
    """``until`` reads frames up to the first that fits, and answers data frames like a page does."""

    def __init__(self, path: str, session: Any = None, *, origin: str | None = None, answers: bool = True) -> None:
        headers = [(b"origin", (origin or settings.PUBLIC_URL).encode())]
        if session is not None:
            headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={session.session_key}".encode()))
        self._socket = WebsocketCommunicator(application, path, headers=headers)
        self.answers = answers
        self.frames: list[dict[str, Any]] = []
        self.closed_with: int | None = None

    async def connect(self) -> bool:
        """True when the socket opened; False for a refusal before it did."""
        opened, code = await self._socket.connect(timeout=PATIENCE)
        if not opened:
            self.closed_with = code
        return opened

    async def say(self, message: Any) -> None:
        await self._socket.send_to(text_data=message if isinstance(message, str) else json.dumps(message))

    async def say_bytes(self, data: bytes) -> None:
        await self._socket.send_to(bytes_data=data)

    async def receive(self, timeout: float = PATIENCE) -> dict[str, Any] | None:
        """The next frame; ``None`` when the socket was closed instead, with the code in ``closed_with``."""
        event = await self._socket.receive_output(timeout)
        if event["type"] == "websocket.close":
            self.closed_with = event.get("code", 1000)
            return None
        frame = json.loads(event["text"])
        self.frames.append(frame)
        if self.answers and frame["k"] in {"s", "d"}:
            await self.say({"ok": frame["n"]})
        return frame

    async def until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            while True:
                frame = await self.receive()
                assert frame is not None, f"closed with {self.closed_with} instead"
                if fits(frame):
                    return frame

    async def until_live(self) -> dict[str, Any]:
        """The first frame after which values may be taken for the present."""
        return await self.until(lambda frame: frame.get("link", [""])[0] == "live")

    async def until_closed(self) -> int:
        async with asyncio.timeout(PATIENCE):
            while self.closed_with is None:
                await self.receive()
        return self.closed_with

    async def leave(self) -> None:
        await self._socket.disconnect(timeout=PATIENCE)
