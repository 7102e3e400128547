"""The relay in one object: a namespace that listens on a port.

async with RelayEmulator(config) as emulator:
    ...  # ws://127.0.0.1:{emulator.port}/$hc/…
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from relay_bridge.emulator.connection import HANDSHAKE_DEADLINE, LINGER, Connection
from relay_bridge.emulator.faults import Faults
from relay_bridge.emulator.namespace import EmulatorConfig
from relay_bridge.emulator.recorder import Recorder
from relay_bridge.emulator.refusals import Refusal
from relay_bridge.emulator.switchboard import Switchboard
from relay_bridge.protocol.limits import ACCEPT_DEADLINE, CLOCK_GRACE

logger = logging.getLogger(__name__)

MAX_SOCKETS: Final = 5_000  # WebSockets of a namespace, all hybrid connections: control channels, senders, rendezvous
SPARE_CONNECTIONS: Final = 64  # TCP connections beyond that, so that the next one is refused with a sentence
EXPIRY_CHECK: Final = 0.5  # seconds between looks at the tokens of open control channels
SHUTDOWN_DEADLINE: Final = 3.0  # seconds for closing handshakes when the relay stops
TLS_HANDSHAKE_DEADLINE: Final = 10.0  # seconds
BACKLOG: Final = 1_024  # TCP connections waiting to be taken


class RelayEmulator:
    """A namespace that listens. ``port=0`` takes a free one; ``record`` is a directory for a copy of every byte.

    ``clock`` gives Unix seconds and decides about tokens only; ``grace`` is how long (seconds) an open control channel
    outlives its token, ``accept_deadline`` (seconds) how long a listener has to dial back. ``faults`` are switches.
    """

    def __init__(
        self,
        config: EmulatorConfig,
        host: str = "127.0.0.1",
        port: int = 0,
        record: Path | None = None,
        clock: Callable[[], float] = time.time,
        *,
        tls: ssl.SSLContext | None = None,
        grace: float = CLOCK_GRACE,
        accept_deadline: float = ACCEPT_DEADLINE,
        max_sockets: int = MAX_SOCKETS,
    ) -> None:
        self._address = (host, port)
        self._tls = tls
        self._grace = grace
        self._max_connections = max_sockets + SPARE_CONNECTIONS
        self._connections: set[Connection] = set()
        self._switchboard = Switchboard(
            config,
            clock,
            use_tls=tls is not None,
            accept_deadline=accept_deadline,
            max_sockets=max_sockets,
            recorder=Recorder(record) if record is not None else None,
            connections=lambda: list(self._connections),
        )
        self._http: _Http | None = None
        self._server: asyncio.Server | None = None
        self._expiry: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Raises ``OSError`` when the address is taken or not ours."""
        self._http = _Http(self, self._switchboard)
        self._server = await asyncio.get_running_loop().create_server(
            self._http,
            *self._address,
            ssl=self._tls,
            ssl_handshake_timeout=TLS_HANDSHAKE_DEADLINE if self._tls else None,
            backlog=BACKLOG,
        )
        self._expiry = asyncio.create_task(self._watch_expiry())

    async def stop(self) -> None:
        """Close every socket with 1001 and stop listening; at most some seconds."""
        if self._server is None or self._http is None:
            return
        self._server.close()
        if self._expiry is not None:
            self._expiry.cancel()
        self.faults.clear()
        self._switchboard.close(None, "The relay is shutting down", Refusal(503, "The relay is shutting down"))
        for connection in self._connections:
            if connection.is_idle:
                connection.close_soon()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_DEADLINE):
                while self._connections:
                    await next(iter(self._connections)).gone.wait()
        await self._http.shutdown(0.1)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._server is None:
            return self._address[1]
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connection_count(self) -> int:
        """Open WebSockets: control channels, waiting senders, and both ends of every stream."""
        return self._switchboard.socket_count

    def listener_count(self, path: str) -> int:
        """Control channels open at the hybrid connection ``path``."""
        return len(self._switchboard.listeners.at(path.strip("/").lower()))

    @property
    def faults(self) -> Faults:
        """Trouble on demand."""
        return self._switchboard.faults

    @property
    def config(self) -> EmulatorConfig:
        """What is in force now."""
        return self._switchboard.config

    def apply_config(self, config: EmulatorConfig) -> None:
        """Go on with another configuration; see ``Switchboard.apply_config``."""
        self._switchboard.apply_config(config)

    # What connections tell their owner

    @property
    def frozen(self) -> bool:
        return self.faults.frozen

    def connection_opened(self, connection: Connection) -> bool:
        if len(self._connections) >= self._max_connections:
            logger.warning("A connection was cut: %d are open, no more are taken.", len(self._connections))
            return False
        self._connections.add(connection)
        return True

    def connection_closed(self, connection: Connection) -> None:
        self._connections.discard(connection)

    async def _watch_expiry(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_CHECK)
            if not self.frozen:
                self._switchboard.close_expired(self._grace)


class _Http(web.Server):
    """aiohttp's server, with connections that can be taken over."""

    def __init__(self, owner: RelayEmulator, switchboard: Switchboard) -> None:
        # A handler whose caller has gone is cancelled: a sender that hangs up must not stay in the book.
        super().__init__(switchboard.handle, handler_cancellation=True)
        self._owner = owner

    def __call__(self) -> web.RequestHandler:
        return Connection(
            self,
            self._owner,
            loop=asyncio.get_running_loop(),
            access_log=None,
            keepalive_timeout=HANDSHAKE_DEADLINE,
            lingering_time=LINGER,
        )
