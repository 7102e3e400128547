"""What an incoming request asks of the relay, and what a listener is told of it.

Nothing here waits or decides: ``parse_relay_request`` reads a head that was found to be HTTP.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Final
from urllib.parse import unquote, unquote_plus

from relay_bridge.emulator.chance import Chance
from relay_bridge.emulator.http_answers import VIA, via
from relay_bridge.emulator.http_head import RequestHead
from relay_bridge.emulator.refusals import Refusal, printable
from relay_bridge.emulator.service_channel import CONNECTION_HEADERS, format_accept, format_request
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
    strip_relay_parameters,
)
from relay_bridge.protocol.errors import AddressError
from relay_bridge.protocol.limits import MAX_CONTROL_MESSAGE, MAX_REJECT_STATUS, MIN_REJECT_STATUS

ALLOWED_LISTENERS: Final = "microsoft-relay-allowedlisteners"
DISALLOWED_LISTENERS: Final = "microsoft-relay-disallowedlisteners"
MAX_ID: Final = 128  # characters of a client's own sb-hc-id; a GUID has 36
_CHANCE: Final = Chance()
GATEWAY: Final = "G0"  # the service appends the number of the gateway that took the call

_WEBSOCKET_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_AUTHORITY: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")
# What of the sender's query may stand in a rendezvous address; anything else could end its line or its string.
_TARGET: Final = re.compile(r"/[!-~]*\Z")


class RelayRequest:
    """A request as the relay reads it. ``path`` is ``PATH[/SUFFIX]``, still percent-encoded, without outer slashes."""

    __slots__ = (
        "action", "authority", "client_id", "head", "host", "is_websocket", "path", "query", "relay_query", "remote",
        "rendezvous_id", "tracking_id", "use_tls",
    )  # fmt: skip

    def __init__(
        self,
        head: RequestHead,
        *,
        is_websocket: bool,
        action: Action,
        path: str,
        query: str,
        relay_query: dict[str, str],
        authority: str,
        use_tls: bool,
        remote: tuple[str, int],
    ) -> None:
        self.head = head
        self.is_websocket = is_websocket  # addressed to /$hc/
        self.action = action
        self.path = path
        self.query = query  # as written, relay's parameters included
        self.relay_query = relay_query  # the relay's parameters, decoded
        self.authority = authority  # host[:port] as the caller wrote it
        self.host = _host_of(authority)
        self.use_tls = use_tls
        self.remote = remote
        self.rendezvous_id = relay_query.get(SB_HC_ID, "")  # as it was written, for accept and request
        # The caller's own sb-hc-id, or a GUID.
        self.client_id = printable(self.rendezvous_id, MAX_ID).strip() or _CHANCE.guid()
        self.tracking_id = f"{self.client_id}_{GATEWAY}"

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Names in the sender's case, in order."""
        return self.head.headers

    def header(self, name: str) -> str | None:
        """The value of the header ``name`` (lower case), repeated ones joined; None when it is not there."""
        return self.head.fields.get(name)

    def own_token(self) -> str | None:
        """The token in the two places that are the relay's alone (relay protocol 2.3).

        A WebSocket handshake: header, then query. An HTTP request: query, then header.
        """
        query = self.relay_query.get(SB_HC_TOKEN)
        header = self.head.fields.get(_AUTH_FIELD)
        return (header or query) if self.is_websocket else (query or header)

    def token(self, *, required: bool) -> str | None:
        """The token from the place that wins, or None.

        ``Authorization`` is looked at last, and only when the hybrid connection demands authorization; otherwise it is
        the listener's business.
        """
        return self.own_token() or (self.head.fields.get("authorization") if required else None)

    def used_authorization_header(self, *, required: bool) -> bool:
        """Whether ``Authorization`` held the relay's own token, so that it must not reach the listener."""
        return required and not self.own_token()

    def listener_ids(self, name: str) -> frozenset[str]:
        """The ids of a Microsoft-Relay-(Dis)AllowedListeners header, in lower case."""
        value = self.head.fields.get(name)
        return frozenset(part.strip().lower() for part in value.split(",") if part.strip()) if value else frozenset()

    def request_target(self) -> str:
        """The target as it was written, less the relay's own parameters (relay protocol 3.2)."""
        path, mark, query = self.head.target.partition("?")
        if not mark:
            return path
        # "When nothing is left the ? goes too": but only when something was there and has been taken out.
        kept = strip_relay_parameters(query)
        return f"{path}?{kept}" if kept or not self.relay_query else path


