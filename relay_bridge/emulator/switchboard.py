"""Where requests are answered: a listener waits, a sender calls, the two are joined, or one of them is refused.

``handle`` reads what a request asks for, checks whether it may, and goes one of five ways: listen (listeners.py),
connect, accept or reject (streams.py), the rendezvous of an HTTP request, or an HTTP request itself (requests.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from relay_bridge.emulator.authorization import Authorizer, Permit
from relay_bridge.emulator.call import Call
from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.faults import Faults
from relay_bridge.emulator.frames import CloseCode
from relay_bridge.emulator.handshake import (
    RelayRequest,
    check_upgrade,
    parse_rejection,
    parse_relay_request,
    switching_protocols,
)
from relay_bridge.emulator.listeners import ControlChannel, ListenerBook
from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Right
from relay_bridge.emulator.operations import UNKNOWN_PATH, Operations, Wanted
from relay_bridge.emulator.pairing import Rejected
from relay_bridge.emulator.recorder import Recorder
from relay_bridge.emulator.refusals import Refusal, answer, printable, unknown_rendezvous
from relay_bridge.emulator.requests import RequestBook
from relay_bridge.emulator.service_channel import BadResponse, ListenerResponse
from relay_bridge.emulator.streams import StreamBook
from relay_bridge.protocol.limits import RESPONSE_DEADLINE, RESPONSE_IDLE

logger = logging.getLogger(__name__)


class Switchboard:
    """Everybody who is connected, and what happens to those who want to be.

    ``clock`` gives Unix seconds and decides about tokens; ``accept_deadline`` is how long (seconds) a listener has to
    dial back, ``response_deadline`` and ``response_idle`` to answer an HTTP request and between two fragments of the
    response; ``max_sockets`` bounds the WebSockets of the namespace.
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
        connections: Callable[[], Iterable[Connection]],
        operations: Operations,
        response_deadline: float = RESPONSE_DEADLINE,
        response_idle: float = RESPONSE_IDLE,
    ) -> None:
        self.config = config
        self.operations = operations
        self.listeners = ListenerBook()
        self._forgotten: set[ControlChannel] = set()  # their sockets are still there
        self.faults = Faults(self.listeners, connections)
        self.streams = StreamBook(
            operations=operations,
            faults=self.faults,
            refuse=self._refuse,
            recorder=recorder,
            accept_deadline=accept_deadline,
        )
        self.requests = RequestBook(
            operations=operations,
            faults=self.faults,
            refuse=self._refuse,
            accept_deadline=accept_deadline,
            response_deadline=response_deadline,
            response_idle=response_idle,
        )
        self.streams.behaviour = self.requests.behaviour = config.behaviour
        self._authorizer = Authorizer(config)
        self._clock = clock
        self._use_tls = use_tls
        self._max_sockets = max_sockets
        self._recorder = recorder

    @property
    def socket_count(self) -> int:
        """Open WebSockets: control channels, waiting senders, and both ends of every stream and exchange."""
        return len(self.listeners) + self.streams.socket_count + self.requests.rendezvous_count

    def now(self) -> float:
        """Unix seconds, with the fault switch applied."""
        return self._clock() + self.faults.clock_offset

    def apply_config(self, config: EmulatorConfig) -> None:
        """Go on with another configuration. A hybrid connection that is gone closes its sockets with 1001; changed keys
        and rights count for new handshakes and renewals, what is open stays open."""
        kept = {connection.key for connection in config.hybrid_connections}
        removed = [connection.key for connection in self.config.hybrid_connections if connection.key not in kept]
        self.config = config
        self.streams.behaviour = self.requests.behaviour = config.behaviour
        self._authorizer = Authorizer(config)
        for path_key in removed:
            logger.info("Hybrid connection %s was removed.", path_key)
            self.close(path_key, "The hybrid connection was deleted", Refusal(404, "Endpoint does not exist"))

    def close(self, path_key: str | None, reason: str, refusal: Refusal) -> None:
        """End everything of one hybrid connection, or (None) everything: sockets with 1001, waiting senders refused."""
        for channel in self.listeners:
            if path_key in {None, channel.path_key}:
                channel.close(CloseCode.GOING_AWAY, reason)
        for channel in self._forgotten:
            if path_key in {None, channel.path_key}:
                channel.connection.abort()
        self.streams.close(path_key, CloseCode.GOING_AWAY, reason, refusal)
        self.requests.close(path_key, CloseCode.GOING_AWAY, refusal)

    def close_expired(self, grace: float) -> None:
        """Relay protocol 2.1: an open control channel outlives its token by ``grace`` seconds, no more."""
        latest = self.now() - grace
        silent_since = self._clock() - self.faults.idle_death if self.faults.idle_death else None
        for channel in self.listeners:
            if channel.expires_at <= latest and not channel.close_sent:
                self.operations.record("ListenerClosingFromExpiredToken", channel.path_key, channel.request.tracking_id)
                channel.close(CloseCode.POLICY_VIOLATION, "ExpiredToken: The token is expired")
            elif silent_since is not None and channel.heard_at <= silent_since:
                channel.forget()
                self._forgotten.add(channel)
                self._unregister(channel)

    def sweep(self) -> None:
        """End HTTP requests that have waited too long."""
        self.requests.sweep()

    def handle(self, call: Call) -> None:
        """Answer a request, now or later. Never raises."""
        connection = call.connection
        try:
            request = parse_relay_request(call.head, use_tls=self._use_tls, remote=connection.peername)
        except Refusal as refusal:
            self.operations.refused(refusal.status, "unknown")
            call.respond(answer(refusal, tracking_id="none", host="", path="", now=self.now()), close=True)
            return
        try:
            if not request.is_websocket:
                self._request(request, call)
            else:
                check_upgrade(request)
                if request.action == "listen":
                    self._listen(request, connection)
                elif request.action == "connect":
                    self._connect(request, call)
                elif request.action == "accept":
                    self._accept(request, connection)
                else:
                    self._fetch(request, connection)
        except Refusal as refusal:
            self._refuse(call, request, refusal)

    def _refuse(self, call: Call, request: RelayRequest, refusal: Refusal) -> None:
        """Answer ``request`` in the relay's own name."""
        wanted: Wanted = request.action if request.is_websocket else "request"
        self.operations.refused(refusal.status, wanted)
        status = refusal.status
        if status == 401 or (status in {401, 403} and request.action in {"listen", "connect"}):
            hybrid = self.config.find(request.path)
            self.operations.record(
                "InvalidSasToken" if status == 401 else "AuthorizationFailed",
                hybrid.key if hybrid else UNKNOWN_PATH,
                request.tracking_id,
                f"{wanted} of {request.path[:200]!r} refused: {refusal.text}",
            )
        elif logger.isEnabledFor(logging.INFO):
            logger.info("%d: %s of %s refused: %s.", status, wanted, _shown(request), printable(refusal.text))
        close = request.is_websocket or call.will_close
        call.respond(
            answer(
                refusal,
                tracking_id=request.tracking_id,
                host=request.host,
                path=request.path,
                now=self.now(),
                close=close,
                json_body=self.config.behaviour.json_error_body,
                head_only=call.head.method == "HEAD",
            ),
            close=close,
        )

    # HTTP

    def _request(self, request: RelayRequest, call: Call) -> None:
        """Relay protocol 3.2: an HTTP request goes to a listener."""
        hybrid, demanded = self._authorize_sender(request)
        if self.faults.forced_status:
            raise Refusal(self.faults.forced_status, "The relay was asked to fail")
        candidates = self.listeners.candidates(hybrid.key, request, self.config.behaviour)
        self.requests.start(
            call, request, hybrid.key, candidates, hide=request.used_authorization_header(required=demanded)
        )

    def _fetch(self, request: RelayRequest, connection: Connection) -> None:
        """Relay protocol 3.5: a listener dials the address of an HTTP request. The address is its permit."""
        hybrid = self.config.find(request.path)
        exchange = self.requests.find(request.rendezvous_id, hybrid.key if hybrid else None)
        if self.faults.accepts_refused:
            exchange.refuse_rendezvous()
            raise unknown_rendezvous(self.config.behaviour)
        self._check_room()
        exchange.dialled(request, connection, self._recorder.stream() if self._recorder is not None else None)

    # The three handshakes

    def _listen(self, request: RelayRequest, connection: Connection) -> None:
        """Relay protocol 3: a listener opens its control channel. It always needs a token."""

        def check(token: str | None) -> Permit:
            return self._authorize(request, token, "Listen")

        permit = check(request.token(required=self._authorization_header_counts(request)))
        path_key = self._find(request).key
        self._check_room()
        self.listeners.check_place(path_key, self.config.behaviour)
        channel = ControlChannel(
            path_key,
            request,
            connection,
            self,
            permit=permit,
            renewal=check,
            record=self._recorder.control_channel() if self._recorder is not None else None,
            clock=self._clock,
        )
        connection.take_over(channel, switching_protocols(request, None))
        self.listeners.add(channel)
        self.operations.record("NewListenerRegistered", path_key, request.tracking_id)
        connection.deliver_early()

    def _connect(self, request: RelayRequest, call: Call) -> None:
        """Relay protocol 4: a sender waits while a listener is told and dials back."""
        hybrid, demanded = self._authorize_sender(request)
        candidates = self.listeners.candidates(hybrid.key, request, self.config.behaviour)
        self._check_room()
        self.streams.start(
            call, request, hybrid.key, candidates, hide=request.used_authorization_header(required=demanded)
        )

    def _accept(self, request: RelayRequest, connection: Connection) -> None:
        """Relay protocol 4: a listener dials back, to accept or to reject. The address is its permit."""
        hybrid = self.config.find(request.path)
        rendezvous = self.streams.find(request.rendezvous_id, hybrid.key if hybrid else None)
        rejected = parse_rejection(request.query)
        if rejected is not None:
            rendezvous.settle(Rejected(*rejected))
            raise Refusal(410, "The connection was rejected as asked")
        self._check_room()
        self.streams.join(rendezvous, request, connection)

    # What control channels say

    def response_received(self, channel: ControlChannel, response: ListenerResponse | BadResponse) -> None:
        self.requests.take_response(channel, response)

    def renewal_refused(self, channel: ControlChannel, refusal: Refusal) -> None:
        self.operations.record(
            "InvalidSasToken", channel.path_key, channel.request.tracking_id, f"renewed badly, {refusal.text}"
        )
        channel.close(CloseCode.POLICY_VIOLATION, refusal.text)

    def channel_closed(self, channel: ControlChannel, code: int) -> None:
        self._forgotten.discard(channel)
        self._unregister(channel)

    def _unregister(self, channel: ControlChannel) -> None:
        if self.listeners.remove(channel):
            self.operations.record("ListenerUnregistered", channel.path_key, channel.request.tracking_id)

    # Checks

    def _authorize(self, request: RelayRequest, token: str | None, right: Right) -> Permit:
        return self._authorizer.authorize(token, right, host=request.host, path=request.path, now=self.now())

    def _authorize_sender(self, request: RelayRequest) -> tuple[HybridConnection, bool]:
        """Whose listeners are meant, and whether authorization was demanded (and found good).

        Without the demand a token is not even looked at.
        """
        hybrid = self.config.find(request.path)
        demanded = hybrid is None or hybrid.requires_client_authorization
        if demanded:
            token = request.token(required=not request.is_websocket or self._authorization_header_counts(request))
            self._authorize(request, token, "Send")
        if hybrid is None:
            raise Refusal(404, "Endpoint does not exist")
        return hybrid, demanded

    def _authorization_header_counts(self, request: RelayRequest) -> bool:
        return not request.is_websocket or self.config.behaviour.authorization_header_opens_websocket

    def _find(self, request: RelayRequest) -> HybridConnection:
        hybrid = self.config.find(request.path)
        if hybrid is None:
            raise Refusal(404, "Endpoint does not exist")
        return hybrid

    def _check_room(self) -> None:
        if self.socket_count >= self._max_sockets:
            raise Refusal(
                self.config.behaviour.too_many_sockets_status,
                f"ConnectionsQuotaExceeded: the quota of {self._max_sockets} connections is exceeded",
            )


def _shown(request: RelayRequest) -> str:
    return f"{request.path[:200]!r} ({request.tracking_id})"
