"""A sealed session: whole messages, each way in order, under mutual TLS 1.3 inside a relayed stream.

Messages that are sent in the same turn of the event loop leave together (outbox.py); none waits for another.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final, NoReturn

from relay_bridge.protocol.errors import ProtocolViolation, RelayError
from relay_bridge.secure_channel.errors import FrameInvalid, SecureChannelError, TruncatedStream
from relay_bridge.secure_channel.framing import FrameParser, encode_frame
from relay_bridge.secure_channel.inner_tls import InnerTls, Side
from relay_bridge.transport.outbox import Outbox
from relay_bridge.transport.streams import RelayStream, StreamClosed

HANDSHAKE_DEADLINE: Final = 5.0  # seconds, either side; a good peer needs two round trips
SEND_DEADLINE: Final = 10.0  # seconds, including the wait for other senders
CLOSE_DEADLINE: Final = 2.0  # seconds for close_notify and the closing handshake

_GOING_AWAY_BADLY: Final = 1008  # close code: policy violation, for peers that are not who they must be


class HandshakeFailed(RelayError):  # noqa: N818 - the name says what happened
    """No session: the other side is not the pinned one, does not trust us, or did not answer in time."""


class SessionClosed(RelayError):  # noqa: N818
    """The session has ended. ``clean``: the other side said goodbye, nothing is missing."""

    retryable = True

    def __init__(self, reason: str, *, clean: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.clean = clean


class SecureSession:
    """Messages of 1 to 65,536 bytes between two ends that know each other by certificate.

    Made by ``connect`` (TLS client) or ``accept`` (TLS server). Many tasks may ``send`` at once; one at a time may
    ``receive``. After any error the session is over and says why on every further call.
    """

    def __init__(self, stream: RelayStream, tls: InnerTls, send_deadline: float = SEND_DEADLINE) -> None:
        self._stream = stream
        self._tls = tls
        self._outbox = Outbox(stream, tls, send_deadline, self._outbox_broken)
        self._frames = FrameParser()
        self._ready: deque[bytes] = deque()
        self._ended: SessionClosed | None = None
        self._receiving = False
        self.peer_certificate_der = b""
        self.peer_thumbprint = ""  # x5t#S256, base64url: what ``cnf`` in a site token names

    @classmethod
    async def connect(cls, stream: RelayStream, tls: InnerTls, deadline: float = HANDSHAKE_DEADLINE) -> SecureSession:
        """The TLS client's side. Raises ``HandshakeFailed`` within ``deadline`` seconds.

        On return the *server* is proved to be the pinned one. Whether it accepts *us* is not known yet: in TLS 1.3 the
        client is done before the server has judged its certificate. The first answer proves it; a refusal comes
        as ``SessionClosed`` from the first ``receive``.
        """
        return await cls._open(stream, tls, "client", deadline)

    @classmethod
    async def accept(cls, stream: RelayStream, tls: InnerTls, deadline: float = HANDSHAKE_DEADLINE) -> SecureSession:
        """The TLS server's side; on return both ends are proved. Raises ``HandshakeFailed`` as ``connect`` does."""
        session = await cls._open(stream, tls, "server", deadline)
        stream.mark_established()
        return session

    @classmethod
    async def _open(cls, stream: RelayStream, tls: InnerTls, side: Side, deadline: float) -> SecureSession:
        if tls.side != side:
            raise ValueError(f"this needs an InnerTls of the {side}'s side")
        session = cls(stream, tls)
        try:
            async with asyncio.timeout(deadline):
                await session._handshake()
        except TimeoutError as error:
            stream.abort()
            raise HandshakeFailed(
                f"the other side did not finish the TLS handshake within {deadline:g} s", retryable=True
            ) from error
        except StreamClosed as error:
            raise HandshakeFailed(f"the stream ended during the TLS handshake: {error}", retryable=True) from error
        except SecureChannelError as error:
            raise HandshakeFailed(str(error)) from error
        except RelayError as error:
            await stream.close(_GOING_AWAY_BADLY, "not a TLS stream")
            raise HandshakeFailed(str(error)) from error
        except asyncio.CancelledError:
            stream.abort()
            raise
        session.peer_certificate_der = tls.peer_certificate_der or b""
        session.peer_thumbprint = tls.peer_thumbprint or ""
        return session

    async def send(self, message: bytes) -> None:
        """Send one message. Raises ``SessionClosed``; ``ProtocolViolation`` for a wrong size.

        It leaves at the end of this turn of the event loop, together with what else was sent in it. When the other side
        does not keep up, ``send`` waits for room, within the send deadline. Cancelling one that waits sends nothing;
        later than that, the message goes out all the same.
        """
        try:
            frame = encode_frame(message)
        except FrameInvalid as error:
            raise ProtocolViolation(str(error)) from error
        if self._ended is not None:
            self._check()
        if not self._outbox.put(frame):
            await self._put_when_possible(frame)

    async def receive(self) -> bytes:
        """The next message. Raises ``SessionClosed``, whose ``clean`` says whether the other side had said goodbye.

        Cancelling it loses nothing. There is no deadline: a healthy session may be silent.
        """
        if self._receiving:
            raise RuntimeError("one task at a time may receive from a session")
        self._receiving = True
        try:
            while not self._ready:
                self._check()
                await self._receive_more()
            return self._ready.popleft()
        finally:
            self._receiving = False

    async def close(self, reason: str = "") -> None:
        """Send what still waits, say goodbye and close the stream; within a few seconds at worst.

        Idempotent; raises nothing.
        """
        try:
            if self._ended is None:
                self._ended = SessionClosed(reason or "the session was closed here", clean=True)
                self._outbox.shut()
                with contextlib.suppress(TimeoutError, RelayError, SecureChannelError):
                    async with asyncio.timeout(CLOSE_DEADLINE):
                        await self._outbox.push()
                        self._tls.close()
                        await self._stream.send(self._tls.data_to_send())
            await self._stream.close(1000, reason)
        except asyncio.CancelledError:
            self._stream.abort()
            raise

    async def _handshake(self) -> None:
        """Flights to and fro until this side is done. An alert is sent before the error is raised: both shall know."""
        while True:
            out = self._tls.data_to_send()
            if out:
                await self._stream.send(out)
            if self._tls.handshake_complete:
                return
            data = await self._stream.receive()
            try:
                plain = self._tls.receive_bytes(data)
                self._ready.extend(self._frames.feed(plain))
            except SecureChannelError as error:
                await self._part(error)
                raise

    async def _receive_more(self) -> None:
        try:
            data = await self._stream.receive()
        except StreamClosed as error:
            self._stream_ended(error)
        except RelayError as error:  # a text message
            self._end(SessionClosed(str(error)), error)
        # Nothing waits between here and the queue: a cancelled receive() loses no byte.
        try:
            self._ready.extend(self._frames.feed(self._tls.receive_bytes(data)))
        except SecureChannelError as error:
            await self._part(error)
            self._end(SessionClosed(str(error)), error)
        if self._tls.close_received and self._ended is None:
            self._ended = self._farewell()
            self._outbox.shut()
        # What TLS itself has to say (an answer to a key update); rarely anything.
        if self._tls.has_data_to_send and self._ended is None:
            self._outbox.leave_soon()

    async def _put_when_possible(self, frame: bytes) -> None:
        try:
            async with asyncio.timeout(self._outbox.deadline):
                await self._outbox.put_when_possible(frame)
        except TimeoutError as error:
            self._outbox_broken(error)
        self._check()

    def _outbox_broken(self, error: Exception) -> None:
        if isinstance(error, TimeoutError):
            # What is half on its way cannot be taken back, so the session cannot go on.
            self._stream.abort()
            self._over(SessionClosed(f"the other side took nothing for {self._outbox.deadline:g} s"))
        else:
            self._over(SessionClosed(str(error)))

    async def _part(self, error: SecureChannelError) -> None:
        """Tell the other side why, as far as it still listens, and close."""
        with contextlib.suppress(TimeoutError, RelayError):
            async with asyncio.timeout(CLOSE_DEADLINE):
                out = self._tls.data_to_send()
                if out:
                    await self._stream.send(out)
                await self._stream.close(_GOING_AWAY_BADLY, "the sealed session failed")

    def _stream_ended(self, error: StreamClosed) -> NoReturn:
        try:
            self._tls.receive_eof()
        except TruncatedStream as truncated:
            self._end(SessionClosed(f"{truncated} ({error})"), error)
        except SecureChannelError as failure:
            self._end(SessionClosed(str(failure)), error)
        self._end(self._farewell(), error)

    def _farewell(self) -> SessionClosed:
        if not self._frames.empty:
            return SessionClosed("the other side ended the session in the middle of a message")
        return SessionClosed("the other side ended the session", clean=True)

    def _end(self, ended: SessionClosed, cause: BaseException) -> NoReturn:
        first = self._over(ended)
        raise SessionClosed(first.reason, clean=first.clean) from cause

    def _over(self, ended: SessionClosed) -> SessionClosed:
        """Forget what waits to leave, and tell everybody who calls from now on; answers the first reason there was."""
        if self._ended is None:
            self._ended = ended
        self._outbox.forget()
        return self._ended

    def _check(self) -> None:
        if self._ended is not None:
            raise SessionClosed(self._ended.reason, clean=self._ended.clean)
