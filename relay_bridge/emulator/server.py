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
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from relay_bridge.emulator.call import Call
from relay_bridge.emulator.connection import HANDSHAKE_DEADLINE, Connection
from relay_bridge.emulator.connections import ConnectionBook
from relay_bridge.emulator.description import PROCESS_AT, Description, answer_description, is_asked
from relay_bridge.emulator.faults import Faults
from relay_bridge.emulator.management.config import ManagementConfig
from relay_bridge.emulator.management.resources import Endpoint
from relay_bridge.emulator.management.server import ManagementServer
from relay_bridge.emulator.metrics import RelayMetrics
from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection
from relay_bridge.emulator.operations import Operations
from relay_bridge.emulator.recorder import Recorder
from relay_bridge.emulator.refusals import Refusal
from relay_bridge.emulator.switchboard import Switchboard
from relay_bridge.protocol.limits import ACCEPT_DEADLINE, CLOCK_GRACE, RESPONSE_DEADLINE, RESPONSE_IDLE

logger = logging.getLogger(__name__)

MAX_SOCKETS: Final = 5_000  # WebSockets of a namespace, all hybrid connections: control channels, senders, rendezvous
SPARE_CONNECTIONS: Final = 64  # TCP connections beyond that, so that the next one is refused with a sentence
EXPIRY_CHECK: Final = 0.25  # seconds between looks at tokens and at everything that has a deadline
SHUTDOWN_DEADLINE: Final = 3.0  # seconds for closing handshakes when the relay stops
TLS_HANDSHAKE_DEADLINE: Final = 10.0  # seconds
BACKLOG: Final = 1_024  # TCP connections waiting to be taken
ACCEPTS_AT_ONCE: Final = 16  # of them in one turn of the loop: a flood of newcomers must not hold up those who are here


