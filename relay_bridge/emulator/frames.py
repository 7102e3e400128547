"""WebSocket frames as a calculation (RFC 6455, section 5): bytes from a client in, pieces to carry on out.

The relay does not put messages together. It carries pieces: a data frame of up to ``PIECE`` bytes as one, a larger one
as several fragments, with type and FIN kept (relay protocol, section 4). So one socket never holds more than a piece.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Final, NamedTuple

PIECE: Final = 32 * 1024  # bytes; the service pumps in pieces of this size
# One official client sends a whole HTTP body, however long, in one frame. Nothing here holds more than a piece of it.
MAX_FRAME: Final = 1 << 30  # bytes of payload in one frame; the service states no limit


class Opcode(IntEnum):
    """RFC 6455, 5.2."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class CloseCode(IntEnum):
    """The codes this relay sends on its own account (RFC 6455, 7.4.1)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    POLICY_VIOLATION = 1008
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011


class Piece(NamedTuple):
    """A frame, or a part of one. ``opcode`` is CONTINUATION for every part but the first of a message."""

    opcode: int
    fin: bool
    payload: bytes


class FrameError(Exception):
    """Bytes that are no frame this relay carries; ``code`` is the close code for whoever sent them."""

    def __init__(self, code: CloseCode, message: str) -> None:
        super().__init__(message)
        self.code = code


_CONTROL: Final = 0x8  # opcodes from here on are control frames
_MAX_CONTROL_PAYLOAD: Final = 125
_MASK_BIT: Final = 0x80
_KNOWN: Final = frozenset(int(opcode) for opcode in Opcode)
_XOR_TABLES: Final = tuple(bytes(a ^ b for a in range(256)) for b in range(256))


class FrameReader:
    """Reads what a client sends. Feed it bytes as they come; it keeps what is not yet a piece.

    When the bytes stop being frames, ``error`` is set, the pieces before it are still handed out, and what follows is
    thrown away. Text is not checked to be UTF-8: that is between the two ends.
    """

    def __init__(self) -> None:
        self.error: FrameError | None = None
        self._rest = b""  # an incomplete header, or less than one piece of payload
        self._remaining = -1  # bytes of the current frame's payload not yet handed out; -1 between frames
        self._opcode = 0
        self._fin = True
        self._mask = b""
        self._in_message = False  # between the first fragment of a message and its last

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that ``data`` completes, in order. The caller looks at ``error`` afterwards."""
        pieces: list[Piece] = []
        if self.error is None:
            try:
                self._take(self._rest + data if self._rest else data, pieces)
            except FrameError as error:
                self.error = error
                self._rest = b""
        return pieces

    def _take(self, data: bytes, pieces: list[Piece]) -> None:
        at = 0
        while True:
            if self._remaining < 0:
                start = self._read_header(data, at)
                if start < 0:
                    break
                at = start
            size = self._remaining if self._remaining <= PIECE else PIECE
            if len(data) - at < size:
                break
            payload = unmask(self._mask, data[at : at + size])
            at += size
            self._remaining -= size
            last = self._remaining == 0
            pieces.append(Piece(self._opcode, self._fin and last, payload))
            if last:
                self._remaining = -1
            else:
                self._opcode = Opcode.CONTINUATION
        self._rest = data[at:]

    def _read_header(self, data: bytes, at: int) -> int:
        """Take one frame header; where its payload starts, or -1 when the header is not complete."""
        have = len(data) - at
        if have < 2:
            return -1
        first, second = data[at], data[at + 1]
        opcode, fin, length = first & 0x0F, first >= 0x80, second & 0x7F
        if first & 0x70:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "a reserved bit is set, but no extension was negotiated")
        if opcode not in _KNOWN:
            raise FrameError(CloseCode.PROTOCOL_ERROR, f"unknown opcode {opcode}")
        if not second & _MASK_BIT:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "a client must mask its frames")
        if opcode >= _CONTROL:
            if not fin or length > _MAX_CONTROL_PAYLOAD:
                raise FrameError(CloseCode.PROTOCOL_ERROR, "a control frame is whole and at most 125 bytes long")
        elif (opcode == Opcode.CONTINUATION) != self._in_message:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "a fragment stands where none was expected, or one is missing")
        at += 2
        if length == 126:
            if have < 4:
                return -1
            (length,) = struct.unpack_from("!H", data, at)
            at += 2
        elif length == 127:
            if have < 10:
                return -1
            (length,) = struct.unpack_from("!Q", data, at)
            at += 8
        if length > MAX_FRAME:
            raise FrameError(CloseCode.TOO_BIG, f"a frame of {length} bytes is over the relay's limit of {MAX_FRAME}")
        if len(data) - at < 4:
            return -1
        if opcode < _CONTROL:
            self._in_message = not fin
        self._opcode, self._fin, self._remaining = opcode, fin, length
        self._mask = data[at : at + 4]
        return at + 4


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """One frame as a server sends it: not masked."""
    first = (0x80 if fin else 0) | opcode
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def close_payload(code: int, reason: str) -> bytes:
    """Payload of a close frame; the reason is cut to what a control frame holds, at a whole character."""
    text = reason.encode("utf-8")[: _MAX_CONTROL_PAYLOAD - 2].decode("utf-8", "ignore")
    return struct.pack("!H", code) + text.encode("utf-8")


def unmask_in_python(mask: bytes, payload: bytes) -> bytes:
    """Undo a client's masking (RFC 6455, 5.3), a quarter of the bytes at a time."""
    plain = bytearray(payload)
    for offset in range(4):
        plain[offset::4] = plain[offset::4].translate(_XOR_TABLES[mask[offset]])
    return bytes(plain)


def _fastest_unmask() -> Callable[[bytes, bytes], bytes]:
    # aiohttp's compiled routine is ten times as fast. It is not part of its public interface, hence the way round it.
    try:
        from aiohttp._websocket.helpers import websocket_mask  # noqa: PLC0415
    except ImportError:
        return unmask_in_python

    def unmask_compiled(mask: bytes, payload: bytes) -> bytes:
        plain = bytearray(payload)
        websocket_mask(mask, plain)
        return bytes(plain)

    return unmask_compiled


unmask: Final = _fastest_unmask()
