"""The JSON of the control channel: reading what the service sends, writing what a listener sends.

    service → listener   {"accept": {...}}  {"request": {...}}
    listener → service   {"renewToken": {"token": "..."}}  {"response": {...}}

One object, one top-level key. Unknown keys and unknown fields are ignored, as the service's own clients do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from relay_bridge.protocol.errors import ProtocolViolation
from relay_bridge.protocol.limits import MAX_ADDRESS, MAX_CONTROL_MESSAGE


@dataclass(frozen=True)
class Accept:
    """A sender waits at ``address``: dial it within ``ACCEPT_DEADLINE`` to accept or to reject."""

    address: str = field(repr=False)  # a rendezvous address opens a stream once: it is as good as a token
    id: str
    connect_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    remote_endpoint: str | None = None  # "address:port" of the sender as the relay saw it


@dataclass(frozen=True)
class UnsupportedCommand:
    """A command of the protocol that this side does not carry out (``request``: an HTTP request to the listener)."""

    name: str
    body_follows: bool = False  # the next binary message is its body


@dataclass(frozen=True)
class UnknownCommand:
    """An object with no key that the protocol knows. To be ignored."""

    names: tuple[str, ...]


Command = Accept | UnsupportedCommand | UnknownCommand


def parse_command(text: str | bytes) -> Command:
    """One text message of the service. ``ProtocolViolation`` for what is no command; nothing else is raised."""
    size = len(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    if size > MAX_CONTROL_MESSAGE:
        raise ProtocolViolation(f"a control message of {size} bytes is over the limit of {MAX_CONTROL_MESSAGE}")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation("a control message that is not JSON") from error
    if not isinstance(message, dict):
        raise ProtocolViolation("a control message that is not a JSON object")
    if "accept" in message:
        return _accept(message["accept"])
    if "request" in message:
        body = message["request"].get("body") if isinstance(message["request"], dict) else None
        return UnsupportedCommand("request", body_follows=body is True)
    return UnknownCommand(tuple(str(name)[:40] for name in list(message)[:4]))


def format_renew_token(token: str) -> str:
    """``renewToken``: the token exactly as in the header, not encoded again. There is no answer when it is taken."""
    return json.dumps({"renewToken": {"token": token}}, separators=(",", ":"))


def _accept(body: Any) -> Accept:
    if not isinstance(body, dict):
        raise ProtocolViolation("accept is not an object")
    address, identifier = body.get("address"), body.get("id", "")
    headers = body.get("connectHeaders", {})
    if not isinstance(address, str) or not 0 < len(address) <= MAX_ADDRESS:
        raise ProtocolViolation("accept without a usable address")
    if not isinstance(identifier, str):
        raise ProtocolViolation("accept with an id that is no string")
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise ProtocolViolation("accept with connectHeaders that are not strings")
    return Accept(address, identifier, MappingProxyType(headers), _remote(body.get("remoteEndpoint")))


def _remote(value: Any) -> str | None:
    # Not in the vendor's document, only in its clients: good for a log line, so nothing is refused for its sake.
    if not isinstance(value, dict) or not isinstance(value.get("address"), str):
        return None
    port = value.get("port")
    place = value["address"][:64]
    return f"{place}:{port}" if isinstance(port, int) and not isinstance(port, bool) and abs(port) < 2**16 else place
