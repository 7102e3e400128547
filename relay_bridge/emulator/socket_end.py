"""A WebSocket whose other end is the relay itself: control channels, and rendezvous of HTTP exchanges.

Frames come in as pieces; pings are answered, the closing handshake is kept and bounded. What the pieces mean is the
business of the two kinds.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.frames import CloseCode, FrameError, FrameReader, Opcode, Piece, close_payload, frame

logger = logging.getLogger(__name__)

CLOSE_DEADLINE: Final = 2.0  # seconds the other end has to answer a close frame
ERROR_LINGER: Final = 0.5  # seconds between the close frame for a broken protocol and the end of TCP


class SocketEnd:
    """The relay's side of one WebSocket, from the answered handshake to the end of TCP."""

    __slots__ = ("_late_pong", "_reader", "close_received", "close_sent", "connection", "lost", "name")

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection = connection
        self.name = name  # for the log
        self.close_sent = False
        self.close_received = False
        self.lost = False
        self._reader = FrameReader()
        self._late_pong: bytes | None = None

    # What the two kinds say

    def take_piece(self, piece: Piece) -> None:
        """A data frame, or a part of one. May raise ``FrameError``."""
        raise NotImplementedError

    def socket_closed(self, code: int) -> None:
        """Called once: the other end has closed (``code``), or is gone (1006)."""
        raise NotImplementedError

    def has_room(self) -> None:
        """More can be written."""

    # What they use

    @property
    def is_open(self) -> bool:
        """Neither side has begun to close."""
        return not (self.close_sent or self.close_received or self.lost) and self.connection.is_open

    def close(self, code: int, reason: str) -> None:
        """Begin to close; TCP is over at most ``CLOSE_DEADLINE`` seconds later."""
        if self.close_sent or self.lost:
            return
        self.close_sent = True
        self.connection.write(frame(Opcode.CLOSE, close_payload(code, reason)))
        self.connection.release()  # it must be read now, for its own close frame
        if self.close_received:
            self.connection.close_soon()
        self._abort_after(CLOSE_DEADLINE)

    # What the connection calls

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        try:
            for piece in reader.feed(data):
                if piece.opcode < Opcode.CLOSE:
                    if not self.close_sent:
                        self.take_piece(piece)
                elif piece.opcode == Opcode.PING:
                    self._answer_ping(piece.payload)
                elif piece.opcode == Opcode.CLOSE:
                    self._take_close(piece.payload)
                    return
            if reader.error is not None:
                raise reader.error
        except FrameError as error:
            self._fail(error)

    def writing_resumed(self) -> None:
        if self._late_pong is not None:
            pong, self._late_pong = self._late_pong, None
            self.connection.write(frame(Opcode.PONG, pong))
        self.has_room()

    def connection_lost(self) -> None:
        self.lost = True
        if not self.close_received:
            self.close_received = True
            self.socket_closed(_ABNORMAL)

    def _take_close(self, payload: bytes) -> None:
        if self.close_received:
            return
        if len(payload) == 1:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "a close frame of one byte")
        self.close_received = True
        code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else _NO_STATUS
        if not self.close_sent:
            self.close_sent = True
            self.connection.write(frame(Opcode.CLOSE, payload[:2] if len(payload) >= 2 else b""))
        self.connection.close_soon()
        self._abort_after(CLOSE_DEADLINE)
        self.socket_closed(code)

    def _fail(self, error: FrameError) -> None:
        if self.close_sent:
            return
        logger.warning("%s broke the protocol: %s.", self.name, error)
        self.close(error.code, str(error))
        # Its answer cannot be read any more; but closing at once, while it still sends, could destroy the close frame.
        asyncio.get_running_loop().call_later(ERROR_LINGER, self.connection.close_soon)

    def _answer_ping(self, payload: bytes) -> None:
        # A peer that sends pings but reads nothing must not fill memory: only the latest is kept (RFC 6455, 5.5.3).
        if self.connection.writing_paused:
            self._late_pong = payload
        elif not self.close_sent:
            self.connection.write(frame(Opcode.PONG, payload))

    def _abort_after(self, seconds: float) -> None:
        connection = self.connection
        connection.deadline = min(connection.deadline, asyncio.get_running_loop().time() + seconds)


_ABNORMAL: Final = 1006  # RFC 6455, 7.1.5: never on the wire
_NO_STATUS: Final = 1005
