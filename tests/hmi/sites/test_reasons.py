"""What an operator reads about an unreachable site: words, and nothing of the network behind it."""

from __future__ import annotations

import pytest

from hmi.sites.reasons import reason_for
from relay_bridge.protocol.errors import AuthorizationFailed, EndpointNotFound, RelayError, RelayUnavailable
from relay_bridge.transport.sessions import HandshakeFailed, SessionClosed

DETAIL = "127.0.0.1:9400 said 404. TrackingId:6f1_G0, SystemTracker:sb://relay.example/north"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (EndpointNotFound(404, DETAIL), "agent is not connected"),
        (AuthorizationFailed(401, DETAIL), "does not accept"),
        (RelayUnavailable(0, DETAIL), "relay does not answer"),
        (HandshakeFailed(DETAIL), "not this site's agent"),
        (SessionClosed(DETAIL), "ended"),
        (RelayError(DETAIL), "failed"),
    ],
)
def test_reason_is_words_without_the_network(error: RelayError, words: str) -> None:
    reason = reason_for(error)
    assert words in reason
    assert not [part for part in ("127", "sb:", "Tracking", "404") if part in reason]
