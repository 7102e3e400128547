"""The issuer's public keys as both ends speak of them: a key set with a sequence, and the statement that renews it.

The key set is a JSON Web Key Set (RFC 7517, 5) with two members of our own, which other readers ignore:
``sequence`` counts the rotations, and a key's ``until`` (epoch seconds) says when it is over. The first key is the one
that signs now.

A statement is a compact JWS (RFC 7515) over the whole new set, signed with a key that the agent trusts already. Its
``typ`` is its own, so neither can a site token pass for a statement nor a statement for a site token (RFC 8725, 3.11).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from relay_bridge.contract.messages import MAX_ID

KEYS_TYP = "sightline-keys+jwt"
MAX_STATEMENT = 8192  # bytes; four keys are under 2 000
STATEMENT_LIFE = 300  # seconds since ``iat`` that a statement may be presented
MAX_TOKEN_KEYS = 16  # in one set: the current one, those in their overlap, and room


class KeyStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Claims of a statement: "from now on these keys, and no others". ``iat``: seconds since the epoch."""

    iss: str
    iat: int
    sequence: Annotated[int, Meta(ge=0, le=2**53)]
    keys: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=MAX_TOKEN_KEYS)]


def key_set_stamp(sequence: int, signing_kid: str) -> str:
    """Says in a few characters which set an end has: the same stamp, the same set."""
    return f"{sequence}:{signing_kid[:MAX_ID]}"
