"""The waiting side: a control channel held open for ever, and one task for every stream that comes in through it.

    dial ──► handshake ──► ping answered: online ──► … ──► lost ──► wait (full jitter) ──► dial …

"Connected" is not believed: a frozen relay keeps its sockets open. Only a ping of ours that was answered counts, and
one that is not answered in time ends the channel. Streams live on sockets of their own and survive the channel.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random as random_module
import ssl
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from relay_bridge.protocol.addresses import AUTH_HEADER, listen_address
from relay_bridge.protocol.backoff import full_jitter
from relay_bridge.protocol.commands import Accept, format_renew_token
from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.control_channel import Closing, ControlChannel, Lost, RenewToken
from relay_bridge.protocol.errors import ConnectionStringError, ProtocolViolation, RelayError
from relay_bridge.protocol.limits import MAX_CONTROL_MESSAGE
from relay_bridge.protocol.rendezvous import parse_rendezvous
from relay_bridge.transport.credentials import Credential, credential_of
from relay_bridge.transport.dial import OPEN_TIMEOUT, abort, close_quietly, open_websocket
from relay_bridge.transport.incoming import Handler, IncomingStreams
from relay_bridge.transport.state import ListenerState, StateCallback, Status
from relay_bridge.transport.streams import KEEP_ALIVE, MAX_MESSAGE, MAX_QUEUED

logger = logging.getLogger(__name__)

PING_INTERVAL: Final = 1.5  # seconds of silence before we ask whether the relay is still there
PONG_DEADLINE: Final = 3.0  # seconds it has to answer; with the interval: noticed within 4.5 s
BACKOFF_BASE: Final = 0.5  # seconds
BACKOFF_CAP: Final = 5.0  # seconds; with a dial of at most 5 s a site is back within 10 s of the relay
STABLE_AFTER: Final = 5.0  # seconds online that prove a connection, and reset the backoff
# A command that is too large is refused by parse_command and the channel lives on. Only what is beyond reason ends it:
# senders choose their headers, and must not be able to throw a listener off the relay with them.
_MAX_SIZE: Final = 4 * MAX_CONTROL_MESSAGE
_MAX_QUEUE: Final = 64  # control messages; they are taken at once, so this is never reached
_LATE: Final = 0.5  # seconds: the loop itself was held up, so what it has not read yet must be read before judging
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class _Ending:
    """How one attempt to listen ended."""

    reason: str
    expected: bool = False
    stable: bool = False


class RelayListener:
    """Listens at the hybrid connection of ``connection`` and runs ``handler(stream)`` for every sender.

    The handler owns its stream until it returns; then the stream is closed. A handler that raises is logged and costs
    only its own stream. Handler tasks belong to the listener and are cancelled with it.

    ``max_streams``: at most so many streams at once; further senders are rejected with 503 "busy".
    ``max_half_open``: at most so many whose sender has not yet proved itself (``RelayStream.mark_established``, which
    ``SecureSession.accept`` calls), so that a stolen Send key cannot fill all places.
    ``ping_interval``, ``pong_deadline``: seconds; a silent relay is noticed within their sum. The defaults cost a real
    namespace some 20 bytes every 1.5 s, far below what is metered; they also keep the channel from its idle death.
    ``credential``: by default the key in the connection string. ``ssl_context``: for a private authority.
    ``proxy``: URL of an HTTP proxy. ``state_changed``: called in the event loop with each new ``ListenerState``.
    """

    def __init__(
        self,
        connection: ConnectionString,
        handler: Handler,
        *,
        max_streams: int = 50,
        max_half_open: int = 20,
        ping_interval: float = PING_INTERVAL,
        pong_deadline: float = PONG_DEADLINE,
        open_timeout: float = OPEN_TIMEOUT,
        credential: Credential | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        state_changed: StateCallback | None = None,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        if connection.entity_path is None:
            raise ConnectionStringError("the connection string lacks EntityPath: which hybrid connection to listen at")
        found = credential or credential_of(connection)
        if found is None:
            raise ConnectionStringError(
                "a listener needs SharedAccessKeyName and SharedAccessKey with the Listen right"
            )
        self.connection = connection
        self._credential: Credential = found
        self._ping_interval = ping_interval
        self._pong_deadline = pong_deadline
        self._open_timeout = open_timeout
        self._ssl_context = ssl_context
        self._proxy = proxy
        self._state_changed = state_changed
        self._random = random
        self._address = listen_address(
            connection.host, connection.port, connection.use_tls, connection.entity_path, str(uuid.uuid4())
        )
        self._place = f"{connection.host}/{connection.entity_path}"
        self._state = ListenerState("connecting", time.time())
        self._online = asyncio.Event()
        self._running = False
        self._incoming = IncomingStreams(
            self._place, handler, self._dial, max_streams=max_streams, max_half_open=max_half_open
        )
        self._said_unsupported = False
        if not connection.use_tls and connection.host.lower() not in _LOOPBACK:
            logger.warning(
                "%s is reached without TLS (UseDevelopmentEmulator): its key's tokens can be read", self._place
            )

    @property
    def state(self) -> ListenerState:
        return self._state

    @property
    def streams(self) -> int:
        """How many streams are open or being opened."""
        return self._incoming.open

    async def wait_online(self) -> None:
        """Return when the relay has answered a ping. No deadline: use ``asyncio.timeout`` around it."""
        await self._online.wait()

    async def run(self) -> None:
        """Listen until cancelled, reconnecting for ever: a key may be rotated back, a site provisioned late."""
        if self._running:
            raise RuntimeError("this listener is running already")
        self._running = True
        failures = 0
        try:
            while True:
                ending = await self._listen_once()
                failures = 0 if ending.stable else failures + 1
                self._report_end(ending)
                await asyncio.sleep(full_jitter(max(0, failures - 1), BACKOFF_BASE, BACKOFF_CAP, self._random))
        finally:
            self._running = False
            await self._incoming.stop()
            self._set_state("offline", "the listener was stopped")

    async def _listen_once(self) -> _Ending:
        try:
            socket = await open_websocket(
                self._address,
                side="listener",
                headers={AUTH_HEADER: self._credential.token()},
                ssl_context=self._ssl_context,
                proxy=self._proxy,
                open_timeout=self._open_timeout,
                max_size=_MAX_SIZE,
                max_queue=_MAX_QUEUE,
            )
        except RelayError as error:
            return _Ending(str(error))
        now = asyncio.get_running_loop().time()
        channel = ControlChannel(ping_interval=self._ping_interval, pong_deadline=self._pong_deadline)
        channel.opened(now, self._credential.renew_in())
        try:
            closing = await self._serve(socket, channel)
        finally:
            await close_quietly(socket, 1000, "")  # a clean close is always the client's
        stable = channel.proven and asyncio.get_running_loop().time() - now >= STABLE_AFTER
        return _Ending(closing.reason, expected=closing.expected and channel.proven, stable=stable)

    async def _serve(self, socket: ClientConnection, channel: ControlChannel) -> Closing:
        """Read and keep alive until the channel ends; how it ended."""
        reader = asyncio.create_task(self._read(socket, channel), name="relay-control-read")
        keeper = asyncio.create_task(self._keep(socket, channel), name="relay-control-keep")
        try:
            done, _ = await asyncio.wait({reader, keeper}, return_when=asyncio.FIRST_COMPLETED)
            if reader in done:
                return reader.result()
            abort(socket)  # the relay does not answer; a closing handshake would only wait for it again
            return keeper.result()
        finally:
            reader.cancel()
            keeper.cancel()
            await asyncio.gather(reader, keeper, return_exceptions=True)

    async def _read(self, socket: ClientConnection, channel: ControlChannel) -> Closing:
        clock = asyncio.get_running_loop().time
        warned = False
        while True:
            try:
                message = await socket.recv()
            except ConnectionClosed as error:
                close = error.rcvd or error.sent
                return channel.closed(close.code if close else None, close.reason if close else "")
            try:
                if isinstance(message, bytes):
                    channel.receive_binary(clock())
                    continue
                command = channel.receive_text(message, clock())
                if isinstance(command, Accept):
                    self._incoming.take(parse_rendezvous(command, self.connection), command)
                elif command is not None and not self._said_unsupported:
                    self._said_unsupported = True
                    logger.warning("%s: HTTP requests are not served here (%s ignored)", self._place, command.name)
            except ProtocolViolation as error:
                # One bad message must not cost the channel: parts of it were chosen by a sender.
                logger.log(logging.DEBUG if warned else logging.WARNING, "%s: ignored: %s", self._place, error)
                warned = True

    async def _keep(self, socket: ClientConnection, channel: ControlChannel) -> Closing:
        loop = asyncio.get_running_loop()
        answered = asyncio.Event()

        def pong(waiter: asyncio.Future[float]) -> None:
            if not waiter.cancelled() and waiter.exception() is None:
                channel.pong_received(loop.time())
                self._set_state("online", "")
                answered.set()

        while True:
            for duty in channel.time_passed(loop.time()):
                if isinstance(duty, Lost):
                    return Closing(duty.reason, expected=False)
                try:
                    async with asyncio.timeout(self._pong_deadline):
                        if isinstance(duty, RenewToken):
                            await self._renew(socket, channel)
                        else:
                            waiter = await socket.ping()
                            asyncio.ensure_future(waiter).add_done_callback(pong)
                except (TimeoutError, ConnectionClosed, RelayError):
                    if isinstance(duty, RenewToken):
                        channel.renewal_failed(loop.time())
            due = channel.next_due()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await answered.wait()
            answered.clear()
            if loop.time() > due + _LATE:
                await asyncio.sleep(0.1)  # this process was frozen, not the relay: read its answers first

    async def _renew(self, socket: ClientConnection, channel: ControlChannel) -> None:
        await socket.send(format_renew_token(self._credential.token()))
        channel.token_sent(asyncio.get_running_loop().time(), self._credential.renew_in())
        logger.debug("%s: token renewed", self._place)

    async def _dial(self, address: str, timeout: float) -> ClientConnection:
        return await open_websocket(
            address,
            side="listener",
            ssl_context=self._ssl_context,
            proxy=self._proxy,
            open_timeout=timeout,
            ping_interval=KEEP_ALIVE,
            max_size=MAX_MESSAGE,
            max_queue=MAX_QUEUED,
        )

    def _report_end(self, ending: _Ending) -> None:
        if ending.expected:  # the daily recycle, a restart: part of normal service
            logger.info("%s: %s; connecting again", self._place, ending.reason)
            self._set_state("connecting", ending.reason)
            return
        if ending.reason != self._state.reason:  # the same words every few seconds help nobody
            logger.warning("%s: not listening: %s; trying again", self._place, ending.reason)
        self._set_state("offline", ending.reason)

    def _set_state(self, status: Status, reason: str) -> None:
        old = self._state
        if (old.status, old.reason) == (status, reason):
            return
        self._state = ListenerState(status, old.since if old.status == status else time.time(), reason)
        if status == "online":
            self._online.set()
            logger.info("%s: listening", self._place)
        else:
            self._online.clear()
        if self._state_changed is not None:
            try:
                self._state_changed(self._state)
            except Exception:
                logger.exception("%s: state_changed failed", self._place)
