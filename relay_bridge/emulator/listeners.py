"""Control channels: a listener's standing socket, for news of senders, answers to requests, and its next token."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from relay_bridge.emulator.authorization import Permit
from relay_bridge.emulator.behaviour import Behaviour
from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.frames import Opcode, Piece, frame
from relay_bridge.emulator.handshake import ALLOWED_LISTENERS, DISALLOWED_LISTENERS, RelayRequest
from relay_bridge.emulator.messages import MessageReader
from relay_bridge.emulator.recorder import ControlRecord
from relay_bridge.emulator.refusals import Refusal
from relay_bridge.emulator.service_channel import BadResponse, ListenerResponse, ServiceChannel, TokenRenewal
from relay_bridge.emulator.socket_end import SocketEnd
from relay_bridge.protocol.limits import MAX_CONTROL_BODY, MAX_CONTROL_MESSAGE, MAX_LISTENERS

logger = logging.getLogger(__name__)

WRITE_DEADLINE: Final = 2.0  # seconds a sender waits for listeners that do not read; then it hears that nobody answers

MAX_WAITING: Final = 65_536  # bytes of commands that are put together before they are written

# Checks a renewed token; raises ``Refusal``.
Renewal = Callable[[str], Permit]


class ControlChannelEvents(Protocol):
    """What a control channel tells the relay."""

    def response_received(self, channel: ControlChannel, response: ListenerResponse | BadResponse) -> None: ...
    def renewal_refused(self, channel: ControlChannel, refusal: Refusal) -> None: ...
    def channel_closed(self, channel: ControlChannel, code: int) -> None: ...


class ControlChannel(SocketEnd):
    """One listener. ``heard_at`` is when it last said anything, in seconds of ``clock``."""

    __slots__ = (
        "_clock", "_deaf", "_events", "_messages", "_out", "_record", "_renewal", "_service", "_waiters",
        "expires_at", "heard_at", "path_key", "request",
    )  # fmt: skip

    def __init__(
        self,
        path_key: str,
        request: RelayRequest,
        connection: Connection,
        events: ControlChannelEvents,
        *,
        permit: Permit,
        renewal: Renewal,
        record: ControlRecord | None,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(connection, f"Listener {request.tracking_id}")
        self.path_key = path_key
        self.request = request
        self.expires_at: float = permit.expires_at  # Unix seconds, of the latest good token
        self.heard_at = clock()
        self._clock = clock
        self._events = events
        self._renewal = renewal
        self._record = record
        self._messages = MessageReader(max_text=MAX_CONTROL_MESSAGE, max_binary=MAX_CONTROL_BODY)
        self._service = ServiceChannel()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._deaf = False
        self._out = bytearray()  # of this turn of the loop

    @property
    def is_forgotten(self) -> bool:
        """Cut off as a network does to an idle connection: neither side is told."""
        return self._deaf

    @property
    def is_usable(self) -> bool:
        """Senders may be sent to it; whether it reads is another question (``connection.writing_paused``)."""
        return self.is_open and not self._deaf

    def send(self, text: bytes, body: bytes | None = None) -> None:
        """Send a command and, behind it with nothing between, its body. The caller has seen that there is room."""
        if self._record is not None:
            self._record.to_listener(text.decode())
        # What several senders want in one turn of the loop leaves in one call of the operating system.
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out += frame(Opcode.TEXT, text)
        if body is not None:
            if self._record is not None:
                self._record.body_to_listener(body)
            self._out += frame(Opcode.BINARY, body)
        if len(self._out) > MAX_WAITING:
            self._flush()

    def _flush(self) -> None:
        if self._out:
            data, self._out = self._out, bytearray()
            if not self.close_sent:
                self.connection.write(data)

    async def wait_for_room(self) -> None:
        """Return when there may be room again, or when the channel is gone."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(future)
        try:
            await future
        finally:
            if future in self._waiters:
                self._waiters.remove(future)

    def forget(self) -> None:
        """From now on neither read nor write, without a word: what four idle minutes do at the service."""
        self._deaf = True
        self._wake()

    # What the socket says

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self.heard_at = self._clock()
        super().data_received(data)

    def take_piece(self, piece: Piece) -> None:
        message = self._messages.take(piece)
        if message is None:
            return
        if message.is_text:
            if self._record is not None:
                self._record.from_listener(message.payload.decode("utf-8", "replace"))
            events = self._service.receive_text(message.payload)
        else:
            if self._record is not None:
                self._record.body_from_listener(message.payload)
            events = self._service.receive_binary(message.payload)
        for event in events:
            if isinstance(event, TokenRenewal):
                self._renew(event.token)
            else:
                self._events.response_received(self, event)

    def has_room(self) -> None:
        self._wake()

    def socket_closed(self, code: int) -> None:
        if self._record is not None:
            self._record.close()
        self._wake()
        self._events.channel_closed(self, code)

    def close(self, code: int, reason: str) -> None:
        self._flush()
        super().close(code, reason)
        self._wake()

    def _wake(self) -> None:
        for future in self._waiters:
            if not future.done():
                future.set_result(None)

    def _renew(self, token: str) -> None:
        try:
            permit = self._renewal(token)
        except Refusal as refusal:
            # Relay protocol 3.6: no answer on success, 1008 on failure.
            self._events.renewal_refused(self, refusal)
        else:
            self.expires_at = permit.expires_at


