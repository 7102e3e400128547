"""A reading: one value of one tag, with its quality and the time it was taken.

Quality is the 32-bit OPC UA StatusCode (OPC 10000-4, 7.39): the top two bits say good, uncertain or bad,
the rest says why. It is kept whole, because an operator is told the reason in words.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Value = float | int | bool | str | None
QualityClass = Literal["good", "uncertain", "bad"]

# OPC UA StatusCodes (OPC 10000-6, A.2) that Sightline itself gives; sources may send any other.
GOOD = 0x00000000
GOOD_LOCAL_OVERRIDE = 0x00960000
UNCERTAIN = 0x40000000
UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE = 0x408F0000
UNCERTAIN_LAST_USABLE_VALUE = 0x40900000
BAD = 0x80000000
BAD_NO_COMMUNICATION = 0x80310000
BAD_WAITING_FOR_INITIAL_DATA = 0x80320000
BAD_NODE_ID_UNKNOWN = 0x80340000
BAD_NOT_SUPPORTED = 0x803D0000
BAD_NOT_CONNECTED = 0x808A0000

# The low 16 bits are flags and limit information (OPC 10000-4, 7.39.1); the code proper is above them.
_CODE_MASK = 0xFFFF0000
_WORDS = {
    0x00960000: "forced",
    0x40900000: "last usable value",
    0x408F0000: "no communication, last usable value",
    0x40910000: "substitute",
    0x40920000: "initial value",
    0x40930000: "sensor not accurate",
    0x40940000: "out of range",
    0x80050000: "no comms",
    0x80310000: "no comms",
    0x80320000: "waiting for data",
    0x80340000: "tag unknown at the source",
    0x803D0000: "not supported",
    0x80380000: "not a number",
    0x80890000: "configuration",
    0x808A0000: "not connected",
    0x808B0000: "device failure",
    0x808C0000: "sensor failure",
    0x808D0000: "out of service",
}

MAX_TEXT = 1024  # characters of a string value; longer ones are cut and end in "~"


class Reading(msgspec.Struct, frozen=True):
    """Value, source time and quality, as they belong together and are never shown apart.

    ``time`` is integer ms since the Unix epoch, UTC. ``value`` is ``None`` when the source gave none.
    """

    value: Value
    time: int
    quality: int = GOOD

    @property
    def quality_class(self) -> QualityClass:
        return quality_class(self.quality)


def quality_class(code: int) -> QualityClass:
    """Good, uncertain or bad: the top two bits of the StatusCode (10 and 11 are both bad)."""
    severity = (code >> 30) & 0b11
    return "good" if severity == 0 else "uncertain" if severity == 1 else "bad"


def held_constant(code: int) -> bool:
    """Whether the source says that the value is held constant and cannot move (limit bits 11).

    OPC 10000-4, 7.39.1: with InfoType "data value" (bits 10-11 = 01) the bits 8-9 are the limit bits.
    """
    return code & 0x0F00 == 0x0700


def quality_words(code: int) -> str:
    """What an operator is told about a quality that is not plain good; empty for plain good."""
    words = _WORDS.get(code & _CODE_MASK)
    if words is not None:
        return words
    klass = quality_class(code)
    return "" if klass == "good" else klass
