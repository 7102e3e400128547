"""Where requests are answered: a listener waits, a sender calls, the two are joined, or one of them is refused.

``handle`` reads what a request asks for and goes one of four ways: listen, connect, accept or reject, HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from aiohttp import web

from relay_bridge.emulator.authorization import Permit, authorize
from relay_bridge.emulator.connection import Answered, Connection
from relay_bridge.emulator.faults import Faults
from relay_bridge.emulator.frames import CloseCode
from relay_bridge.emulator.handshake import (
    RelayRequest,
    accept_command,
    check_upgrade,
    chosen_subprotocol,
    parse_rejection,
    parse_relay_request,
    switching_protocols,
)
from relay_bridge.emulator.listeners import ControlChannel, ListenerBook
from relay_bridge.emulator.namespace import EmulatorConfig, Right
from relay_bridge.emulator.pairing import Rejected, RendezvousBook
from relay_bridge.emulator.pump import Pump
from relay_bridge.emulator.recorder import Recorder
from relay_bridge.emulator.refusals import Refusal, answer, rejection

logger = logging.getLogger(__name__)


class Switchboard:
    """Everybody who is connected, and what happens to those who want to be.

    ``clock`` gives Unix seconds and decides about tokens; ``accept_deadline`` is how long (seconds) a listener has to
    dial back; ``max_sockets`` bounds the WebSockets of the namespace.
    """

    def __init__(
        self,
        config: EmulatorConfig,
        clock: Callable[[], float],
        *,
        use_tls: bool,
        accept_deadline: float,
        max_sockets: int,
        recorder: Recorder | None,
        connections: Callable[[], list[Connection]],
    ) -> None:
        self.config = config
        self.listeners = ListenerBook()
        self.rendezvous = RendezvousBook()
        self.pumps: set[Pump] = set()
        self.faults = Faults(lambda path: self.listeners.at(path.strip("/").lower()), connections)
        self._clock = clock
        self._use_tls = use_tls
        self._accept_deadline = accept_deadline
        self._max_sockets = max_sockets
        self._recorder = recorder

    @property
    def socket_count(self) -> int:
        """Open WebSockets: control channels, waiting senders, and both ends of every stream."""
        return len(self.listeners) + len(self.rendezvous) + 2 * len(self.pumps)

    def apply_config(self, config: EmulatorConfig) -> None:
        """Go on with another configuration. A hybrid connection that is gone closes its sockets with 1001; changed keys
        and rights count for new handshakes and renewals, what is open stays open."""
        kept = {connection.key for connection in config.hybrid_connections}
        removed = [connection.key for connection in self.config.hybrid_connections if connection.key not in kept]
        self.config = config
        for path_key in removed:
            logger.info("Hybrid connection %s was removed.", path_key)
            self.close(path_key, "The hybrid connection was deleted", Refusal(404, "Endpoint does not exist"))

    def close(self, path_key: str | None, reason: str, refusal: Refusal) -> None:
        """End everything of one hybrid connection, or (None) everything: sockets with 1001, waiting senders refused."""
        for channel in self.listeners:
            if path_key in {None, channel.path_key}:
                channel.close(CloseCode.GOING_AWAY, reason)
        for pump in list(self.pumps):
            if path_key in {None, pump.path_key}:
                pump.close(CloseCode.GOING_AWAY, reason)
        self.rendezvous.fail_all(path_key, refusal)

    def close_expired(self, grace: float) -> None:
        """Relay protocol 2.1: an open control channel outlives its token by ``grace`` seconds, no more."""
        latest = self._clock() - grace
        for channel in self.listeners:
            if channel.expires_at <= latest and not channel.is_closing:
                logger.warning(
                    "ListenerClosingFromExpiredToken: %s at %s.", channel.request.tracking_id, channel.path_key
                )
                channel.close(CloseCode.POLICY_VIOLATION, "ExpiredToken: The token is expired")

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        connection = cast("Connection", http.protocol)
        try:
            peer = http.transport.get_extra_info("peername") if http.transport is not None else None
            remote = (str(peer[0]), int(peer[1])) if peer else ("unknown", 0)
            request = parse_relay_request(http.raw_path, http.raw_headers, use_tls=self._use_tls, remote=remote)
        except Refusal as refusal:
            return answer(refusal, tracking_id="none", host="", path="", now=self._clock())
        try:
            if not request.is_websocket:
                return self._answer_http(request)
            check_upgrade(request)
            if request.action == "listen":
                return await self._listen(request, connection, http)
            if request.action == "connect":
                return await self._connect(request, connection)
            return await self._accept(request, connection)
        except Refusal as refusal:
            if refusal.status in {401, 403}:
                operation = "InvalidSasToken" if refusal.status == 401 else "AuthorizationFailed"
                logger.warning("%s: %s of %s refused: %s.", operation, request.action, _shown(request), refusal.text)
            else:
                logger.info("%d: %s of %s refused: %s.", refusal.status, request.action, _shown(request), refusal.text)
            return answer(
                refusal,
                tracking_id=request.tracking_id,
                host=request.host,
                path=request.path,
                now=self._clock(),
            )

    def _answer_http(self, request: RelayRequest) -> web.StreamResponse:
        """An HTTP request to a hybrid connection: authorized like a sender's handshake, then carried to a listener."""
        self._authorize_sender(request)
        raise Refusal(501, "HTTP requests are not carried by this relay, only WebSocket connections are")

    # The three handshakes

    async def _listen(self, request: RelayRequest, connection: Connection, http: web.BaseRequest) -> web.StreamResponse:
        """Relay protocol 3: a listener opens its control channel. It always needs a token."""

        def check(token: str | None) -> Permit:
            return self._authorize(request, token, "Listen")

        permit = check(request.token(required=True))
        path_key = self._path_key(request)
        self._check_room()
        record = self._recorder.control_channel() if self._recorder is not None else None
        channel = ControlChannel(path_key, request, connection, permit=permit, renewal=check, record=record)
        self.listeners.add(channel)
        try:
            await channel.socket.prepare(http)
            logger.info("NewListenerRegistered: %s at %s.", request.tracking_id, path_key)
            await channel.serve()
        finally:
            self.listeners.remove(channel)
            logger.info("ListenerUnregistered: %s at %s.", request.tracking_id, path_key)
        return channel.socket

    async def _connect(self, request: RelayRequest, connection: Connection) -> web.StreamResponse:
        """Relay protocol 4: a sender waits while a listener is told and dials back."""
        demanded = self._authorize_sender(request)
        path_key = self._path_key(request)
        candidates = self.listeners.candidates(path_key, request)
        self._check_room()
        logger.info("NewSenderRegistering: %s at %s.", request.tracking_id, path_key)
        hide = request.used_authorization_header(required=demanded)
        rendezvous = self.rendezvous.open(path_key, request, connection)
        try:
            async with asyncio.timeout(self._accept_deadline):
                if self.faults.accept_delay:
                    await asyncio.sleep(self.faults.accept_delay)
                await _tell_one(candidates, request, rendezvous.id, hide=hide)
                outcome = await rendezvous.outcome
        except TimeoutError:
            logger.warning("ListenerAcceptingConnectionTimeout: %s at %s.", request.tracking_id, path_key)
            raise Refusal(
                404, "None of the connected listeners accepted the connection within the allowed timeout"
            ) from None
        finally:
            self.rendezvous.discard(rendezvous)
        if isinstance(outcome, Rejected):
            logger.info("ListenerRejectedConnection: %s at %s with %d.", request.tracking_id, path_key, outcome.status)
            return rejection(outcome.status, outcome.description)
        await outcome.sender.closed.wait()
        return Answered()

    async def _accept(self, request: RelayRequest, connection: Connection) -> web.StreamResponse:
        """Relay protocol 4: a listener dials back, to accept or to reject. The address is its permit."""
        hybrid = self.config.find(request.path)
        rendezvous = self.rendezvous.find(request.rendezvous_id, hybrid.key if hybrid else None)
        if self.faults.accepts_refused:
            rendezvous.fail(
                Refusal(404, "None of the connected listeners accepted the connection within the allowed timeout")
            )
            raise Refusal(403, "The rendezvous is unknown, has been used, or has expired")
        rejected = parse_rejection(request.query)
        if rejected is not None:
            rendezvous.settle(Rejected(*rejected))
            raise Refusal(410, "The connection was rejected as asked")
        self._check_room()
        sender = rendezvous.request
        pump = Pump(
            rendezvous.path_key,
            sender.tracking_id,
            rendezvous.connection,
            connection,
            finished=self._stream_finished,
            tampers=self.faults.tampers,
            record=self._recorder.stream() if self._recorder is not None else None,
        )
        subprotocol = chosen_subprotocol(request)
        if not pump.join(switching_protocols(sender, subprotocol), switching_protocols(request, subprotocol)):
            raise Refusal(403, "The sender of this rendezvous is gone")
        self.pumps.add(pump)
        rendezvous.settle(pump)
        logger.info("SenderListenerConnectionEstablished: %s at %s.", sender.tracking_id, pump.path_key)
        await pump.listener.closed.wait()
        return Answered()

    def _stream_finished(self, pump: Pump) -> None:
        self.pumps.discard(pump)
        logger.info("SenderConnectionClosed: %s at %s.", pump.tracking_id, pump.path_key)

    # Checks

    def _authorize(self, request: RelayRequest, token: str | None, right: Right) -> Permit:
        return authorize(self.config, token, right, host=request.host, path=request.path, now=self._clock())

    def _authorize_sender(self, request: RelayRequest) -> bool:
        """Whether authorization was demanded (and found good). Without the demand a token is not even looked at."""
        hybrid = self.config.find(request.path)
        demanded = hybrid is None or hybrid.requires_client_authorization
        if demanded:
            self._authorize(request, request.token(required=True), "Send")
        return demanded

    def _path_key(self, request: RelayRequest) -> str:
        hybrid = self.config.find(request.path)
        if hybrid is None:
            raise Refusal(404, "Endpoint does not exist")
        return hybrid.key

    def _check_room(self) -> None:
        if self.socket_count >= self._max_sockets:
            raise Refusal(503, f"ConnectionsQuotaExceeded: the quota of {self._max_sockets} connections is exceeded")


async def _tell_one(candidates: list[ControlChannel], sender: RelayRequest, identifier: str, *, hide: bool) -> None:
    """Send ``accept`` to the first listener that can still be written to."""
    for channel in candidates:
        text = accept_command(sender, channel.request, identifier, hide=hide)
        try:
            await channel.send_command(text)
        except ConnectionError:
            continue
        return
    raise Refusal(404, "There are no listeners connected for the endpoint")


def _shown(request: RelayRequest) -> str:
    return f"{request.path[:200]!r} ({request.tracking_id})"
