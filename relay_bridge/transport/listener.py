"""The waiting side: a control channel held open for ever, and one task for every stream and request that comes in.

    dial ──► handshake ──► ping answered: online ──► … ──► lost ──► wait (full jitter) ──► dial …

"Connected" is not believed: a frozen relay keeps its sockets open. Only a ping of ours that was answered counts, and
one that is not answered in time ends the channel. Streams, and requests at a rendezvous, live on sockets of their own
and survive it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random as random_module
import re
import ssl
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from websockets.asyncio.client import ClientConnection

from relay_bridge.protocol.addresses import AUTH_HEADER, listen_address
from relay_bridge.protocol.backoff import full_jitter
from relay_bridge.protocol.commands import Accept
from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.control_channel import ControlChannel
from relay_bridge.protocol.errors import AuthorizationFailed, ConnectionStringError, RelayError
from relay_bridge.protocol.limits import MAX_CONTROL_MESSAGE
from relay_bridge.protocol.rendezvous import parse_rendezvous
from relay_bridge.transport.control_socket import ControlSocket, Events
from relay_bridge.transport.credentials import Credential, credential_of, current_token, reload_key
from relay_bridge.transport.dial import OPEN_TIMEOUT, open_websocket
from relay_bridge.transport.http_messages import HttpHandler
from relay_bridge.transport.incoming import Handler, IncomingStreams
from relay_bridge.transport.refusals import Refusals
from relay_bridge.transport.request_socket import KEEP_ALIVE as REQUEST_KEEP_ALIVE
from relay_bridge.transport.request_socket import MAX_FRAME, MAX_FRAMES
from relay_bridge.transport.requests import IncomingRequests, LostCallback
from relay_bridge.transport.state import ListenerState, StateCallback, StateKeeper
from relay_bridge.transport.streams import KEEP_ALIVE, MAX_MESSAGE, check_max_message, queue_for
from relay_bridge.transport.subprotocols import check_subprotocols

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
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}\Z")  # no "_": from there on the service appends its own numbers
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class _Ending:
    """How one attempt to listen ended."""

    reason: str
    expected: bool = False
    stable: bool = False
    at_once: bool = False  # there is a new key to try


class RelayListener:
    """Listens at the hybrid connection of ``connection``: ``handler(stream)`` for every WebSocket sender,
    ``http_handler(request)`` for every HTTP request. At least one of them; what has none is refused in words.

    A stream belongs to its handler until that returns; then it is closed. A handler that raises is logged and costs
    only its own stream, or answers 500. Handler tasks belong to the listener and are cancelled with it; one that
    answers HTTP also after 60 s (the relay has told the sender 504 by then), or when its sender hangs up, as far as
    that can be seen: at requests over 64 KiB and answers that are streamed. For others the relay has no such signal.

    ``max_streams``: at most so many streams at once; further senders are rejected with 503 "busy".
    ``max_half_open``: at most so many whose sender has not yet proved itself (``RelayStream.mark_established``, which
    ``SecureSession.accept`` calls), so that a stolen Send key cannot fill all places.
    ``max_requests``: at most so many HTTP requests at once; further ones are answered 503.
    ``subprotocols``: those that the handler speaks. The first one that a sender offers and that is among them is the
    stream's; a sender that offers none of them gets a stream without. ``max_message``: bytes of one message of a
    stream, in either direction; one that is larger ends the stream with 1009.
    ``request_lost``: called with the id of a request and a reason, when its answer may not have reached the relay.
    ``ping_interval``, ``pong_deadline``: seconds; a silent relay is noticed within their sum. The defaults cost a real
    namespace some 20 bytes every 1.5 s, far below what is metered; they also keep the channel from its idle death.
    ``listener_id``: what senders name in ``Microsoft-Relay-AllowedListeners``; by default a new GUID.
    ``credential``: by default the key in the connection string. ``ssl_context``: for a private authority.
    ``proxy``: URL of an HTTP proxy. ``state_changed``: called in the event loop with each new ``ListenerState``.
    ``clock``: Unix seconds, for ``ListenerState.since``.
    """

    def __init__(
        self,
        connection: ConnectionString,
        handler: Handler | None = None,
        *,
        http_handler: HttpHandler | None = None,
        max_streams: int = 50,
        max_half_open: int = 20,
        max_requests: int = 100,
        subprotocols: Sequence[str] = (),
        max_message: int = MAX_MESSAGE,
        request_lost: LostCallback | None = None,
        ping_interval: float = PING_INTERVAL,
        pong_deadline: float = PONG_DEADLINE,
        open_timeout: float = OPEN_TIMEOUT,
        listener_id: str | None = None,
        credential: Credential | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        state_changed: StateCallback | None = None,
        random: Callable[[], float] = random_module.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if handler is None and http_handler is None:
            raise ValueError("a listener needs a handler for streams, an http_handler for requests, or both")
        if connection.entity_path is None:
            raise ConnectionStringError("the connection string lacks EntityPath: which hybrid connection to listen at")
        found = credential or credential_of(connection)
        if found is None:
            raise ConnectionStringError(
                "a listener needs SharedAccessKeyName and SharedAccessKey with the Listen right"
            )
        self.connection = connection
        self.listener_id = listener_id or str(uuid.uuid4())  # the same at every reconnect, so that it does not grow
        if not _ID.match(self.listener_id):
            raise ValueError("a listener_id has 1 to 64 letters, digits and hyphens")
        self._credential: Credential = found
        self._ping_interval = ping_interval
        self._pong_deadline = pong_deadline
        self._open_timeout = open_timeout
        self._open = functools.partial(open_websocket, side="listener", ssl_context=ssl_context, proxy=proxy)
        self._max_message = check_max_message(max_message)
        self._random = random
        self._address = listen_address(
            connection.host, connection.port, connection.use_tls, connection.entity_path, self.listener_id
        )
        self._place = f"{connection.host}/{connection.entity_path}"
        self._state = StateKeeper(self._place, clock, state_changed)
        self._run: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()
        self._control: ControlSocket | None = None
        self._refusals = Refusals(self._place)
        self._streams = IncomingStreams(
            self._place,
            handler,
            self._dial_stream,
            self._refusals,
            max_streams=max_streams,
            max_half_open=max_half_open,
            subprotocols=check_subprotocols(subprotocols),
            max_message=max_message,
        )
        self._requests = IncomingRequests(
            self._place,
            connection,
            http_handler,
            self._dial_request,
            self._refusals,
            max_requests=max_requests,
            lost=request_lost,
        )
        self._events = Events(
            accept=self._accept,
            request=self._requests.take,
            pointer=self._requests.take_pointer,
            unusable=self._requests.take_unusable,
            proven=lambda: self._state.set("online", ""),
            lost=self._requests.report_unconfirmed,
        )
        if not connection.use_tls and connection.host.lower() not in _LOOPBACK:
            logger.warning(
                "%s is reached without TLS (UseDevelopmentEmulator): its key's tokens can be read", self._place
            )

    @property
    def state(self) -> ListenerState:
        return self._state.current

    @property
    def streams(self) -> int:
        """How many streams are open or being opened."""
        return self._streams.open

    @property
    def requests(self) -> int:
        """How many HTTP requests are being answered."""
        return self._requests.open

    async def wait_online(self) -> None:
        """Return when the relay has answered a ping. No deadline: use ``asyncio.timeout`` around it."""
        await self._state.online.wait()

    async def run(self) -> None:
        """Listen until cancelled or drained; reconnect for ever: a key may be rotated back, a site provisioned late."""
        if self._run is not None:
            raise RuntimeError("this listener is running already")
        self._run = asyncio.current_task()
        self._drained.clear()
        failures = 0
        try:
            while not self._drained.is_set():
                ending = await self._listen_once()
                if self._drained.is_set():
                    break
                failures = 0 if ending.stable or ending.at_once else failures + 1
                self._report_end(ending)
                pause = full_jitter(max(0, failures - 1), BACKOFF_BASE, BACKOFF_CAP, self._random)
                await self._pause(0.0 if ending.at_once else pause)
        finally:
            self._run = None
            await self._refusals.stop()
            await self._requests.stop()
            await self._streams.stop()
            self._streams.draining = self._requests.draining = False
            self._state.set("offline", "the listener was stopped")

    def renew_token(self) -> None:
        """Show the relay a token of the credential's present key now. Without a control channel the next one does."""
        if self._control is not None:
            self._control.renew()

    async def drain(self, deadline: float) -> bool:
        """Take nothing new, let what runs end, then close in good order; ``run`` returns then.

        ``deadline``: seconds after which what still runs is cancelled. True when everything ended by itself. Senders
        are told "busy" meanwhile: the protocol has no word for leaving, so another listener gets them at the next try.
        """
        if self._run is None:
            return True
        run = self._run
        self._streams.draining = self._requests.draining = True
        try:
            async with asyncio.timeout(deadline):
                await self._streams.wait_idle()
                await self._requests.wait_idle()
                await self._refusals.wait_idle()
        except TimeoutError:
            pass
        clean = not (self._streams.open or self._requests.open)
        self._drained.set()
        await asyncio.wait({run})
        return clean

    def _accept(self, accept: Accept) -> None:
        self._streams.take(parse_rendezvous(accept, self.connection), accept)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._drained.wait()

    async def _listen_once(self) -> _Ending:
        try:
            socket = await self._open(
                self._address,
                headers={AUTH_HEADER: await current_token(self._credential)},
                open_timeout=self._open_timeout,
                max_size=_MAX_SIZE,
                max_queue=_MAX_QUEUE,
            )
        except AuthorizationFailed as error:
            return _Ending(str(error), at_once=reload_key(self._credential))
        except RelayError as error:
            return _Ending(str(error))
        now = asyncio.get_running_loop().time()
        channel = ControlChannel(ping_interval=self._ping_interval, pong_deadline=self._pong_deadline)
        channel.opened(now, self._credential.renew_in())
        control = ControlSocket(socket, channel, self._credential, self._place, self._events)
        self._control = control
        try:
            closing = await control.serve(self._drained)
        finally:
            self._control = None
        stable = channel.proven and asyncio.get_running_loop().time() - now >= STABLE_AFTER
        return _Ending(closing.reason, expected=closing.expected and channel.proven, stable=stable)

    async def _dial_stream(self, address: str, timeout: float, subprotocols: Sequence[str]) -> ClientConnection:
        return await self._open(
            address,
            open_timeout=timeout,
            ping_interval=KEEP_ALIVE,
            max_size=self._max_message,
            max_queue=queue_for(self._max_message),
            subprotocols=subprotocols,
        )

    async def _dial_request(self, address: str, timeout: float) -> ClientConnection:
        return await self._open(
            address,
            open_timeout=timeout,
            ping_interval=REQUEST_KEEP_ALIVE,
            max_size=(None, MAX_FRAME),  # a body may be as long as it likes; its pieces may not
            max_queue=MAX_FRAMES,
        )

    def _report_end(self, ending: _Ending) -> None:
        if ending.expected:  # the daily recycle, a restart: part of normal service
            logger.info("%s: %s; connecting again", self._place, ending.reason)
            self._state.set("connecting", ending.reason)
            return
        if ending.reason != self.state.reason:  # the same words every few seconds help nobody
            logger.warning("%s: not listening: %s; trying again", self._place, ending.reason)
        self._state.set("offline", ending.reason)
