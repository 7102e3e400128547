"""Subprotocols of a stream (RFC 6455, 1.9): the names a program may use, and which of those offered is taken.

The relay takes no part in it. It shows the listener what the sender offered; what the listener then names in the
handshake of its rendezvous is what the relay tells the sender.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from relay_bridge.protocol.http_rules import TOKEN

HEADER: Final = "Sec-WebSocket-Protocol"
MAX_NAME: Final = 128  # characters of one name; those that are registered have at most some forty


def check_subprotocols(names: Sequence[str]) -> tuple[str, ...]:
    """``names``, the preferred one first. ``ValueError`` for what no handshake carries, ``TypeError`` for a text."""
    if isinstance(names, str):
        raise TypeError("subprotocols is a sequence of names, not one text")
    for name in names:
        if not isinstance(name, str) or len(name) > MAX_NAME or not TOKEN.match(name):
            raise ValueError(f"a subprotocol has 1 to {MAX_NAME} letters, digits and signs such as . and -, no blank")
    if len(set(names)) != len(names):
        raise ValueError("a subprotocol is named once only")
    return tuple(names)


def choose_subprotocol(known: Sequence[str], headers: Mapping[str, str]) -> tuple[str, ...]:
    """The first of those offered in a sender's handshake ``headers`` that is ``known``; empty when there is none."""
    if not known:
        return ()
    for header, value in headers.items():  # their names are in the sender's case, repeated values joined by ","
        if header.lower() == HEADER.lower():
            for offered in value.split(","):
                if (name := offered.strip()) in known:
                    return (name,)
    return ()
