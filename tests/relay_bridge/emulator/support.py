"""What these tests share: a namespace with known keys, tokens, and WebSocket clients; raw_peers.py shows their bytes.

Nothing here comes from our own transport: the emulator must hold against clients it has never met.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, Self

import websockets

from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Rule
from relay_bridge.emulator.server import RelayEmulator
from relay_bridge.protocol.sas import create_token

NORTH = "sites/north"
OPEN = "public/board"
LIMIT = 65_536  # bytes of a body on the control channel
DEADLINE = 5.0  # seconds; no single wait in these tests takes longer

CONNECT = f"/$hc/{NORTH}?sb-hc-action=connect"
LISTEN = f"/$hc/{NORTH}?sb-hc-action=listen"

CONFIG = EmulatorConfig(
    (
        HybridConnection(
            NORTH,
            True,
            (
                Rule("agent", frozenset({"Listen"}), "listen-primary", "listen-secondary"),
                Rule("web", frozenset({"Send"}), "send-primary", "send-secondary"),
                Rule("owner", frozenset({"Manage"}), "manage-primary", "manage-secondary"),
            ),
        ),
        HybridConnection("sites/south", True, (Rule("web", frozenset({"Send"}), "south-primary", "south-secondary"),)),
        HybridConnection(OPEN, False, (Rule("agent", frozenset({"Listen"}), "open-primary", "open-secondary"),)),
    ),
)

# Rule and key by what they are for.
KEYS = {
    "listen": ("agent", "listen-primary"),
    "send": ("web", "send-primary"),
    "manage": ("owner", "manage-primary"),
    "open": ("agent", "open-primary"),
}


class Clock:
    """Unix seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


def sas(
    purpose: str = "send", path: str = NORTH, *, key: str | None = None, now: float | None = None, life: int = 600
) -> str:
    rule, usual = KEYS[purpose]
    expires = int(time.time() if now is None else now) + life
    return create_token(f"http://127.0.0.1/{path}", rule, key or usual, expires)


def auth(token: str) -> dict[str, str]:
    return {"ServiceBusAuthorization": token}


def url(emulator: RelayEmulator, path: str = NORTH, query: str = "") -> str:
    return f"ws://127.0.0.1:{emulator.port}/$hc/{path}{'?' if query else ''}{query}"


async def listen(
    emulator: RelayEmulator,
    path: str = NORTH,
    *,
    token: str | None = None,
    id: str = "listener-1",  # noqa: A002
) -> websockets.ClientConnection:
    token = token or sas("open" if path == OPEN else "listen", path)
    query = f"sb-hc-action=listen&sb-hc-id={id}"
    return await websockets.connect(url(emulator, path, query), additional_headers=auth(token), ping_interval=None)


async def next_accept(control: websockets.ClientConnection) -> dict[str, Any]:
    text = await asyncio.wait_for(control.recv(), DEADLINE)
    command = json.loads(text)
    assert list(command) == ["accept"]
    return command["accept"]


def dial(address: str, **options: Any) -> Any:
    """Open a rendezvous as a listener does: no token, no compression."""
    return websockets.connect(address, compression=None, max_size=None, ping_interval=None, **options)


def call(emulator: RelayEmulator, path: str = NORTH, query: str = "", **options: Any) -> Any:
    """Connect as a sender."""
    headers = options.pop("headers", None)
    if headers is None:
        headers = {} if path.startswith(OPEN) else auth(sas())
    options.setdefault("compression", None)
    return websockets.connect(
        url(emulator, path, query), additional_headers=headers, max_size=None, ping_interval=None, **options
    )


class Stream:
    """A joined stream: ``sender`` and ``listener`` are its two ends."""

    def __init__(self, emulator: RelayEmulator, path: str = NORTH) -> None:
        self.emulator = emulator
        self.path = path

    async def __aenter__(self) -> Self:
        self.control = await listen(self.emulator, self.path)
        calling = asyncio.ensure_future(opened(call(self.emulator, self.path)))
        accept = await next_accept(self.control)
        self.listener = await dial(accept["address"])
        self.sender = await asyncio.wait_for(calling, DEADLINE)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await asyncio.gather(self.sender.close(), self.listener.close(), self.control.close())


async def opened(connecting: Any) -> Any:
    """The connection that ``call`` or another client opens: a coroutine, as a task wants it."""
    return await connecting


async def eventually(condition: Any) -> None:
    """Wait until ``condition()`` holds."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)
