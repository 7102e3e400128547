"""One relayed stream, on either side: binary messages in order, bounded in both directions, with deadlines.

The relay may split and merge messages on the way. Treat what ``receive`` returns as pieces of a stream of bytes.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import broadcast
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from relay_bridge.protocol.errors import ProtocolViolation, RelayError
from relay_bridge.transport.dial import abort, close_quietly

MAX_MESSAGE: Final = (
    131_072  # bytes of one WebSocket message: a sealed 64 KiB message, and room for a relay that merges
)
MAX_QUEUED: Final = 16  # messages waiting to be received; then reading pauses, and the sender feels it through TCP
LITTLE: Final = 16_384  # bytes that wait for the socket, up to which nobody who sends has to wait
SEND_DEADLINE: Final = 10.0  # seconds until a message must be on its way; a peer that slow is as good as gone
# A receiver that reads nothing for so long reads no pong either, and loses its stream: it could not have kept up.
KEEP_ALIVE: Final = 20.0  # seconds between pings on a stream, and until a missing pong ends it

_NORMAL, _UNSUPPORTED_DATA = 1000, 1003
_numbers = itertools.count(1)


class StreamClosed(RelayError):  # noqa: N818 - the name says what happened
    """The stream has ended. ``code`` and ``reason`` are the close frame's; ``code`` is None when there was none."""

    retryable = True

    def __init__(self, message: str, *, code: int | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason

    @property
    def clean(self) -> bool:
        """The other side closed it in good order."""
        return self.code in {1000, 1001}


class RelayStream:
    """A stream through the relay.

    ``remote_id``: the relay's tracing id of it (a listener's stream), else the one we sent. ``suffix`` and ``query``:
    what the sender asked for beyond the hybrid connection. ``headers``: the sender's handshake, on the listener's
    side. None of them proves anything about the sender.
    """

    def __init__(
        self,
        connection: ClientConnection,
        *,
        remote_id: str = "",
        suffix: str = "",
        query: str = "",
        headers: Mapping[str, str] | None = None,
        send_deadline: float = SEND_DEADLINE,
        on_established: Callable[[], None] | None = None,
    ) -> None:
        self.remote_id = remote_id or f"stream-{next(_numbers)}"
        self.suffix = suffix
        self.query = query
        self.headers: Mapping[str, str] = headers or {}
        self.send_deadline = send_deadline
        self._connection = connection
        self._on_established = on_established
        self._aborted = ""

    def mark_established(self) -> None:
        """The other side has proved who it is: the stream no longer counts as half-open with its listener.

        ``SecureSession.accept`` calls this. A handler that uses no such session calls it once it trusts its peer.
        """
        callback, self._on_established = self._on_established, None
        if callback is not None:
            callback()

    async def send(self, data: bytes) -> None:
        """Send one binary message, at most ``MAX_MESSAGE`` bytes. Raises ``StreamClosed``, also when it takes too long.

        The message is in the outgoing buffer before anything waits, so a cancelled ``send`` has sent it.
        """
        if len(data) > MAX_MESSAGE:
            raise ProtocolViolation(f"a message of {len(data)} bytes is over the stream's limit of {MAX_MESSAGE}")
        if self.is_clear:
            self.send_now(data)
            return
        self._check()
        try:
            async with asyncio.timeout(self.send_deadline):
                await self._connection.send(data)
        except TimeoutError as error:
            self.abort(f"the other side took nothing for {self.send_deadline:g} s")
            raise StreamClosed(self._aborted) from error
        except (ConnectionClosed, OSError) as error:
            raise _closed(error) from error

    @property
    def is_clear(self) -> bool:
        """It is open, and little of what was sent still waits in this process: ``send_now`` is possible."""
        connection = self._connection
        return (
            not self._aborted
            and connection.protocol.state is State.OPEN
            and connection.transport.get_write_buffer_size() <= LITTLE
        )

    def send_now(self, data: bytes) -> None:
        """Like ``send``, without ever waiting. Only while ``is_clear``: that bounds what this process has to hold."""
        try:
            broadcast((self._connection,), data, raise_exceptions=True)
        except ExceptionGroup as errors:
            self.abort("the connection through the relay broke")
            raise StreamClosed(self._aborted) from errors

    async def receive(self) -> bytes:
        """The next message. Raises ``StreamClosed`` at the end, ``ProtocolViolation`` for a text message.

        One task at a time may wait here. Waiting has no deadline of its own: use ``asyncio.timeout`` around it.
        """
        self._check()
        try:
            message = await self._connection.recv()
        except (ConnectionClosed, OSError) as error:
            self._check()
            raise _closed(error) from error
        if isinstance(message, str):
            await self.close(_UNSUPPORTED_DATA, "binary messages only")
            raise ProtocolViolation("the other side sent a text message; this stream carries binary messages only")
        return message

    async def close(self, code: int = _NORMAL, reason: str = "") -> None:
        """Close in good order, within about a second. Idempotent; raises nothing."""
        await close_quietly(self._connection, code, reason)

    def abort(self, reason: str = "the stream was dropped here") -> None:
        """Drop the stream at once, without the closing handshake; ``reason`` is what later calls are told."""
        self._aborted = self._aborted or reason
        abort(self._connection)

    def _check(self) -> None:
        # An aborted socket looks open for one more turn of the loop, and would swallow what is sent.
        if self._aborted:
            raise StreamClosed(self._aborted)


def _closed(error: Exception) -> StreamClosed:
    if isinstance(error, ConnectionClosed):
        received, sent = error.rcvd, error.sent
        if received is not None and (sent is None or error.rcvd_then_sent):
            words = f": {received.reason}" if received.reason else ""
            return StreamClosed(
                f"the other side closed the stream ({received.code}{words})", code=received.code, reason=received.reason
            )
        if sent is not None:
            words = f": {sent.reason}" if sent.reason else ""
            return StreamClosed(f"the stream was closed here ({sent.code}{words})", code=sent.code, reason=sent.reason)
    return StreamClosed("the connection through the relay broke")
