"""Messages in a byte stream: four bytes of length (big-endian), then the message.

The relay may split and merge what it carries, so borders of WebSocket messages mean nothing: the length is the border.
"""

from __future__ import annotations

import struct
from typing import Final

from relay_bridge.secure_channel.errors import FrameInvalid

MAX_FRAME: Final = 65_536  # bytes of one message, without its length
_HEADER = 4
_LENGTH: Final = struct.Struct("!I")


def encode_frame(message: bytes) -> bytes:
    """``message`` with its length before it; 1 to ``MAX_FRAME`` bytes."""
    if not 0 < len(message) <= MAX_FRAME:
        raise FrameInvalid(f"a message has 1 to {MAX_FRAME} bytes, not {len(message)}")
    return _LENGTH.pack(len(message)) + message


def encoded_size(length: int) -> int:
    """Bytes of a message of ``length`` bytes once it is encoded."""
    return _HEADER + length


class FrameParser:
    """Takes bytes in any pieces, gives back whole messages. Holds at most one unfinished message."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def empty(self) -> bool:
        """No unfinished message is held: the stream may end here."""
        return not self._rest

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that ``data`` completed. ``FrameInvalid`` ends the stream: the next border cannot be found."""
        data = self._rest + data if self._rest else data
        messages: list[bytes] = []
        start, have = 0, len(data)
        while have - start >= _HEADER:
            (length,) = _LENGTH.unpack_from(data, start)
            # Judged as soon as the length is known, before anything is stored for it.
            if not 0 < length <= MAX_FRAME:
                raise FrameInvalid(
                    f"the other side announced a message of {length} bytes; 1 to {MAX_FRAME} are allowed"
                )
            end = start + _HEADER + length
            if have < end:
                break
            messages.append(data[start + _HEADER : end])
            start = end
        self._rest = data[start:]
        return messages
