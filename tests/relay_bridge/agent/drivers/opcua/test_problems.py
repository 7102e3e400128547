"""Errors in words: what an operator can act on, and nothing of the plant's addresses."""

from __future__ import annotations

import socket

import pytest
from asyncua import ua

from relay_bridge.agent.drivers.opcua.problems import SourceLost, status_words, words


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ConnectionRefusedError(111, "refused by 10.0.0.7"), "it may not be running"),
        (socket.gaierror(-2, "plant.local"), "host name is not known"),
        (TimeoutError(), "did not answer while reading"),
        (ConnectionResetError(), "closed the connection while reading"),
        (OSError(113, "No route to host"), "cannot be reached (No route to host)"),
        (AssertionError(), "does not trust this agent's certificate"),
        (ua.UaError("No matching endpoints: x"), "does not offer the configured security"),
        (ua.UaError("Server certificate mismatch"), "another certificate than the pinned one"),
        (ua.uaerrors.BadIdentityTokenRejected(), "refused the user name or the password"),
        (SourceLost("as it was said"), "as it was said"),
        (ValueError("secret"), "an unexpected ValueError while reading"),
    ],
)
def test_errors_are_told_in_words(error, says):
    told = words(error, "reading")
    assert says in told
    assert "10.0.0.7" not in told
    assert "secret" not in told


def test_an_unknown_code_is_told_by_its_name():
    assert status_words(0x80340000) == "the process server answered BadNodeIdUnknown"
