"""The head of an HTTP/1.1 request as a calculation (RFC 9112): bytes in, method, target, headers and body length out.

Strict where leniency would let two readers of the same bytes disagree: lines end in CR LF, nothing is folded, a body
has one length. Any method is carried, and the target's bytes stay as they are: what they mean is for others to say.
"""

from __future__ import annotations

import re
from typing import Final

MAX_HEAD: Final = 65_536  # bytes from the method to the empty line; a rendezvous address may have half of it
MAX_HEADER_LINES: Final = 256
_MAX_LENGTH_DIGITS: Final = 18  # of a Content-Length: an exabyte less one

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_TOKEN_BYTES: Final = frozenset(b"!#$%&'*+.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-")
_REQUEST_LINE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([^\x00-\x20\x7f]+) HTTP/(\d)\.(\d)\Z")
# Control characters that no head has; a tab is one that it may have, and line ends are looked at apart.
_CONTROLS: Final = bytes(sorted({*range(0x20), 0x7F} - set(b"\t\r\n")))


class HeadError(Exception):
    """Bytes that are no request this relay can read; ``status`` is the answer. The text never repeats them."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class RequestHead:
    """What stood before the body. ``fields`` has the headers by name in lower case, repeated ones joined with ", "."""

    __slots__ = ("body_length", "expects_continue", "fields", "headers", "keep_alive", "method", "minor", "target")

    def __init__(self, method: str, target: str, minor: int, headers: tuple[tuple[str, str], ...]) -> None:
        self.method = method
        self.target = target
        self.minor = minor  # of HTTP/1.x
        self.headers = headers  # names in the sender's case, in order
        fields: dict[str, str] = {}
        for name, value in headers:
            lower = name.lower()
            fields[lower] = f"{fields[lower]}, {value}" if lower in fields else value
        self.fields = fields
        self.body_length = self._body_length()  # bytes; None is a body whose end comes by chunks
        connection = fields.get("connection", "").lower()
        self.keep_alive = "close" not in connection if minor else "keep-alive" in connection
        self.expects_continue = minor > 0 and fields.get("expect", "").lower() == "100-continue"

    def _body_length(self) -> int | None:
        fields = self.fields
        length = fields.get("content-length")
        if "transfer-encoding" in fields:
            # Both together is how a request is smuggled past one of two readers (RFC 9112, 6.3).
            if length is not None or not self.minor:
                raise HeadError(400, "a body has either a Content-Length or, in HTTP/1.1, a Transfer-Encoding")
            if fields["transfer-encoding"].strip().lower() != "chunked":
                raise HeadError(501, "the only Transfer-Encoding read here is chunked")
            return None
        if length is None:
            return 0
        if not (length.isascii() and length.isdigit()) or len(length) > _MAX_LENGTH_DIGITS:
            raise HeadError(400, "Content-Length must be one decimal number")
        return int(length)


def check_beginning(head: bytes | bytearray) -> None:
    """Raises ``HeadError`` when these first bytes are no beginning of a head: one that speaks TLS should not wait."""
    if head and head[0] not in _TOKEN_BYTES:
        raise HeadError(400, "what came is not HTTP")
    end = head.find(b"\n", 0, MAX_HEAD)
    if end >= 0 and not head[:end].endswith(b"\r"):
        raise HeadError(400, "lines of a head must end in CR LF")


def parse_head(head: bytes) -> RequestHead:
    """Read ``head``, the bytes up to the empty line and without it. Raises ``HeadError``."""
    ends = head.count(b"\r\n")
    if len(head.translate(None, _CONTROLS)) != len(head) or head.count(b"\r") != ends or head.count(b"\n") != ends:
        raise HeadError(400, "a control character stands in the head of the request")
    line, *lines = head.decode("latin-1").split("\r\n")
    found = _REQUEST_LINE.match(line)
    if found is None:
        raise HeadError(400, "the request line must be a method, a target and HTTP/1.1")
    method, target, major, minor = found.groups()
    if major != "1":
        raise HeadError(505, "only HTTP/1.1 is spoken here")
    if len(lines) > MAX_HEADER_LINES:
        raise HeadError(431, f"a request has at most {MAX_HEADER_LINES} header lines")
    plain = head.isascii()
    headers = []
    for header in lines:
        name, colon, value = header.partition(":")
        if not colon or not _TOKEN.match(name):
            raise HeadError(400, "a header line must be a name, a colon and a value")
        value = value.strip(" \t")
        headers.append((name, value if plain else _decode(value)))
    return RequestHead(method, target, int(minor), tuple(headers))


def _decode(value: str) -> str:
    """Header bytes as text that JSON can carry: UTF-8 where it is that, otherwise byte for byte (RFC 9110, 5.5)."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return value
