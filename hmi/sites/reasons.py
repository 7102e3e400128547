"""Why a site cannot be reached, in the words that an operator reads. Hosts, ports and codes belong in the log."""

from __future__ import annotations

from relay_bridge.protocol.errors import (
    AuthorizationFailed,
    EndpointNotFound,
    ListenerRejected,
    RelayError,
    RelayUnavailable,
)
from relay_bridge.transport.sessions import HandshakeFailed, SessionClosed
from relay_bridge.transport.streams import StreamClosed

_WORDS: tuple[tuple[type[RelayError], str], ...] = (
    (HandshakeFailed, "whoever answered is not this site's agent"),
    (EndpointNotFound, "the site's agent is not connected"),
    (AuthorizationFailed, "the relay does not accept the web app's key for this site"),
    (ListenerRejected, "the site's agent takes no more sessions just now"),
    (RelayUnavailable, "the relay does not answer"),
    (SessionClosed, "the connection to the site ended"),
    (StreamClosed, "the connection to the site ended"),
)
_OTHERWISE = "the connection to the site failed"


def reason_for(error: Exception) -> str:
    """A short clause without a full stop, fit for "Site not reachable: ..."."""
    return next((words for kind, words in _WORDS if isinstance(error, kind)), _OTHERWISE)
