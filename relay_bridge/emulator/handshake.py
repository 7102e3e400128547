"""What an incoming request asks of the relay, and what a listener is told of it.

Nothing here waits or decides: ``parse_relay_request`` reads method, target and headers as they stood on the wire.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, unquote_plus

from relay_bridge.emulator.refusals import Refusal, printable
from relay_bridge.protocol.addresses import (
    AUTH_HEADER,
    HC_SEGMENT,
    SB_HC_ID,
    SB_HC_STATUS_CODE,
    SB_HC_STATUS_DESCRIPTION,
    SB_HC_TOKEN,
    TRACKING_HEADER,
    Action,
    host_of,
    parse_action,
    relay_parameters,
    rendezvous_address,
    split_hc_path,
)
from relay_bridge.protocol.errors import AddressError
from relay_bridge.protocol.limits import MAX_CONTROL_MESSAGE, MAX_REJECT_STATUS, MIN_REJECT_STATUS

ALLOWED_LISTENERS: Final = "microsoft-relay-allowedlisteners"
DISALLOWED_LISTENERS: Final = "microsoft-relay-disallowedlisteners"
MAX_ID: Final = 128  # characters of a client's own sb-hc-id; a GUID has 36
GATEWAY: Final = "G0"  # the service appends the number of the gateway that took the call

_WEBSOCKET_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_AUTHORITY: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")
# What of the sender's query may stand in a rendezvous address; anything else could end its line or its string.
_TARGET: Final = re.compile(r"/[!-~]*\Z")


@dataclass(frozen=True)
class RelayRequest:
    """A request as the relay reads it. ``path`` is ``PATH[/SUFFIX]``, still percent-encoded, without outer slashes."""

    is_websocket: bool  # addressed to /$hc/
    action: Action
    path: str
    query: str = field(repr=False)  # as written, relay's parameters included
    headers: tuple[tuple[str, str], ...] = field(repr=False)  # names in the sender's case, in order
    authority: str  # host[:port] as the caller wrote it
    use_tls: bool
    remote: tuple[str, int]
    client_id: str  # the caller's own sb-hc-id, or a GUID
    rendezvous_id: str  # the same as it was written, for accept and request

    @property
    def tracking_id(self) -> str:
        return f"{self.client_id}_{GATEWAY}"

    @property
    def host(self) -> str:
        return host_of(self.authority)

    def header(self, name: str) -> str | None:
        """The value of a header, repeated ones joined with a comma and a space; None when it is not there."""
        values = [value for written, value in self.headers if written.lower() == name]
        return ", ".join(values) if values else None

    def token(self, *, required: bool) -> str | None:
        """The token from the place that wins (relay protocol 2.3), or None.

        A WebSocket handshake: header, then query. An HTTP request: query, then header. ``Authorization`` is looked at
        last, and only when the hybrid connection demands authorization; otherwise it is the listener's business.
        """
        query = relay_parameters(self.query).get(SB_HC_TOKEN)
        header = self.header(AUTH_HEADER.lower())
        first, second = (header, query) if self.is_websocket else (query, header)
        if first or second:
            return first or second
        return self.header("authorization") if required else None

    def used_authorization_header(self, *, required: bool) -> bool:
        """Whether ``Authorization`` held the relay's own token, so that it must not reach the listener."""
        own = relay_parameters(self.query).get(SB_HC_TOKEN) or self.header(AUTH_HEADER.lower())
        return required and not own

    def listener_ids(self, name: str) -> frozenset[str]:
        """The ids of a Microsoft-Relay-(Dis)AllowedListeners header, in lower case."""
        return frozenset(part.strip().lower() for part in (self.header(name) or "").split(",") if part.strip())


def parse_relay_request(
    target: str, raw_headers: Sequence[tuple[bytes, bytes]], *, use_tls: bool, remote: tuple[str, int]
) -> RelayRequest:
    """Read a request line's target and headers. Raises ``Refusal`` 400 when they cannot be a request to this relay."""
    headers = tuple((_decode(name), _decode(value)) for name, value in raw_headers)
    authorities = [value for name, value in headers if name.lower() == "host"]
    if len(authorities) != 1 or not _AUTHORITY.match(authorities[0]):
        raise Refusal(400, "The request must have one Host header with a host name and at most a port")
    if not _TARGET.match(target):
        raise Refusal(400, "The request target must be a path that starts with a slash, in ASCII")
    path, _, query = target.partition("?")
    is_websocket = unquote(path.lstrip("/").partition("/")[0]).lower() == HC_SEGMENT
    try:
        action = parse_action(query) if is_websocket else "connect"
        path = split_hc_path(path) if is_websocket else path.strip("/")
    except AddressError as error:
        raise Refusal(400, f"Bad request: {error}") from error
    written_id = relay_parameters(query).get(SB_HC_ID, "")
    return RelayRequest(
        is_websocket=is_websocket,
        action=action,
        path=path,
        query=query,
        headers=headers,
        authority=authorities[0],
        use_tls=use_tls,
        remote=remote,
        client_id=printable(written_id, MAX_ID).strip() or str(uuid.uuid4()),
        rendezvous_id=written_id,
    )


