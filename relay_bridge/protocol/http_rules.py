"""What of HTTP the relay carries: which headers, which status, which body, and whose answer it is.

The relay is no HTTP proxy to the letter. It takes a request apart, sends it as JSON and bytes, and makes a response
from JSON and bytes again; what belongs to one connection (RFC 7230) stays on that connection.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from relay_bridge.protocol.errors import (
    AuthorizationFailed,
    EndpointNotFound,
    HttpMessageError,
    RelayRefused,
    RelayTimeout,
    RelayUnavailable,
    RequestRefused,
    clean_reason,
)
from relay_bridge.protocol.limits import (
    MAX_CONTROL_BODY,
    MAX_CONTROL_HEADERS,
    MAX_RESPONSE_STATUS,
    MIN_RESPONSE_STATUS,
)

Headers = Mapping[str, str] | Iterable[tuple[str, str]]

# Protocol, request and response: "RFC 7230 headers" are never carried, in either direction. The list is the vendor's;
# "Close" is its reading of an option of Connection. Host is on it too, but its own examples show a Host header.
CONNECTION_HEADERS: Final = frozenset(
    {"connection", "content-length", "te", "trailer", "transfer-encoding", "upgrade", "close"}
)
# Of the same nature, from a back end behind our handler: they speak of that connection and end with it.
_OURS_ALONE: Final = CONNECTION_HEADERS | {"keep-alive", "proxy-connection"}
VIA: Final = "via"

TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110, 5.6.2
# RFC 9110, 5.5, with characters for bytes: no control character but the tab, and nothing that UTF-8 cannot carry.
VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*\Z")

_MAX_REASON: Final = 200  # characters
_BODILESS: Final = frozenset({204, 304})
# Nobody listens (the service's papers say 502, 503 and 404), too many at once, or a fault of the service.
_UNAVAILABLE: Final = frozenset({429, 500, 502, 503})
_TIMEOUTS: Final = frozenset({408, 504})


def fits_header_line(value: str) -> bool:
    """Whether ``value`` can stand in a header line."""
    return value.isprintable() or VALUE.match(value) is not None  # the first is much faster, and nearly always true


def goes_by_rendezvous(body_length: int | None) -> bool:
    """Whether a body of so many bytes must not go over the control channel. None: not known yet, that is, chunked.

    Protocol, 64 kB: up to and including 65,536 bytes it is the control channel, both ways.
    """
    return body_length is None or body_length > MAX_CONTROL_BODY


def clean_response_headers(headers: Headers) -> dict[str, str]:
    """The ``responseHeaders`` of a listener's answer: one text per name, in the case of its first appearance.

    Headers of the connection are dropped, values of a repeated name joined with a comma and a space. For ``Set-Cookie``
    that is no list, but the protocol has nothing better: one cookie per response is what can be relied on.
    Raises ``HttpMessageError`` for a name or a value that cannot stand in a header line, or for more than
    ``MAX_CONTROL_HEADERS`` bytes; the values are not repeated in it, because a cookie is a secret.
    """
    names: dict[str, str] = {}
    clean: dict[str, str] = {}
    size = 0
    for name, value in _pairs(headers):
        if not isinstance(name, str) or not TOKEN.match(name):
            raise HttpMessageError("a response header has a name that is none")
        if not isinstance(value, str) or not fits_header_line(value):
            raise HttpMessageError(f"the response header {name[:40]} has a value that cannot stand in a header line")
        lower = name.lower()
        if lower in _OURS_ALONE:
            continue
        text = value.strip(" \t")
        size += len(name) + len(text.encode()) + 4  # ": " and the end of the line
        written = names.setdefault(lower, name)
        before = clean.get(written, "")
        clean[written] = f"{before}, {text}" if before and text else before or text
    if size > MAX_CONTROL_HEADERS:
        raise HttpMessageError(f"the response headers are over the limit of {MAX_CONTROL_HEADERS} bytes")
    return clean


def check_status(status: int) -> int:
    """``status`` if it can be a final answer: 200 to 999. Raises ``HttpMessageError``.

    The vendor's document forbids 502 and 504 as well; its own tests send both through the live service.
    """
    if isinstance(status, bool) or not isinstance(status, int):
        raise HttpMessageError("the status of a response is a number")
    if not MIN_RESPONSE_STATUS <= status <= MAX_RESPONSE_STATUS:
        raise HttpMessageError(f"the status of a response is from {MIN_RESPONSE_STATUS} to {MAX_RESPONSE_STATUS}")
    return status


def clean_reason_phrase(reason: str) -> str:
    """A reason phrase that the service takes: printable ASCII, with "?" for anything else, at most 200 characters."""
    reason = reason[:_MAX_REASON]
    if reason.isascii() and reason.isprintable():
        return reason
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in reason)


def body_allowed(method: str, status: int) -> bool:
    """Whether a response may have a body (RFC 9110, 6.4.1). To HEAD, and with 1xx, 204 and 304, it has none."""
    return method.upper() != "HEAD" and status >= 200 and status not in _BODILESS


def answered_by_listener(headers: Headers) -> bool:
    """Whether a listener made this answer, whatever its status. The relay puts ``Via`` on those and only on those."""
    for name, _ in _pairs(headers):  # noqa: SIM110 - a generator takes three times as long
        if name.lower() == VIA:
            return True
    return False


def http_refusal(status: int, reason: str, body: bytes = b"") -> RelayRefused:
    """The error for an answer without ``Via``: the relay's own word about an HTTP request.

    401, 403 authorization. 404 no such hybrid connection, or nobody listens: transient for a sender. 408, 504 timeout,
    and 429, 500, 502, 503 transient; the rest of 4xx will be the same next time. ``body`` is looked at when there is
    no reason phrase: the service may explain itself as ``{"error":{"code":N,"message":"..."}}``.
    """
    text = clean_reason(reason) or clean_reason(_json_message(body))
    if status in {401, 403}:
        return AuthorizationFailed(status, text)
    if status == 404:
        return EndpointNotFound(status, text, retryable=True)
    if status in _TIMEOUTS:
        return RelayTimeout(status, text)
    if status in _UNAVAILABLE or status >= 500 or status == 0:
        return RelayUnavailable(status, text)
    if 400 <= status < 500:
        return RequestRefused(status, text)
    return RelayUnavailable(
        status, text, message=f"what answered {status} is neither the relay nor a listener: a proxy, or a wrong address"
    )


def _pairs(headers: Headers) -> Iterable[tuple[str, str]]:
    return headers.items() if isinstance(headers, Mapping) else headers


def _json_message(body: bytes) -> str:
    try:
        error = json.loads(body[:MAX_CONTROL_BODY])["error"]["message"]
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return ""
    return error if isinstance(error, str) else ""
