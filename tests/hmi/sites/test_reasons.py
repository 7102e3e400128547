"""What an operator reads about an unreachable site: words, and nothing of the network behind it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation import gettext as translated

from hmi.sites.reasons import KNOWN, reason_for, reason_words
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


def _said_plainly() -> Iterator[tuple[str, str]]:
    """Each reason that stands as one plain text in the code, and where."""
    hmi = Path(__file__).parents[3] / "hmi"
    for file in sorted(hmi.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            place = {"SiteUnreachable": 1, "SessionOver": 0}.get(node.func.id)
            if place is not None and isinstance(node.args[place], ast.Constant):
                yield node.args[place].value, f"{file.name}:{node.lineno}"


def test_every_plain_reason_can_be_translated() -> None:
    found = dict(_said_plainly())
    assert len(found) >= 5
    assert {reason: place for reason, place in found.items() if reason not in KNOWN} == {}


def test_reason_is_said_in_the_language_of_the_reader_and_a_foreign_one_as_it_is() -> None:
    with translation.override("sv"):
        assert reason_words("no answer") == translated("no answer")
        assert reason_words("") == ""
        assert reason_words("the agent's answer to 'read' makes no sense") == (
            "the agent's answer to 'read' makes no sense"
        )