def check_upgrade(request: RelayRequest) -> None:
    """RFC 6455, 4.2.1. Raises ``Refusal`` 400, or 426 for another version."""
    connection = {part.strip().lower() for part in (request.header("connection") or "").split(",")}
    if (request.header("upgrade") or "").strip().lower() != "websocket" or "upgrade" not in connection:
        raise Refusal(400, "A WebSocket handshake is required at this address")
    if (request.header("sec-websocket-version") or "").strip() != "13":
        raise Refusal(426, "Only version 13 of WebSocket is spoken here", headers={"Sec-WebSocket-Version": "13"})
    try:
        key = base64.b64decode((request.header("sec-websocket-key") or "").strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 16:
        raise Refusal(400, "The handshake has no usable Sec-WebSocket-Key")


def switching_protocols(request: RelayRequest, subprotocol: str | None) -> bytes:
    """The head of the 101 answer. No extension is ever negotiated: every client accepts uncompressed."""
    key = (request.header("sec-websocket-key") or "").strip().encode("ascii")
    accept = base64.b64encode(hashlib.sha1(key + _WEBSOCKET_GUID).digest()).decode("ascii")  # noqa: S324 - RFC 6455
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}",
        f"{TRACKING_HEADER}: {request.tracking_id}",
    ]
    if subprotocol:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def chosen_subprotocol(request: RelayRequest) -> str | None:
    """What an accepting listener asks for in its own handshake; the sender is told this one, or none."""
    first = (request.header("sec-websocket-protocol") or "").partition(",")[0].strip()
    return printable(first, 128) or None


def accept_command(sender: RelayRequest, listener: RelayRequest, identifier: str, *, hide: bool) -> str:
    """The ``accept`` text (relay protocol 3.1), with a rendezvous address at the host and scheme the *listener* used.

    ``identifier`` is what the listener must dial back with; ``hide`` keeps ``Authorization`` back, because it held the
    relay's own token.
    Raises ``Refusal`` 431 when it would be longer than a listener can read.
    """
    try:
        address = rendezvous_address(
            listener.authority, listener.use_tls, sender.path, sender.query, action="accept", id=identifier
        )
    except AddressError as error:
        raise Refusal(431, f"Request too large: {error}") from error
    hidden = {AUTH_HEADER.lower(), "authorization"} if hide else {AUTH_HEADER.lower()}
    text = json.dumps(
        {
            "accept": {
                "address": address,
                "id": sender.tracking_id,
                "connectHeaders": joined_headers(sender.headers, hidden),
                "remoteEndpoint": {"address": sender.remote[0], "port": sender.remote[1]},
            }
        },
        separators=(",", ":"),
    )
    if len(text) > MAX_CONTROL_MESSAGE:
        raise Refusal(431, f"Request headers over the limit of {MAX_CONTROL_MESSAGE} bytes on the control channel")
    return text


def joined_headers(headers: Iterable[tuple[str, str]], hidden: set[str]) -> dict[str, str]:
    """One text per name, in the case of its first appearance; repeated ones joined with a comma and a space."""
    names: dict[str, str] = {}
    values: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in hidden:
            continue
        written = names.setdefault(lower, name)
        values[written] = f"{values[written]}, {value}" if written in values else value
    return values


def parse_rejection(query: str) -> tuple[int, str] | None:
    """Status and text when an ``accept`` address says *reject*, else None.

    The prefixed parameters are the documented ones. One official client sends them without the prefix; these count only
    behind ``sb-hc-id``, where the address that we made ended, because the sender's own query stands before it.
    Raises ``Refusal`` 400 for a status that is no number from 100 to 999.
    """
    found: dict[str, str] = {}
    ours = False
    for piece in query.split("&"):
        name, equals, value = piece.partition("=")
        name = unquote(name).lower()
        if equals and (ours or name.startswith("sb-hc-")):
            found.setdefault(name, unquote_plus(value))
        ours = ours or name == SB_HC_ID
    status = found.get(SB_HC_STATUS_CODE.lower(), found.get("statuscode"))
    if status is None:
        return None
    if not (status.isascii() and status.isdigit()) or not MIN_REJECT_STATUS <= int(status[:9]) <= MAX_REJECT_STATUS:
        raise Refusal(400, f"The status of a rejection is a number from {MIN_REJECT_STATUS} to {MAX_REJECT_STATUS}")
    return int(status), found.get(SB_HC_STATUS_DESCRIPTION.lower(), found.get("statusdescription", ""))


def _decode(raw: bytes) -> str:
    """Header bytes as text that JSON can carry: UTF-8 where it is that, otherwise byte for byte (RFC 9110, 5.5)."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
