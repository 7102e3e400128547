"""What a phone may say on its socket: three small messages, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

MAX_MESSAGE = 1024  # bytes; the longest of the three has 30
MESSAGES_A_SECOND = 20.0  # an honest page sends about two answers a second
BURST = 20.0  # messages at once


class NotUnderstood(Exception):  # noqa: N818 - what the phone sent, not a fault of ours
    """The phone sent something else; the socket is closed with 4400."""


@dataclass(frozen=True)
class Answered:
    """Every data frame up to ``n`` is on the screen."""

    n: int


@dataclass(frozen=True)
class Resync:
    """The phone dropped its state and wants a snapshot."""


@dataclass(frozen=True)
class Background:
    """The page went to the background, or came to the front again."""

    on: bool


class _Wire(msgspec.Struct, forbid_unknown_fields=True):
    ok: int | msgspec.UnsetType = msgspec.UNSET
    resync: Literal[1] | msgspec.UnsetType = msgspec.UNSET
    bg: bool | msgspec.UnsetType = msgspec.UNSET


_decoder = msgspec.json.Decoder(_Wire)


def parse_message(text: str | None) -> Answered | Resync | Background:
    """One text frame of a phone; ``NotUnderstood`` for anything that is not exactly one of the three messages."""
    if text is None or len(text) > MAX_MESSAGE:
        raise NotUnderstood
    try:
        wire = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise NotUnderstood from None
    said = [value for value in (wire.ok, wire.resync, wire.bg) if value is not msgspec.UNSET]
    if len(said) != 1:
        raise NotUnderstood
    if isinstance(wire.bg, bool):
        return Background(wire.bg)
    if wire.resync == 1:
        return Resync()
    if not isinstance(wire.ok, int) or wire.ok < 0:
        raise NotUnderstood
    return Answered(wire.ok)


class Flood:
    """A token bucket: ``allows(now)`` is False from the message on that comes too fast."""

    def __init__(self, now: float) -> None:
        self._left = BURST
        self._at = now

    def allows(self, now: float) -> bool:
        """``now`` in monotonic seconds."""
        self._left = min(BURST, self._left + (now - self._at) * MESSAGES_A_SECOND)
        self._at = now
        self._left -= 1
        return self._left >= 0
