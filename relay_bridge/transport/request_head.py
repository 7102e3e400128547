"""The head of an HTTP request through the relay, as bytes: what a caller may say in it, and what we say ourselves."""

from __future__ import annotations

from typing import Final

from relay_bridge.protocol.addresses import AUTH_HEADER
from relay_bridge.protocol.errors import HttpMessageError
from relay_bridge.protocol.http_rules import CONNECTION_HEADERS, TOKEN, VALUE
from relay_bridge.protocol.limits import MAX_METHOD
from relay_bridge.transport.http_messages import HeaderPairs, Headers

MAX_HEAD: Final = 65_536  # bytes of a request's head

# RFC 9110, 9.2.2: a request that may be sent once more when nobody knows whether it arrived.
IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
# For these an empty body is worth a Content-Length (RFC 9110, 8.6); a relay may refuse them with 411 otherwise.
_EXPECT_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_OURS: Final = {
    **dict.fromkeys(
        CONNECTION_HEADERS | {"keep-alive", "proxy-connection"}, "the relay does not carry headers of the connection"
    ),
    "proxy-authorization": "it belongs to a proxy, whose name and password stand in its URL",
    "content-length": "it follows from the body",
    "transfer-encoding": "it follows from the body",
    "host": "it is the relay's address",
    "expect": "a relay does not wait with a body",
    AUTH_HEADER.lower(): "it is the relay's own, from the credential; a listener never sees it",
}


def request_head(
    method: str, target: str, *, host: str, headers: HeaderPairs | Headers, token: str, body_length: int | None
) -> bytes:
    """Request line and headers, with the empty line. ``target`` and ``host`` are taken as they are.

    ``token``: the relay's, empty for none. ``body_length``: None means that the body comes in chunks. Raises
    ``HttpMessageError`` for a method, a name or a value that cannot stand there; it never repeats a value.
    """
    if len(method) > MAX_METHOD or not TOKEN.match(method) or method == "CONNECT":
        raise HttpMessageError("the method of a request is one word such as GET; CONNECT is for proxies")
    lines = [f"{method} {target} HTTP/1.1\r\nHost: {host}"]
    if token:
        if not token.isprintable():
            raise HttpMessageError("the relay's token cannot stand in a header line")
        lines.append(f"{AUTH_HEADER}: {token}")
    if headers:
        lines += [_line(name, value) for name, value in Headers(headers)]
    if body_length is None:
        lines.append("Transfer-Encoding: chunked")
    elif body_length or method in _EXPECT_BODY:
        lines.append(f"Content-Length: {body_length}")
    lines.append("\r\n")
    head = "\r\n".join(lines).encode()
    if len(head) > MAX_HEAD:
        raise HttpMessageError(f"the head of the request is over the limit of {MAX_HEAD} bytes")
    return head


def _line(name: str, value: str) -> str:
    if not isinstance(name, str) or not TOKEN.match(name):
        raise HttpMessageError("a request header has a name that is none")
    if not isinstance(value, str) or not VALUE.match(value):
        raise HttpMessageError(f"the request header {name[:40]} has a value that cannot stand in a header line")
    why = _OURS.get(name.lower())
    if why is not None:
        raise HttpMessageError(f"the header {name} cannot be set: {why}")
    return f"{name}: {value}"
