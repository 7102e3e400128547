"""A wish: one change that one person asked for, as it is compared, stored and told."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import msgspec

from relay_bridge.contract.acting import ActValue
from relay_bridge.contract.audit import without_secrets

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class Wish:
    """``target``: the tag or the command; ``at``: epoch ms when it was sent. A command wishes for True."""

    kind: Literal["write", "cmd"]
    target: str
    value: ActValue
    unit: str
    expected: ActValue
    key: str
    at: int
    why: str
    sub: str
    session: str

    @property
    def body(self) -> bytes:
        """The same for the same wish of the same person, whenever and over whatever session it comes (SHA-256)."""
        parts = (self.kind, self.target, self.value, self.unit, self.expected, self.why, self.sub)
        return hashlib.sha256(_encoder.encode(parts)).digest()

    @property
    def digest(self) -> str:
        """The key's name in the journal."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:16]

    @property
    def family(self) -> str:
        """Its part of the journal's tags."""
        return "write" if self.kind == "write" else "command"


def shown(value: object) -> str:
    """A value as a fact of the journal: JSON's own text, without what looks like a key."""
    return without_secrets(_encoder.encode(value).decode("utf-8", "replace"))
