"""The body of an HTTP/1.1 request as a calculation (RFC 9112, 6 and 7): by its length, or in chunks."""

from __future__ import annotations

from typing import Final

from relay_bridge.emulator.http_head import HeadError

MAX_CHUNK_LINE: Final = 1_024  # bytes of a chunk's size and extensions
MAX_TRAILER: Final = 8_192  # bytes after the last chunk; read and thrown away: the relay has no place for them
_MAX_SIZE_DIGITS: Final = 12
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")


class LengthBody:
    """A body of ``length`` bytes, more than none."""

    __slots__ = ("done", "left")

    def __init__(self, length: int) -> None:
        self.left = length
        self.done = False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """What of ``data`` belongs to the body, and what follows it."""
        if len(data) < self.left:
            self.left -= len(data)
            return data, b""
        content, rest = data[: self.left], data[self.left :]
        self.left = 0
        self.done = True
        return content, rest


class ChunkedBody:
    """A body in chunks, each with its length before it, up to one of length 0."""

    __slots__ = ("_left", "_line", "_state", "_trailer", "done")

    def __init__(self) -> None:
        self.done = False
        self._state = _SIZE
        self._left = 0  # bytes of the current chunk that are still to come
        self._line = b""  # an incomplete line
        self._trailer = 0  # bytes of it read so far

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """What of ``data`` belongs to the body, and what follows it. Raises ``HeadError`` 400."""
        content: list[bytes] = []
        at = 0
        if self._line:
            data, self._line = self._line + data, b""
        while at < len(data) and not self.done:
            if self._state == _DATA:
                piece = data[at : at + self._left]
                content.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = _DATA_END
                continue
            end = data.find(b"\n", at, at + MAX_CHUNK_LINE + 2)
            if end < 0:
                if len(data) - at > MAX_CHUNK_LINE:
                    raise HeadError(400, "a chunk's length must stand on a line of its own")
                self._line = data[at:]
                at = len(data)
                break
            if end == at or data[end - 1] != _CR:
                raise HeadError(400, "lines between chunks must end in CR LF")
            self._take_line(data[at : end - 1])
            at = end + 1
        return (content[0] if len(content) == 1 else b"".join(content)), data[at:]

    def _take_line(self, line: bytes) -> None:
        if self._state == _DATA_END:
            if line:
                raise HeadError(400, "a chunk is longer than it said")
            self._state = _SIZE
        elif self._state == _SIZE:
            size = line.partition(b";")[0].strip(b" \t")
            if not size or len(size) > _MAX_SIZE_DIGITS or not _HEX.issuperset(size) or b"\r" in line:
                raise HeadError(400, "a chunk's length must be a hexadecimal number")
            self._left = int(size, 16)
            self._state = _DATA if self._left else _TRAILER
        elif not line:
            self.done = True
        else:
            self._trailer += len(line)
            if self._trailer > MAX_TRAILER:
                raise HeadError(431, f"trailers of more than {MAX_TRAILER} bytes")


_CR: Final = 0x0D
_SIZE, _DATA, _DATA_END, _TRAILER = range(4)

Body = LengthBody | ChunkedBody
