"""Whole messages from frames: texts and bodies of a bounded size, as a control channel carries them."""

from __future__ import annotations

from typing import Final, NamedTuple

from relay_bridge.emulator.frames import CloseCode, FrameError, Opcode, Piece

_DATA_OPCODES: Final = (Opcode.TEXT, Opcode.BINARY)


class Message(NamedTuple):
    """A text or a binary message, whole."""

    is_text: bool
    payload: bytes


class MessageReader:
    """Puts pieces together. ``max_text`` and ``max_binary`` are bytes of one message."""

    __slots__ = ("_is_text", "_max_binary", "_max_text", "_parts", "_size")

    def __init__(self, *, max_text: int, max_binary: int) -> None:
        self._max_text = max_text
        self._max_binary = max_binary
        self._parts: list[bytes] = []
        self._is_text = False
        self._size = 0

    def take(self, piece: Piece) -> Message | None:
        """The message that ``piece`` (of a data frame) completes. Raises ``FrameError`` 1009 when it is too long."""
        if piece.opcode in _DATA_OPCODES:
            self._is_text = piece.opcode == Opcode.TEXT
            if piece.fin and len(piece.payload) <= (self._max_text if self._is_text else self._max_binary):
                return Message(self._is_text, piece.payload)
        self._size += len(piece.payload)
        limit = self._max_text if self._is_text else self._max_binary
        if self._size > limit:
            raise FrameError(CloseCode.TOO_BIG, f"a message is over the limit of {limit} bytes")
        self._parts.append(piece.payload)
        if not piece.fin:
            return None
        message = Message(self._is_text, b"".join(self._parts))
        self._parts.clear()
        self._size = 0
        return message
