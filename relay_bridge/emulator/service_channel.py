"""The service's end of a control channel and of an HTTP rendezvous, as a calculation: what is sent, and what may come.

Texts and bodies in, events and texts out; no socket, clock or task. It is written from the description of the service
and shares nothing with our own client's end, so that the two can be wired back to back and hold each other to account.

    service to listener     {"accept": …}   {"request": …} and, when its "body" is true, one binary message
    listener to service     {"renewToken": …}   {"response": …} and, when its "body" is true, one binary message
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from relay_bridge.protocol.limits import MAX_RESPONSE_STATUS, MIN_RESPONSE_STATUS

# Relay protocol 3.2 and 3.3: headers of the connection, never carried in either direction.
CONNECTION_HEADERS: Final = frozenset(
    {"connection", "content-length", "te", "trailer", "transfer-encoding", "upgrade", "close"}
)
MAX_RESPONSE_HEADERS: Final = 1_000
MAX_REASON: Final = 200  # characters

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
# What would end a header line, or what no header line may hold (RFC 9110, 5.5); lone surrogates have no bytes.
_BAD_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_UNPRINTABLE: Final = re.compile(r"[^ -~]")
_MAX_STATUS_DIGITS: Final = 9
_OUT_OF_ORDER: Final = "a text came where the body of a response was announced"


class TokenRenewal(NamedTuple):
    """The listener brings another token; ``token`` is empty when what it brought is none."""

    token: str

    def __repr__(self) -> str:
        return "TokenRenewal(…)"


class ListenerResponse(NamedTuple):
    """An answer to the request ``request_id``. On a control channel ``body`` is whole; over a rendezvous it follows."""

    request_id: str
    status: int
    reason: str  # printable ASCII, may be empty
    headers: tuple[tuple[str, str], ...]
    has_body: bool
    body: bytes = b""

    def __repr__(self) -> str:
        return f"ListenerResponse({self.request_id!r}, {self.status}, {len(self.body)} bytes)"


class BadResponse(NamedTuple):
    """Something meant for the request ``request_id`` (empty: unknown) that is no answer; ``reason`` says why."""

    request_id: str
    reason: str


class BodyPiece(NamedTuple):
    """A part of a response's body over a rendezvous."""

    data: bytes
    last: bool


Event = TokenRenewal | ListenerResponse | BadResponse


class ServiceChannel:
    """The service's end of one control channel, receiving. A response's body is the next binary message, at once."""

    __slots__ = ("_awaiting",)

    def __init__(self) -> None:
        self._awaiting: ListenerResponse | BadResponse | None = None  # its body comes next

    def receive_text(self, text: str | bytes) -> list[Event]:
        """What a text says; nothing for what is not known, as the service does. Never raises."""
        events: list[Event] = []
        out_of_order = self._awaiting is not None
        if self._awaiting is not None:
            events.append(BadResponse(self._awaiting.request_id, _OUT_OF_ORDER))
            self._awaiting = None
        command = _parse_object(text)
        if "response" in command:
            response = parse_response(command["response"])
            if _announces_body(command["response"]) and out_of_order:
                # The bytes that come next may belong to either: given to this one they could reach another sender.
                events.append(BadResponse(response.request_id, _OUT_OF_ORDER))
            elif _announces_body(command["response"]):
                self._awaiting = response
            else:
                events.append(response)
        elif "renewToken" in command:
            content = command["renewToken"]
            token = content.get("token") if isinstance(content, dict) else None
            events.append(TokenRenewal(token if isinstance(token, str) else ""))
        return events

    def receive_binary(self, data: bytes) -> list[Event]:
        """The body that was announced; anything else is dropped.

        One client sends an empty binary message behind a response that said it has no body.
        """
        response, self._awaiting = self._awaiting, None
        if response is None:
            return []
        if isinstance(response, ListenerResponse):
            response = response._replace(body=data)
        return [response]