class ListenerBook:
    """Who listens where now. ``limit`` is how many a hybrid connection has room for."""

    def __init__(self, limit: int = MAX_LISTENERS) -> None:
        self.limit = limit
        self._by_path: dict[str, list[ControlChannel]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[ControlChannel]:
        return iter([channel for channels in self._by_path.values() for channel in channels])

    def at(self, path_key: str) -> list[ControlChannel]:
        """Those of one hybrid connection, in the order in which they came."""
        return list(self._by_path.get(path_key, ()))

    def count(self, path_key: str) -> int:
        return len(self._by_path.get(path_key, ()))

    def check_place(self, path_key: str, behaviour: Behaviour) -> None:
        """Raises ``Refusal`` for the 26th."""
        if self.count(path_key) >= self.limit:
            raise Refusal(
                behaviour.too_many_listeners_status,
                f"MaximumListenersPerEndpoint: the quota of {self.limit} listeners is exceeded",
            )

    def add(self, channel: ControlChannel) -> None:
        self._by_path.setdefault(channel.path_key, []).append(channel)
        self._count += 1

    def remove(self, channel: ControlChannel) -> bool:
        """Whether it was there."""
        channels = self._by_path.get(channel.path_key, [])
        if channel not in channels:
            return False
        channels.remove(channel)
        self._count -= 1
        if not channels:
            self._by_path.pop(channel.path_key, None)
        return True

    def candidates(self, path_key: str, sender: RelayRequest, behaviour: Behaviour) -> list[ControlChannel]:
        """The listeners that may get ``sender``, in random order (relay protocol 6). Raises ``Refusal`` for none."""
        listeners = [channel for channel in self._by_path.get(path_key, ()) if channel.is_usable]
        if not listeners:
            raise Refusal(
                behaviour.no_listener_connect_status if sender.is_websocket else behaviour.no_listener_status,
                "There are no listeners connected for the endpoint",
            )
        allowed, refused = sender.listener_ids(ALLOWED_LISTENERS), sender.listener_ids(DISALLOWED_LISTENERS)
        if allowed or refused:
            listeners = [
                channel
                for channel in listeners
                if (not allowed or channel.request.client_id.lower() in allowed)
                and channel.request.client_id.lower() not in refused
            ]
            if not listeners:
                raise Refusal(
                    behaviour.no_fitting_listener_status,
                    "None of the connected listeners meet the AllowedListeners/DisallowedListeners criteria",
                )
        if len(listeners) > 1:
            random.shuffle(listeners)
        return listeners


async def find_room(candidates: list[ControlChannel]) -> ControlChannel | None:
    """The first of ``candidates`` that can be written to; None when none could be for ``WRITE_DEADLINE`` seconds.

    One that does not read must not hold up a sender that another would serve at once.
    """
    try:
        async with asyncio.timeout(WRITE_DEADLINE):
            while True:
                usable = [channel for channel in candidates if channel.is_usable]
                if not usable:
                    return None
                for channel in usable:
                    if not channel.connection.writing_paused:
                        return channel
                waiting = [asyncio.ensure_future(channel.wait_for_room()) for channel in usable]
                try:
                    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for future in waiting:
                        future.cancel()
    except TimeoutError:
        return None