def parse_relay_request(head: RequestHead, *, use_tls: bool, remote: tuple[str, int]) -> RelayRequest:
    """Read what a request wants of the relay. Raises ``Refusal`` 400 when it cannot be a request to this relay."""
    authority = head.fields.get("host", "")
    if not _AUTHORITY.match(authority):  # two of them have been joined with a comma, which no authority has
        raise Refusal(400, "The request must have one Host header with a host name and at most a port")
    if not _TARGET.match(head.target):
        raise Refusal(400, "The request target must be a path that starts with a slash, in ASCII")
    path, _, query = head.target.partition("?")
    is_websocket = _names_hc(path)
    relay_query = relay_parameters(query) if query else {}
    try:
        action = parse_action(query) if is_websocket else "connect"
        if is_websocket:
            path = split_hc_path(path)
        else:
            path = path.strip("/")
            if _climbs(path):
                raise Refusal(400, "A path with '.' or '..' in it names no hybrid connection")
    except AddressError as error:
        raise Refusal(400, f"Bad request: {error}") from error
    return RelayRequest(
        head,
        is_websocket=is_websocket,
        action=action,
        path=path,
        query=query,
        relay_query=relay_query,
        authority=authority,
        use_tls=use_tls,
        remote=remote,
    )


@lru_cache(maxsize=1_024)
def _host_of(authority: str) -> str:
    return host_of(authority)


def _names_hc(path: str) -> bool:
    first = path.lstrip("/").partition("/")[0]
    return ("$" in first or "%" in first) and unquote(first).lower() == HC_SEGMENT


def _climbs(path: str) -> bool:
    if "." not in path and "%" not in path:
        return False
    return any(segment in {".", ".."} for segment in unquote(path).split("/"))


def check_upgrade(request: RelayRequest) -> None:
    """RFC 6455, 4.2.1. Raises ``Refusal`` 400, or 426 for another version."""
    if request.head.method != "GET" or not request.head.minor or request.head.body_length != 0:
        raise Refusal(400, "A WebSocket handshake is a GET of HTTP/1.1 without a body")
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


def accept_command(sender: RelayRequest, listener: RelayRequest, identifier: str, *, hide: bool) -> bytes:
    """The ``accept`` text (relay protocol 3.1), with a rendezvous address at the host and scheme the *listener* used.

    ``identifier`` is what the listener must dial back with; ``hide`` keeps ``Authorization`` back, because it held the
    relay's own token.
    Raises ``Refusal`` 431 when it would be longer than a listener can read.
    """
    address = dial_back_address(sender, listener, "accept", identifier)
    hidden = {_AUTH_FIELD, "authorization"} if hide else {_AUTH_FIELD}
    text = format_accept(address, sender.tracking_id, joined_headers(sender.headers, hidden), sender.remote)
    if len(text) > MAX_CONTROL_MESSAGE:
        raise Refusal(431, f"Request headers over the limit of {MAX_CONTROL_MESSAGE} bytes on the control channel")
    return text


def request_command(
    sender: RelayRequest, address: str, request_id: str, headers: dict[str, str], *, has_body: bool
) -> bytes:
    """The full ``request`` text (relay protocol 3.2). ``headers`` are what ``request_headers`` returned."""
    return format_request(
        address,
        request_id=request_id,
        target=sender.request_target(),
        method=sender.head.method,
        headers=headers,
        remote=sender.remote,
        has_body=has_body,
    )


def request_headers(sender: RelayRequest, *, hide: bool, forward_host: bool) -> dict[str, str]:
    """What of a request's headers goes to the listener (relay protocol 3.2), with ``Via`` added or extended.

    ``hide`` keeps ``Authorization`` back, because it held the relay's own token.
    """
    hidden = _HIDDEN_OF_REQUESTS
    if hide or not forward_host:
        hidden = hidden | ({"authorization"} if hide else set()) | (set() if forward_host else {"host"})
    headers = joined_headers(sender.headers, hidden)
    for name in headers:
        if name.lower() == "via":
            headers[name] = via(headers[name], sender.host)
            return headers
    headers[VIA] = via(None, sender.host)
    return headers


def dial_back_address(sender: RelayRequest, listener: RelayRequest, action: Action, identifier: str) -> str:
    """Where a listener dials to meet ``sender``. Raises ``Refusal`` 431 when it would be too long."""
    try:
        return rendezvous_address(
            listener.authority, listener.use_tls, sender.path, sender.query, action=action, id=identifier
        )
    except AddressError as error:
        raise Refusal(431, f"Request too large: {error}") from error


def joined_headers(headers: Iterable[tuple[str, str]], hidden: AbstractSet[str]) -> dict[str, str]:
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


_AUTH_FIELD: Final = AUTH_HEADER.lower()
_HIDDEN_OF_REQUESTS: Final = CONNECTION_HEADERS | {_AUTH_FIELD}
