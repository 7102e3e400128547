"""One relayed stream, on either side: messages in order, bounded in both directions, with deadlines.

The relay may split and merge messages on the way. Treat what ``receive`` returns as pieces of a stream of bytes.
``receive_message`` is for peers whose messages mean something, text among them: it trusts that the relay keeps their
borders, as our emulator does.
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
_MIN_QUEUED: Final = 2  # of those, where each may be large: the queue does not grow with the messages
LITTLE: Final = 16_384  # bytes that wait for the socket, up to which nobody who sends has to wait
SEND_DEADLINE: Final = 10.0  # seconds until a message must be on its way; a peer that slow is as good as gone
PONG_DEADLINE: Final = 10.0  # seconds that ``ping`` waits
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
    side. None of them proves anything about the sender. ``subprotocol``: what both ends agreed on, or nothing.
    ``max_message``: bytes of one message in either direction, of a text as UTF-8.

    Closing closes both directions: websockets answers a close frame by itself, so there is no half-close here.
    """

    def __init__(
        self,
        connection: ClientConnection,
        *,
        remote_id: str = "",
        suffix: str = "",
        query: str = "",
        headers: Mapping[str, str] | None = None,
        max_message: int = MAX_MESSAGE,
        send_deadline: float = SEND_DEADLINE,
        on_established: Callable[[], None] | None = None,
    ) -> None:
        self.remote_id = remote_id or f"stream-{next(_numbers)}"
        self.suffix = suffix
        self.query = query
        self.headers: Mapping[str, str] = headers or {}
        self.max_message = max_message
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

    @property
    def subprotocol(self) -> str:
        """The one that the listener chose among those the sender offered; empty when it chose none."""
        return self._connection.subprotocol or ""

    async def send(self, data: bytes | str) -> None:
        """Send one message, at most ``max_message`` bytes: bytes as a binary message, ``str`` as a text message.

        Raises ``StreamClosed``, also when it takes longer than ``send_deadline``; ``ProtocolViolation`` for what cannot
        be sent. The message is in the outgoing buffer before anything waits, so a cancelled ``send`` has sent it.
        """
        text = False
        if isinstance(data, str):
            data, text = _utf8(data), True
        if len(data) > self.max_message:
            raise ProtocolViolation(f"a message of {len(data)} bytes is over the stream's limit of {self.max_message}")
        if self.is_clear:
            self.send_now(data, text=text)
            return
        self._check()
        try:
            async with asyncio.timeout(self.send_deadline):
                await self._connection.send(data, text=text)
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

    def send_now(self, data: bytes, *, text: bool = False) -> None:
        """Like ``send``, without ever waiting. Only while ``is_clear``: that bounds what this process has to hold.

        ``text``: ``data`` is the UTF-8 of a text message.
        """
        try:
            broadcast((self._connection,), data, text=text, raise_exceptions=True)
        except ExceptionGroup as errors:
            self.abort("the connection through the relay broke")
            raise StreamClosed(self._aborted) from errors

    async def receive(self) -> bytes:
        """The next binary message; a text message ends the stream with 1003 and raises ``ProtocolViolation``.

        Otherwise like ``receive_message``. For two ends that agreed on bytes, and see a text as the defect it is.
        """
        self._check()
        try:
            message = await self._connection.recv()  # not receive_message(): one step less for every message
        except (ConnectionClosed, OSError) as error:
            self._check()
            raise _closed(error) from error
        if isinstance(message, str):
            await self.close(_UNSUPPORTED_DATA, "binary messages only")
            raise ProtocolViolation("the other side sent a text message; this stream carries binary messages only")
        return message

    async def receive_message(self) -> bytes | str:
        """The next message of either kind, a text message as ``str``. Raises ``StreamClosed`` at the end.

        A message over ``max_message`` ends the stream with 1009, a text that is no UTF-8 with 1007. One task at a time
        may wait here. Waiting has no deadline of its own: use ``asyncio.timeout`` around it.
        """
        self._check()
        try:
            return await self._connection.recv()
        except (ConnectionClosed, OSError) as error:
            self._check()
            raise _closed(error) from error

    async def ping(self, timeout: float = PONG_DEADLINE) -> float:
        """Ping, and return the seconds until its pong. Without one within ``timeout`` seconds the stream is dropped and
        ``StreamClosed`` raised.

        The relay answers pings itself: a pong proves the way to the relay, not the other end. It comes behind what was
        sent to us before, so somebody has to be receiving. A stream pings every ``KEEP_ALIVE`` seconds anyhow.
        """
        self._check()
        try:
            async with asyncio.timeout(timeout):
                return await (await self._connection.ping())
        except TimeoutError as error:
            self.abort(f"the relay answered no ping within {timeout:g} s")
            raise StreamClosed(self._aborted) from error
        except (ConnectionClosed, OSError) as error:
            self._check()
            raise _closed(error) from error

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


def check_max_message(size: int) -> int:
    """``size`` in bytes. Raises ``ValueError`` when it is no limit at all."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError("max_message is a number of bytes, at least 1")
    return size


def queue_for(max_message: int) -> int:
    """How many messages may wait to be received, so that larger ones do not mean more memory."""
    return max(_MIN_QUEUED, min(MAX_QUEUED, MAX_QUEUED * MAX_MESSAGE // max_message))


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ProtocolViolation(
            "the text has half of a surrogate pair in it, which no text message can carry"
        ) from error


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
