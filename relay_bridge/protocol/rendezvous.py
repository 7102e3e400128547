"""Rendezvous: what a listener dials for the sender it was told of, to accept, to reject, or to carry an HTTP exchange.

Protocol, accept and request: the address is dialled exactly as it was sent, and no token goes with it. Reject: the same
address with a status code and a description appended; the relay then answers the listener's handshake with 410 and the
sender's with that status.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote, urlsplit

from relay_bridge.protocol.addresses import (
    SB_HC_STATUS_CODE,
    SB_HC_STATUS_DESCRIPTION,
    default_port,
    match_entity,
    parse_action,
    split_hc_path,
    strip_relay_parameters,
)
from relay_bridge.protocol.commands import Accept, Request, RequestPointer
from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.errors import AddressError, ProtocolViolation
from relay_bridge.protocol.limits import MAX_REJECT_STATUS, MIN_REJECT_STATUS

REJECTED_STATUS: Final = 410  # how the relay answers the handshake of a listener that rejects
BUSY: Final = (503, "busy")
_MAX_DESCRIPTION = 200  # characters
_PRINTABLE = re.compile(r"[!-~]+\Z")  # a URL parser drops tabs and line feeds: what is checked must be what is dialled
_MIN_LABELS = 3  # a host name with fewer has no parent domain that is one owner's


@dataclass(frozen=True)
class Rendezvous:
    """A checked rendezvous: where to dial, and what the sender asked for."""

    address: str
    suffix: str  # what followed the entity path in the sender's address, percent-encoded as written
    query: str  # the sender's query without the relay's parameters


def parse_rendezvous(command: Accept | Request | RequestPointer, connection: ConnectionString) -> Rendezvous:
    """Check where a command wants us to dial.

    The relay is a courier, not a master: a listener on a plant network dials nothing but the relay it was configured
    for. So the address must have the same scheme (no step down from TLS), the same port, and the same host or a
    sibling in its domain (the service names gateways such as ``g63-….servicebus.windows.net``), and must be for our
    hybrid connection and for the action that the command is about. Raises ``ProtocolViolation``.
    """
    address = command.address
    try:
        split = urlsplit(address)
        host, port = split.hostname, split.port
    except ValueError as error:
        raise ProtocolViolation("the relay sent a rendezvous address that cannot be read") from error
    wanted = "wss" if connection.use_tls else "ws"
    if split.scheme != wanted or "@" in split.netloc or "#" in address or not _PRINTABLE.match(address):
        raise ProtocolViolation(f"the relay sent a rendezvous address that is no plain {wanted}:// address")
    if not host or not _same_service(host, connection.host):
        place = (host or "none")[:100]
        raise ProtocolViolation(f"the relay sent a rendezvous address at another host ({place}); it is not dialled")
    if (port or default_port(connection.use_tls)) != connection.port:
        raise ProtocolViolation(f"the relay sent a rendezvous address at another port ({port}); it is not dialled")
    try:
        path = split_hc_path(split.path)
    except AddressError as error:
        raise ProtocolViolation(f"the relay sent a rendezvous address outside $hc: {error}") from error
    suffix = match_entity(path, connection.entity_path or "")
    if suffix is None:
        raise ProtocolViolation("the relay sent a rendezvous address of another hybrid connection")
    wanted_action = "accept" if isinstance(command, Accept) else "request"
    if _action(split.query) != wanted_action:
        raise ProtocolViolation(f"the relay sent a rendezvous address that is not for {wanted_action}")
    return Rendezvous(address, suffix, strip_relay_parameters(split.query))


def reject_address(address: str, status: int, description: str) -> str:
    """The address that rejects: ``status`` 100 to 999, ``description`` a short text for the sender's reason phrase."""
    if not MIN_REJECT_STATUS <= status <= MAX_REJECT_STATUS:
        raise AddressError(f"a listener rejects with a status from {MIN_REJECT_STATUS} to {MAX_REJECT_STATUS}")
    # The service's clients forbid control and non-ASCII characters in a reason phrase.
    text = "".join(c if c.isascii() and c.isprintable() else "?" for c in description)[:_MAX_DESCRIPTION]
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}{SB_HC_STATUS_CODE}={status}&{SB_HC_STATUS_DESCRIPTION}={quote(text, safe='')}"


def _action(query: str) -> str:
    try:
        return parse_action(query)
    except AddressError:
        return ""


def _same_service(host: str, configured: str) -> bool:
    host, configured = host.lower(), configured.lower()
    if host == configured:
        return True
    if _is_address(host) or _is_address(configured) or configured.count(".") + 1 < _MIN_LABELS:
        return False
    return host.partition(".")[2] == configured.partition(".")[2]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
