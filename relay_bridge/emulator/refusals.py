"""The relay's own "no": a status, a reason phrase that carries the tracking details, and a small JSON body."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from relay_bridge.emulator.behaviour import Behaviour
from relay_bridge.protocol.addresses import TRACKING_HEADER

MAX_PHRASE: Final = 1_000  # characters; clients read a status line of some kilobytes at most
MAX_TEXT: Final = 300  # characters of what others wrote, repeated in a phrase


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """Ends a handshake or request with ``status``; ``text`` is the sentence without tracking details."""

    def __init__(self, status: int, text: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers or {}


def unknown_rendezvous(behaviour: Behaviour) -> Refusal:
    """The answer to a listener that dials an address which opens nothing, or nothing any more."""
    return Refusal(behaviour.bad_rendezvous_status, "The rendezvous is unknown, has been used, or has expired")


def printable(text: str, limit: int = MAX_TEXT) -> str:
    """``text`` fit for a status line or a log line: printable ASCII, no line ends, at most ``limit`` characters."""
    text = text[:limit]
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def reason_phrase(text: str, tracking_id: str, host: str, path: str, now: float) -> str:
    """``TEXT. TrackingId:…, SystemTracker:sb://host/path, Timestamp:…`` (relay protocol, section 5)."""
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    details = f"TrackingId:{tracking_id}, SystemTracker:sb://{host}/{path}, Timestamp:{moment}"
    return printable(f"{text}. {details}", MAX_PHRASE)


def answer(
    refusal: Refusal,
    *,
    tracking_id: str,
    host: str,
    path: str,
    now: float,
    close: bool = True,
    json_body: bool = True,
    head_only: bool = False,
) -> bytes:
    """The HTTP answer. It has no ``Via``: that is how a sender tells the relay's word from a listener's.

    ``close`` says that the connection ends behind it; ``head_only`` answers a HEAD.
    """
    phrase = reason_phrase(refusal.text, tracking_id, printable(host, 255), printable(path), now)
    body = b""
    lines = [f"HTTP/1.1 {refusal.status} {phrase}", f"{TRACKING_HEADER}: {printable(tracking_id)}"]
    lines += [f"{name}: {value}" for name, value in refusal.headers.items()]
    if json_body:
        error = {"error": {"code": _ERROR_CODES.get(refusal.status, _INTERNAL), "message": phrase}}
        body = json.dumps(error).encode("ascii")
        lines.append("Content-Type: application/json; charset=utf-8")
    return _finish(lines, b"" if head_only else body, len(body), close=close)


def rejection(status: int, description: str) -> bytes:
    """What a sender gets when the listener said no: the listener's own code and text, nothing added."""
    return _finish([f"HTTP/1.1 {status} {printable(description, MAX_PHRASE) or _phrase(status)}"], b"", 0, close=True)


def _finish(lines: list[str], body: bytes, length: int, *, close: bool) -> bytes:
    lines.append(f"Content-Length: {length}")
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + body


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


# The numbers in the JSON body: 0 success, 1 gateway timeout, 2 internal, 3 endpoint not found, 4 token, 5 forbidden.
_INTERNAL: Final = 2
_ERROR_CODES: Final = {504: 1, 500: _INTERNAL, 404: 3, 401: 4, 403: 5}
