"""The JSON of the control channel: reading what the service sends, writing what a listener sends.

    service → listener   {"accept": {...}}  {"request": {...}}
    listener → service   {"renewToken": {"token": "..."}}  {"response": {...}}

One object, one top-level key. Unknown keys and unknown fields are ignored, as the service's own clients do. The same
``request`` and ``response`` travel over a rendezvous, where the limit is ``MAX_RENDEZVOUS_TEXT``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii as _quote  # ASCII, so that characters are bytes
from types import MappingProxyType
from typing import Any, Final

from relay_bridge.protocol.errors import HttpMessageError, ProtocolViolation, RequestUnusable
from relay_bridge.protocol.http_rules import TOKEN, check_status, clean_reason_phrase, fits_header_line
from relay_bridge.protocol.limits import MAX_ADDRESS, MAX_CONTROL_MESSAGE, MAX_ID, MAX_METHOD

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
# What may stand on a request line: a path, no blank, no control character (RFC 9112, 3.2). The rest is as written.
_TARGET: Final = re.compile(r"/[^\x00-\x20\x7f\ud800-\udfff]*\Z")


@dataclass(frozen=True, slots=True)
class Accept:
    """A sender waits at ``address``: dial it within ``ACCEPT_DEADLINE`` to accept or to reject."""

    address: str = field(repr=False)  # a rendezvous address opens a stream once: it is as good as a token
    id: str
    connect_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    remote_endpoint: str | None = None  # "address:port" of the sender as the relay saw it


@dataclass(slots=True)  # frozen, it would take ten times as long to make one, as with Response
class Request:
    """An HTTP request to the listener. With ``has_body`` the next binary message is its body, whatever its size."""

    address: str = field(repr=False)  # to be dialled for an answer that is too large for the control channel
    id: str  # to be named in the response
    target: str = field(repr=False)  # the sender's path and query as written, the hybrid connection's path included
    method: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # names in the sender's case
    remote_endpoint: str | None = None
    has_body: bool = False


@dataclass(frozen=True, slots=True)
class RequestPointer:
    """A request too large for the control channel waits at ``address``: dial it, the whole ``Request`` comes there."""

    address: str = field(repr=False)
    id: str = ""  # the service leaves it out


@dataclass(slots=True)
class Response:
    """The head of an answer. With ``has_body`` one binary message must follow at once, on the same socket."""

    request_id: str
    status: int
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    has_body: bool = False


@dataclass(frozen=True, slots=True)
class UnknownCommand:
    """An object with no key that the protocol knows. To be ignored."""

    names: tuple[str, ...]


Command = Accept | Request | RequestPointer | UnknownCommand


def parse_command(text: str | bytes, limit: int = MAX_CONTROL_MESSAGE) -> Command:
    """One text message of the service, of at most ``limit`` bytes.

    ``ProtocolViolation`` for what is no command, and its kind ``RequestUnusable`` for a request that cannot be carried
    out but has an id, so that it can be answered. Nothing else is raised.
    """
    message = _object(text, limit)
    if "accept" in message:
        return _accept(message["accept"])
    if "request" in message:
        return _request(message["request"])
    return UnknownCommand(tuple(str(name)[:40] for name in list(message)[:4]))


def format_renew_token(token: str) -> str:
    """``renewToken``: the token exactly as in the header, not encoded again. There is no answer when it is taken."""
    return f'{{"renewToken":{{"token":{_quote(token)}}}}}'


def format_response(response: Response, limit: int = MAX_CONTROL_MESSAGE) -> str:
    """``response``. ``body`` is always said (the service's own clients require it); what is empty is left out.

    The headers must have been through ``clean_response_headers``. Raises ``HttpMessageError`` for a status that is
    none, and for a head of more than ``limit`` bytes.
    """
    # Written out here: an encoder for anything at all takes three times as long, and this is done for every request.
    fields = [f'"requestId":{_quote(response.request_id)},"statusCode":{check_status(response.status):d}']
    if response.reason:
        fields.append(f'"statusDescription":{_quote(clean_reason_phrase(response.reason))}')
    if response.headers:
        headers = ",".join([f"{_quote(name)}:{_quote(value)}" for name, value in response.headers.items()])
        fields.append(f'"responseHeaders":{{{headers}}}')
    fields.append('"body":true' if response.has_body else '"body":false')
    text = f'{{"response":{{{",".join(fields)}}}}}'
    if len(text) > limit:
        raise HttpMessageError(f"the headers of the response are over the limit of {limit} bytes for its whole head")
    return text


def parse_response(text: str | bytes, limit: int = MAX_CONTROL_MESSAGE) -> Response:
    """The other side of ``format_response``, for tools and tests. Raises ``ProtocolViolation`` only.

    Takes what clients really send: a status as number or as text (the vendor's example has text), no ``body`` for
    "no body", no headers, no description.
    """
    fields = _object(text, limit).get("response")
    if not isinstance(fields, dict):
        raise ProtocolViolation("a message that is no response")
    status, reason = fields.get("statusCode"), fields.get("statusDescription")
    if isinstance(status, str) and status.isascii() and status.isdigit() and len(status) == 3:
        status = int(status)
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 999:
        raise ProtocolViolation("a response without a status from 100 to 999")
    return Response(
        request_id=_id(fields.get("requestId"), "response", "requestId"),
        status=status,
        reason=clean_reason_phrase(reason) if isinstance(reason, str) else "",
        headers=_headers(fields.get("responseHeaders"), "response", "responseHeaders"),
        has_body=fields.get("body") is True,
    )


def _accept(fields: Any) -> Accept:
    fields = _fields(fields, "accept")
    identifier = fields.get("id", "")
    if not isinstance(identifier, str):
        raise ProtocolViolation("accept with an id that is no string")
    return Accept(
        _address(fields.get("address"), "accept"),
        identifier,
        _headers(fields.get("connectHeaders"), "accept", "connectHeaders"),
        _remote(fields.get("remoteEndpoint")),
    )


def _request(fields: Any) -> Request | RequestPointer:
    fields = _fields(fields, "request")
    # The service's own clients recognise a pointer by a missing method or by a missing body; the service leaves out
    # both. To go and look is the safe reading when only one is missing: the other would lose a body without a word.
    if fields.get("method") is None or fields.get("requestTarget") is None or fields.get("body") is None:
        identifier = fields.get("id")
        address = _address(fields.get("address"), "request")
        return RequestPointer(address, identifier[:MAX_ID] if isinstance(identifier, str) else "")
    identifier = _id(fields.get("id"), "request", "id")
    try:
        return _whole_request(fields, identifier)
    except ProtocolViolation as error:
        raise RequestUnusable(error.message, request_id=identifier, status=400) from error


def _whole_request(fields: dict[str, Any], identifier: str) -> Request:
    method, target, has_body = fields["method"], fields["requestTarget"], fields["body"]
    if not isinstance(method, str) or len(method) > MAX_METHOD or not TOKEN.match(method):
        raise ProtocolViolation("request with a method that is none")
    if not isinstance(target, str) or len(target) > MAX_ADDRESS or not _TARGET.match(target):
        raise ProtocolViolation("request with a requestTarget that cannot stand on a request line")
    if not isinstance(has_body, bool):
        raise ProtocolViolation("request with a body that is neither true nor false")
    return Request(
        # A request that itself came over a rendezvous is answered there and needs no address.
        address=_address(fields["address"], "request") if fields.get("address") else "",
        id=identifier,
        target=target,
        method=method,
        headers=_headers(fields.get("requestHeaders"), "request", "requestHeaders"),
        remote_endpoint=_remote(fields.get("remoteEndpoint")),
        has_body=has_body,
    )


def _object(text: str | bytes, limit: int) -> dict[str, Any]:
    if _too_long(text, limit):
        raise ProtocolViolation(f"a control message over the limit of {limit} bytes")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation("a control message that is not JSON") from error
    if not isinstance(message, dict):
        raise ProtocolViolation("a control message that is not a JSON object")
    return message


def _too_long(text: str | bytes, limit: int) -> bool:
    if len(text) > limit or isinstance(text, bytes) or text.isascii():
        return len(text) > limit
    return len(text.encode("utf-8", "surrogatepass")) > limit


def _fields(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProtocolViolation(f"{name} is not an object")
    return value


def _address(value: Any, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ADDRESS:
        raise ProtocolViolation(f"{name} without a usable address")
    return value


def _id(value: Any, name: str, key: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID or not fits_header_line(value):
        raise ProtocolViolation(f"{name} without a usable {key}")
    return value


def _headers(value: Any, name: str, key: str) -> Mapping[str, str]:
    if value is None:
        return _NOTHING
    if not isinstance(value, dict):
        raise ProtocolViolation(f"{name} with {key} that are no headers")
    # What cannot stand in a header line must not reach a handler that writes one: a line feed there is a new header.
    for header, text in value.items():
        if not isinstance(text, str) or not TOKEN.match(header) or not fits_header_line(text):
            raise ProtocolViolation(f"{name} with {key} that are no headers")
    return MappingProxyType(value)


def _remote(value: Any) -> str | None:
    # Not in the vendor's document, only in its clients: good for a log line, so nothing is refused for its sake.
    if not isinstance(value, dict) or not isinstance(value.get("address"), str):
        return None
    port = value.get("port")
    place = value["address"][:64]
    if not place.isprintable():
        place = "".join([c if c.isprintable() else "?" for c in place])
    return f"{place}:{port}" if isinstance(port, int) and not isinstance(port, bool) and abs(port) < 2**16 else place
