"""Control channels: a listener's standing socket, over which it learns of senders and renews its token."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Iterator
from typing import Any, Final

from aiohttp import WSMsgType, web

from relay_bridge.emulator.authorization import Permit
from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.frames import CloseCode, close_payload
from relay_bridge.emulator.handshake import ALLOWED_LISTENERS, DISALLOWED_LISTENERS, RelayRequest
from relay_bridge.emulator.recorder import ControlRecord
from relay_bridge.emulator.refusals import Refusal
from relay_bridge.protocol.addresses import TRACKING_HEADER
from relay_bridge.protocol.limits import MAX_CONTROL_MESSAGE, MAX_LISTENERS

logger = logging.getLogger(__name__)

CLOSE_DEADLINE: Final = 2.0  # seconds a listener has to answer a close frame

# Checks a renewed token; raises ``Refusal``.
Renewal = Callable[[str], Permit]


class ControlChannel:
    """One listener. ``serve`` runs as long as the socket does; everything else is called from other tasks."""

    def __init__(
        self,
        path_key: str,
        request: RelayRequest,
        connection: Connection,
        *,
        permit: Permit,
        renewal: Renewal,
        record: ControlRecord | None,
    ) -> None:
        self.path_key = path_key
        self.request = request
        self.connection = connection
        self.expires_at = permit.expires_at  # Unix seconds, of the latest good token
        self._renewal = renewal
        self._record = record
        self._sending = asyncio.Lock()  # a command and, later, its body must leave together
        self._closing: asyncio.Task[None] | None = None
        self.socket = web.WebSocketResponse(
            compress=False, max_msg_size=MAX_CONTROL_MESSAGE + 1, timeout=CLOSE_DEADLINE
        )
        self.socket.headers[TRACKING_HEADER] = request.tracking_id

    @property
    def is_closing(self) -> bool:
        return self._closing is not None

    async def send_command(self, text: str) -> None:
        """Send one text. Waits while the listener does not read; raises ``ConnectionError`` when it is gone."""
        async with self._sending:
            # Before, not after: a sender that gives up while it waits must leave nothing behind in the buffer.
            await self.connection.drain()
            if self._closing is not None or self.socket.closed:
                raise ConnectionResetError("the control channel is closed")
            if self._record is not None:
                self._record.to_listener(text)
            await self.socket.send_str(text)

    async def serve(self) -> None:
        """Read what the listener says until the socket closes."""
        try:
            while True:
                message = await self.socket.receive()
                if message.type is WSMsgType.TEXT:
                    if self._record is not None:
                        self._record.from_listener(message.data)
                    self._take_text(message.data)
                elif message.type is WSMsgType.BINARY:
                    # hyco-https sends an empty one after an answer without a body. Nothing announced it: it is dropped.
                    logger.debug("Dropped %d unannounced bytes of %s.", len(message.data), self.request.tracking_id)
                else:
                    break
            if self._closing is not None:
                await self._closing
        finally:
            if self._record is not None:
                self._record.close()

    def close(self, code: CloseCode, reason: str) -> None:
        """Start to close; the socket is gone at most ``CLOSE_DEADLINE`` seconds later."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close(code, reason))

    async def _close(self, code: CloseCode, reason: str) -> None:
        try:
            async with asyncio.timeout(2 * CLOSE_DEADLINE):
                await self.socket.close(code=code, message=close_payload(code, reason)[2:])
        except (TimeoutError, ConnectionError):
            self.connection.abort()

    def _take_text(self, text: str) -> None:
        """One command. What is not known is ignored, as the service and its clients do."""
        try:
            command: Any = json.loads(text)
        except (ValueError, RecursionError):
            logger.warning("Listener %s sent a text that is not JSON; ignored.", self.request.tracking_id)
            return
        if isinstance(command, dict) and "renewToken" in command:
            self._renew(command["renewToken"])

    def _renew(self, content: Any) -> None:
        token = content.get("token") if isinstance(content, dict) else None
        try:
            permit = self._renewal(token if isinstance(token, str) else "")
        except Refusal as refusal:
            # Relay protocol 3.6: no answer on success, 1008 on failure.
            logger.warning(
                "InvalidSasToken: listener %s of %s renewed with a bad token: %s.",
                self.request.tracking_id, self.path_key, refusal.text,
            )  # fmt: skip
            self.close(CloseCode.POLICY_VIOLATION, refusal.text)
        else:
            self.expires_at = permit.expires_at


class ListenerBook:
    """Who listens where now."""

    def __init__(self) -> None:
        self._by_path: dict[str, list[ControlChannel]] = {}
        self._count = 0

    def __len__(self) -> int:
        """All of them, those whose handshake is not answered yet too."""
        return self._count

    def __iter__(self) -> Iterator[ControlChannel]:
        return iter([channel for path_key in self._by_path for channel in self.at(path_key)])

    def at(self, path_key: str) -> list[ControlChannel]:
        """Those whose handshake has been answered."""
        return [channel for channel in self._by_path.get(path_key, ()) if channel.socket.prepared]

    def add(self, channel: ControlChannel) -> None:
        """Takes a place, before the handshake is answered. Raises ``Refusal`` for the 26th.

        The service's status for that is not documented; this one tells clients to try later.
        """
        channels = self._by_path.setdefault(channel.path_key, [])
        if len(channels) >= MAX_LISTENERS:
            raise Refusal(429, f"MaximumListenersPerEndpoint: the quota of {MAX_LISTENERS} listeners is exceeded")
        channels.append(channel)
        self._count += 1

    def remove(self, channel: ControlChannel) -> None:
        channels = self._by_path.get(channel.path_key, [])
        if channel in channels:
            channels.remove(channel)
            self._count -= 1
        if not channels:
            self._by_path.pop(channel.path_key, None)

    def candidates(self, path_key: str, sender: RelayRequest) -> list[ControlChannel]:
        """The listeners that may get ``sender``, in random order. Raises ``Refusal`` 404 when there are none."""
        listeners = self.at(path_key)
        if not listeners:
            raise Refusal(404, "There are no listeners connected for the endpoint")
        allowed, refused = sender.listener_ids(ALLOWED_LISTENERS), sender.listener_ids(DISALLOWED_LISTENERS)
        fitting = [
            channel
            for channel in listeners
            if (not allowed or channel.request.client_id.lower() in allowed)
            and channel.request.client_id.lower() not in refused
        ]
        if not fitting:
            raise Refusal(404, "None of the connected listeners meet the AllowedListeners/DisallowedListeners criteria")
        _random.shuffle(fitting)
        return fitting


_random: Final = secrets.SystemRandom()
