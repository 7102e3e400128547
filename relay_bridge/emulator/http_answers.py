"""The bytes of HTTP answers: heads, and bodies by length, in chunks, or to the end of the connection."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

VIA: Final = "Via"

_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_BODILESS: Final = frozenset({204, 304})


def body_allowed(method: str, status: int) -> bool:
    """Whether a response to ``method`` with ``status`` has a body on the wire (RFC 9110, 6.4.1)."""
    return method != "HEAD" and status not in _BODILESS


def via(received: str | None, host: str) -> str:
    """The ``Via`` line with the relay added (relay protocol 3.2): its presence tells a listener's answer from ours."""
    ours = f"1.1 {host}"
    return f"{received}, {ours}" if received else ours


def response_head(
    status: int,
    reason: str,
    headers: Iterable[tuple[str, str]],
    *,
    length: int | None,
    chunked: bool,
    close: bool,
    minor: int = 1,
) -> bytes:
    """A status line and headers, up to the empty line.

    ``length`` is the body's Content-Length, None to say nothing about it; ``chunked`` announces chunks; ``close`` that
    the connection ends behind it; ``minor`` is of the caller's HTTP/1.x. ``headers`` must be fit for header lines.
    """
    lines = [f"HTTP/1.1 {status} {reason or _PHRASES.get(status, '')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    elif length is not None:
        lines.append(f"Content-Length: {length}")
    if close:
        lines.append("Connection: close")
    elif not minor:
        lines.append("Connection: keep-alive")
    lines.append("\r\n")
    return _encode("\r\n".join(lines))


def chunk(data: bytes, *, last: bool) -> bytes:
    """``data`` as a chunk, and the end of all chunks behind the ``last``."""
    end = b"0\r\n\r\n" if last else b""
    return b"%x\r\n%b\r\n%b" % (len(data), data, end) if data else end


def _encode(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8")