class ServiceRendezvous:
    """The service's end of the socket of one HTTP exchange: one response, its body in fragments, and no more."""

    __slots__ = ("_request_id", "done", "responded")

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id
        self.responded = False
        self.done = False

    def receive_text(self, text: str | bytes) -> ListenerResponse | BadResponse | None:
        """The response; None for what is not known. Never raises."""
        if self.done:
            return None
        if self.responded:
            self.done = True
            return BadResponse(self._request_id, _OUT_OF_ORDER)
        command = _parse_object(text)
        if "response" not in command:
            return None
        response = parse_response(command["response"])
        # The socket says which request is meant; a listener that names another one is mixed up.
        if response.request_id not in {"", self._request_id}:
            response = BadResponse(self._request_id, "a response to another request")
        self.responded = True
        if isinstance(response, BadResponse):
            self.done = True
            return response._replace(request_id=self._request_id)
        self.done = not response.has_body
        return response._replace(request_id=self._request_id)

    def receive_fragment(self, data: bytes, last: bool) -> BodyPiece | None:
        """A part of the announced body; anything else is dropped."""
        if not self.responded or self.done:
            return None
        self.done = last
        return BodyPiece(data, last)


def format_request(
    address: str,
    *,
    request_id: str,
    target: str,
    method: str,
    headers: Mapping[str, str],
    remote: tuple[str, int],
    has_body: bool,
) -> bytes:
    """The full ``request`` text (relay protocol 3.2), UTF-8. With ``has_body`` one binary message must follow it."""
    return _ENCODER.encode(
        {
            "request": {
                "address": address,
                "id": request_id,
                "requestTarget": target,
                "method": method,
                "requestHeaders": headers,
                "remoteEndpoint": {"address": remote[0], "port": remote[1]},
                "body": has_body,
            }
        }
    )


def format_pointer(address: str) -> bytes:
    """The ``request`` text that only says where the request is to be fetched: ``address`` and nothing else."""
    return _ENCODER.encode({"request": {"address": address}})


def format_accept(address: str, tracking_id: str, headers: Mapping[str, str], remote: tuple[str, int]) -> bytes:
    """The ``accept`` text (relay protocol 3.1), UTF-8."""
    return _ENCODER.encode(
        {
            "accept": {
                "address": address,
                "id": tracking_id,
                "connectHeaders": headers,
                "remoteEndpoint": {"address": remote[0], "port": remote[1]},
            }
        }
    )


def parse_response(content: Any) -> ListenerResponse | BadResponse:
    """The object behind ``response``."""
    if not isinstance(content, dict):
        return BadResponse("", "the response is no object")
    request_id = content.get("requestId", "")
    if not isinstance(request_id, str):
        return BadResponse("", "requestId is no text")
    status = _status(content.get("statusCode"))
    if status is None:
        return BadResponse(request_id, f"statusCode is no number from {MIN_RESPONSE_STATUS} to {MAX_RESPONSE_STATUS}")
    reason = content.get("statusDescription") or ""
    if not isinstance(reason, str):
        return BadResponse(request_id, "statusDescription is no text")
    written = content.get("responseHeaders") or {}
    if not isinstance(written, dict) or len(written) > MAX_RESPONSE_HEADERS:
        return BadResponse(request_id, f"responseHeaders is no object of at most {MAX_RESPONSE_HEADERS} headers")
    headers = []
    for name, value in written.items():
        text = _header_value(value)
        if text is None or not _NAME.match(name) or _BAD_VALUE.search(text):
            return BadResponse(request_id, "a response header cannot stand in a header line")
        if name.lower() not in CONNECTION_HEADERS:
            headers.append((name, text.strip(" \t")))
    return ListenerResponse(
        request_id, status, _UNPRINTABLE.sub("?", reason[:MAX_REASON]), tuple(headers), _announces_body(content)
    )


def _announces_body(content: Any) -> bool:
    # One client leaves ``body`` out when there is none.
    return isinstance(content, dict) and content.get("body") is True


def _status(value: Any) -> int | None:
    """A number, or a text as in the description's own example."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_STATUS_DIGITS:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if MIN_RESPONSE_STATUS <= value <= MAX_RESPONSE_STATUS else None


def _header_value(value: Any) -> str | None:
    """One text. Numbers and lists are what Node hands over as they were set."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return None


def _parse_object(text: str | bytes) -> dict[str, Any]:
    """A JSON object; an empty one for everything else."""
    try:
        command = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        # The slower reader takes a little more, half of a character for instance: what is wrong with such an answer
        # can then be told to the sender at once.
        try:
            command = json.loads(text)
        except (ValueError, RecursionError):
            return {}
    return command if isinstance(command, dict) else {}


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder()