class RelayEmulator:
    """A namespace that listens. ``port=0`` takes a free one; ``record`` is a directory for a copy of every byte.

    ``clock`` gives Unix seconds and decides about tokens only; ``grace`` is how long (seconds) an open control channel
    outlives its token, ``accept_deadline`` how long a listener has to dial back, ``response_deadline`` to answer an
    HTTP request, ``response_idle`` between two fragments of the response (all seconds). ``faults`` are switches.
    ``management`` adds a second port with the calls of Azure Resource Manager, metrics and fault switches.
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
        response_deadline: float = RESPONSE_DEADLINE,
        response_idle: float = RESPONSE_IDLE,
        max_sockets: int = MAX_SOCKETS,
        management: ManagementConfig | None = None,
    ) -> None:
        self._address = (host, port)
        self._declared = config
        self._started_at = clock()
        self._tls = tls
        self._grace = grace
        self._connections = ConnectionBook(max_sockets + SPARE_CONNECTIONS)
        self.operations = Operations()
        self.metrics = RelayMetrics(self)
        self._management: ManagementServer | None = None
        if management is not None:
            self._management = ManagementServer(
                management, self, apply=self._apply, clock=clock, metrics=self.metrics.scrape
            )
        self.operations.know(connection.key for connection in config.hybrid_connections)
        self._switchboard = Switchboard(
            config,
            clock,
            use_tls=tls is not None,
            accept_deadline=accept_deadline,
            response_deadline=response_deadline,
            response_idle=response_idle,
            max_sockets=max_sockets,
            recorder=Recorder(record) if record is not None else None,
            connections=lambda: self._connections,
            operations=self.operations,
        )
        self._server: asyncio.Server | None = None
        self._expiry: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Raises ``OSError`` when an address is taken or not ours, and ``ConfigError`` when the management's
        token or state file cannot be used."""
        if self._management is not None:
            self._management.open(self._declared)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self, head_deadline=HANDSHAKE_DEADLINE),
            *self._address,
            ssl=self._tls,
            ssl_handshake_timeout=TLS_HANDSHAKE_DEADLINE if self._tls else None,
            backlog=ACCEPTS_AT_ONCE,
        )
        for listening in self._server.sockets:
            with listening.dup() as same:  # asyncio has one number for both
                same.listen(BACKLOG)
        if self._management is not None:
            try:
                await self._management.start()
            except OSError as error:
                await self.stop()
                raise OSError(error.errno, error.strerror, self._management.address) from error
        self._expiry = asyncio.create_task(self._watch_expiry())

    async def stop(self) -> None:
        """Close every socket with 1001 and stop listening; at most some seconds."""
        if self._server is None:
            return
        self._server.close()
        if self._management is not None:
            await self._management.stop()
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
        for connection in self._connections:
            connection.abort()
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
    def endpoint(self) -> Endpoint:
        """Where clients dial it."""
        return Endpoint(self._address[0], self.port, self._tls is not None)

    @property
    def management_url(self) -> str:
        """Where the management port listens. Raises ``RuntimeError`` when there is none."""
        if self._management is None:
            raise RuntimeError("this relay has no management port; give it a ManagementConfig")
        return self._management.url

    @property
    def connection_count(self) -> int:
        """Open WebSockets: control channels, waiting senders, and both ends of every stream."""
        return self._switchboard.socket_count

    def listener_count(self, path: str) -> int:
        """Control channels open at the hybrid connection ``path``."""
        return len(self._switchboard.listeners.at(path.strip("/").lower()))

    def listener_counts(self) -> dict[str, int]:
        """Control channels by the key of each hybrid connection."""
        counts = Counter(channel.path_key for channel in self._switchboard.listeners)
        return {connection.key: counts[connection.key] for connection in self.config.hybrid_connections}

    def stream_counts(self) -> dict[str, int]:
        """Joined streams by the key of each hybrid connection."""
        counts = Counter(pump.path_key for pump in self._switchboard.streams.pumps)
        return {connection.key: counts[connection.key] for connection in self.config.hybrid_connections}

    @property
    def request_count(self) -> int:
        """HTTP requests that are on their way."""
        return len(self._switchboard.requests)

    @property
    def faults(self) -> Faults:
        """Trouble on demand."""
        return self._switchboard.faults

    @property
    def config(self) -> EmulatorConfig:
        """What is in force now."""
        return self._switchboard.config

    def apply_config(self, config: EmulatorConfig) -> None:
        """Go on with another configuration; see ``Switchboard.apply_config``. What was made over ARM stays beside it.

        Raises ``ConfigError``, and goes on as before, when both together are over a limit.
        """
        if self._management is not None and self._server is not None:
            self._management.entities.declare(config)
        else:
            self._apply(config)
        self._declared = config

    def _apply(self, config: EmulatorConfig) -> None:
        self._switchboard.apply_config(config)
        self.operations.know(connection.key for connection in config.hybrid_connections)

    # What connections tell their owner

    @property
    def frozen(self) -> bool:
        return self.faults.frozen

    @property
    def bytes_per_second(self) -> float:
        return self.faults.bytes_per_second

    def handle(self, call: Call) -> None:
        self._connections.served(call.connection)
        if PROCESS_AT in call.head.fields and is_asked(call.head):
            now = self._switchboard.now()
            answer_description(call, self.config, self._describe, use_tls=self._tls is not None, now=now)
        else:
            self._switchboard.handle(call)

    def _describe(self, connection: HybridConnection) -> Description:
        listeners = self.listener_count(connection.path)
        if self._management is not None:
            made = self._management.entities.connection(connection.path)
            return Description(connection, listeners, made.user_metadata, made.created_at, made.updated_at)
        return Description(connection, listeners, None, self._started_at, self._started_at)

    def connection_opened(self, connection: Connection) -> bool:
        return self._connections.opened(connection)

    def connection_waits(self, connection: Connection) -> None:
        self._connections.waits(connection)

    def connection_closed(self, connection: Connection) -> None:
        self._connections.closed(connection)

    async def _watch_expiry(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_CHECK)
            if not self.frozen:
                self._switchboard.close_expired(self._grace)
                self._switchboard.sweep()
                self._connections.sweep(asyncio.get_running_loop().time())
