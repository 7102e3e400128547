"""What the transport tests share: the relay with its keys, listeners as context managers, and two pinned identities."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Rule
from relay_bridge.emulator.server import RelayEmulator
from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.transport import InnerTls, ListenerState, RelayListener, RelaySender, RelayStream
from tests.support.certificates import Identity, make_identity

NORTH = "sites/north"
DEADLINE = 5.0  # seconds; no single wait in these tests takes longer

AGENT = Rule("agent", frozenset({"Listen"}), "listen-key")
WEB = Rule("web", frozenset({"Send"}), "send-key")
CONFIG = EmulatorConfig(
    (
        HybridConnection(NORTH, True, (AGENT, WEB)),
        HybridConnection("empty", True, (AGENT, WEB)),
        HybridConnection("public", False, (AGENT,)),
    )
)


class Relay(RelayEmulator):
    """The emulator, and the connection strings of its rules."""

    def at(self, path: str = NORTH, *, key_name: str | None = None, key: str | None = None) -> ConnectionString:
        return ConnectionString("127.0.0.1", self.port, path, key_name, key, use_tls=False)

    def listen_string(self, path: str = NORTH, key: str = "listen-key") -> ConnectionString:
        return self.at(path, key_name="agent", key=key)

    def send_string(self, path: str = NORTH, key: str = "send-key") -> ConnectionString:
        return self.at(path, key_name="web", key=key)

    def sender(self) -> RelaySender:
        return RelaySender(self.send_string())


class States:
    """Every state a listener went through, and a way to wait for one."""

    def __init__(self) -> None:
        self.seen: list[ListenerState] = []
        self._changed = asyncio.Event()

    def __call__(self, state: ListenerState) -> None:
        self.seen.append(state)
        self._changed.set()

    @property
    def statuses(self) -> list[str]:
        return [state.status for state in self.seen]

    async def wait_for(self, wanted: Callable[[ListenerState], bool]) -> ListenerState:
        async with asyncio.timeout(DEADLINE):
            while True:
                for state in self.seen:
                    if wanted(state):
                        return state
                self._changed.clear()
                await self._changed.wait()

    def forget(self) -> None:
        self.seen.clear()


def is_offline(state: ListenerState) -> bool:
    return state.status == "offline"


@contextlib.asynccontextmanager
async def listening(
    connection: ConnectionString,
    handler: Callable[[RelayStream], Any] | None = None,
    *,
    wait: bool = True,
    **options: Any,
) -> AsyncIterator[RelayListener]:
    """A running listener, online unless ``wait=False``, stopped at the end."""
    listener = RelayListener(connection, handler, **{"random": lambda: 0.1} | options)
    task = asyncio.create_task(listener.run())
    try:
        if wait:
            async with asyncio.timeout(DEADLINE):
                await listener.wait_online()
        yield listener
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def echo(stream: RelayStream) -> None:
    """A handler: every message back as it came."""
    stream.mark_established()
    while True:
        await stream.send(await stream.receive())


@dataclass(frozen=True)
class Parties:
    """The web app (TLS client) and the agent (TLS server), as files, and a stranger for each."""

    directory: Path
    web: Identity
    agent: Identity
    false_web: Identity
    false_agent: Identity

    def client(self, identity: Identity | None = None) -> InnerTls:
        own = identity or self.web
        return InnerTls("client", *own.write(self.directory / str(id(own))), self.agent.cert_pem)

    def server(self, identity: Identity | None = None) -> InnerTls:
        own = identity or self.agent
        return InnerTls("server", *own.write(self.directory / str(id(own))), self.web.cert_pem)


def make_parties(directory: Path) -> Parties:
    return Parties(
        directory, make_identity("web"), make_identity("agent"), make_identity("web"), make_identity("agent")
    )
