"""Errors of the relay: what went wrong, in a sentence for a technician, and whether trying again can help.

    RelayError
    ├── ConnectionStringError      the text in a configuration is not a connection string
    ├── AddressError               a path, a query or an address that the relay does not know
    ├── TokenError
    │   ├── TokenMalformed         not a shared access signature at all
    │   ├── TokenExpired
    │   └── TokenSignatureInvalid  made with another key, or changed on the way
    ├── HttpMessageError           a header, a status or a target of ours that the relay cannot carry
    ├── ProtocolViolation          the other side sent what the protocol does not allow
    │   └── RequestUnusable        … in an HTTP request that has an id, so that it can be answered
    └── RelayRefused               the relay (or the listener behind it) answered with a status
        ├── AuthorizationFailed    401, 403
        ├── EndpointNotFound       404: no such hybrid connection, or nobody listens on it
        ├── ListenerRejected       the listener said no to a stream, with its own status
        ├── RequestRefused         another 4xx: the relay does not take this HTTP request as it stands
        └── RelayUnavailable       it did not answer, or answered that it cannot just now
            └── RelayTimeout       408, 504: the listener behind it did not answer in time

No message ever contains a key, a signature or a token.
"""

from __future__ import annotations

import re
from typing import Literal

Side = Literal["listener", "sender"]


class RelayError(Exception):
    """Root of everything the relay packages raise. ``retryable``: the very same attempt may work later."""

    retryable: bool = False

    def __init__(self, message: str, *, retryable: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        return self.message


class ConnectionStringError(RelayError):
    """A connection string that cannot be used; the message names the part, never the secret in it."""


class AddressError(RelayError):
    """A path, query or address that is none of Hybrid Connections."""


class TokenError(RelayError):
    """A token that opens nothing."""


class TokenMalformed(TokenError):  # noqa: N818 - the name says what is wrong, as the service's own texts do
    """Not of the form ``SharedAccessSignature sr=…&sig=…&se=…&skn=…``."""


class TokenExpired(TokenError):  # noqa: N818
    """``expired_at`` (Unix seconds) has passed."""

    def __init__(self, message: str, *, expired_at: int) -> None:
        super().__init__(message)
        self.expired_at = expired_at


class TokenSignatureInvalid(TokenError):  # noqa: N818
    """No key of the rule makes this signature."""


class ProtocolViolation(RelayError):  # noqa: N818
    """The other side sent something the protocol does not allow."""


class RequestUnusable(ProtocolViolation):
    """An HTTP request that cannot be carried out. ``request_id`` is to be answered with ``status`` (400 or 413)."""

    def __init__(self, message: str, *, request_id: str, status: int) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.status = status


class HttpMessageError(RelayError):
    """A header, a status or a target of our own making that the relay cannot carry. The message repeats no value."""


class RelayRefused(RelayError):  # noqa: N818
    """The relay answered with an HTTP status. ``status`` is 0 when there was no answer at all."""

    def __init__(self, status: int, reason: str, *, message: str | None = None, retryable: bool | None = None) -> None:
        super().__init__(message or _sentence(status, reason), retryable=retryable)
        self.status = status
        self.reason = reason

    @property
    def tracking_id(self) -> str:
        """What the service's own log calls this attempt, when the reason says so; else empty."""
        found = _TRACKING.search(self.reason)
        return found.group(1) if found else ""


class AuthorizationFailed(RelayRefused):
    """401 or 403: the token is missing, expired, badly signed, for another path, or lacks the right."""


class EndpointNotFound(RelayRefused):
    """404: the hybrid connection does not exist or, told to a sender, nobody listens on it just now."""


class ListenerRejected(RelayRefused):
    """The listener refused the connection with a status and a text of its own choice."""


class RequestRefused(RelayRefused):
    """The relay does not take this HTTP request: malformed, too large. It will not take it the next time either."""


class RelayUnavailable(RelayRefused):
    """No usable answer: name, network, TLS, timeout, or a fault of the service. Trying again can help."""

    retryable = True


class RelayTimeout(RelayUnavailable):
    """408 or 504: the listener was asked and did not answer in time.

    Retryable, but the listener may have carried an HTTP request out: repeat one on your own only if that does no harm.
    """


_TIMEOUTS = frozenset({408, 504})
_UNAVAILABLE = frozenset({0, 429, 500, 502})  # a fault, a gateway without its back end, too many at once
_BUSY = 503
_MAX_LOOKED_AT = 4_096  # characters of a reason phrase
# What texts of the service append: "…. TrackingId:GUID_G13, SystemTracker:sb://host/path, Timestamp:…"
_TRACKING = re.compile(r"TrackingId:\s?([\w-]{1,128})")
_NETWORK_RULE = "prevented to connect"  # "Ip has been prevented to connect to the endpoint": no token would help
_SECRETS = re.compile(
    r"SharedAccessSignature\W+(20)?s\w+(=|%3D)|sig(=|%3D)|Bearer\s+\S{20}|eyJ[\w-]{10}", re.IGNORECASE
)


def refusal(status: int, reason: str, side: Side) -> RelayRefused:
    """The error for a handshake that was answered with ``status`` and the reason phrase ``reason``.

    Follows the mapping of the service's own .NET client: 401 authorization; 404 final for a listener and transient
    for a sender (there it means "no listener right now"); 408 and 504 timeout; the rest transient. What is neither is
    the listener's own word, because a rejecting listener may choose any code from 100 to 999.
    """
    reason = clean_reason(reason)
    if status in {401, 403}:
        return AuthorizationFailed(status, reason)
    if status == 404:
        return EndpointNotFound(status, reason, retryable=side == "sender")
    if status in _TIMEOUTS:
        return RelayTimeout(status, reason)
    if status in _UNAVAILABLE or side == "listener":
        return RelayUnavailable(status, reason)
    return ListenerRejected(status, reason, retryable=status == _BUSY)


def clean_reason(reason: str, limit: int = 300) -> str:
    """A reason phrase fit for a log line: printable, bounded, and without anything that looks like a signature."""
    if _SECRETS.search(reason[:_MAX_LOOKED_AT]):
        return "(withheld: the text repeats a token)"
    return "".join(c if c.isprintable() else " " for c in reason[:limit]).strip()


def _sentence(status: int, reason: str) -> str:
    detail = f": {reason}" if reason else ""
    if status == 401 and _NETWORK_RULE in reason:
        return f"the network rules of the namespace keep this machine's address out (401){detail}"
    if status in {401, 403}:
        return (
            f"the relay refused the token ({status}){detail}. "
            "Check the key name and key, the right (Listen or Send) and this machine's clock"
        )
    if status == 404:
        return f"the relay knows no such endpoint, or nobody listens on it (404){detail}"
    if status in _TIMEOUTS:
        return f"nobody behind the relay answered in time ({status}){detail}"
    if status == 0:
        return reason or "the relay cannot be reached"
    return f"the relay answered {status}{detail}"
