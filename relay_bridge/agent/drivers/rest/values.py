"""A JSON value with its quality as a reading: nothing good is made of nothing, and nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from relay_bridge.agent.drivers.foreign_text import foreign_text
from relay_bridge.agent.drivers.rest.pointers import MISSING
from relay_bridge.contract.codec import normalise
from relay_bridge.contract.readings import (
    BAD,
    BAD_NODE_ID_UNKNOWN,
    BAD_NOT_SUPPORTED,
    BAD_WAITING_FOR_INITIAL_DATA,
    GOOD,
    MAX_TEXT,
    UNCERTAIN,
    Value,
    quality_class,
)

BAD_TYPE_MISMATCH = 0x80740000
QualityAs = Literal["map", "opcua", "opcda", "fieldbus"]
_CLASSES = {"good": GOOD, "uncertain": UNCERTAIN, "bad": BAD}
MOST_PLACES = 6
_NUMBER = re.compile(r"[+-]?(\d{1,400})(\.\d{1,400})?([eE][+-]?\d{1,4})?", re.ASCII)
_TRUE, _FALSE = {"true", "1"}, {"false", "0"}


def value_from(raw: Any, kind: Literal["number", "text", "bool"], status: int = GOOD) -> tuple[Value, int]:
    """The value in the tag's kind and its StatusCode, which is ``status`` unless the value is worse than that."""
    value, trouble = _typed(raw, kind)
    if trouble is None:
        value, trouble = normalise(value)
    if trouble is not None and quality_class(status) != "bad":
        status = trouble
    return value, status


def quality_from(raw: Any, how: QualityAs, table: Mapping[str, str | int]) -> int:
    """A source's own quality as an OPC UA StatusCode. What is not understood is bad."""
    if how == "map":
        found = table.get(_key(raw), "bad") if _is_scalar(raw) else "bad"
        return found if isinstance(found, int) else _CLASSES[found]
    if isinstance(raw, str):
        return _word_quality(raw, how, table)
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 0:
        return BAD
    if how == "opcua":
        return raw if raw <= 0xFFFFFFFF else BAD
    # OPC Data Access 3.0, 6.8: the two top bits of the low byte; the same in FOUNDATION Fieldbus, where 10 is good too.
    bits = (raw >> 6) & 0b11
    if how == "opcda":
        return {0b11: GOOD, 0b01: UNCERTAIN}.get(bits, BAD)
    return {0b11: GOOD, 0b10: GOOD, 0b01: UNCERTAIN}.get(bits, BAD)


def scalar_text(raw: Any) -> str | None:
    """An id or a word as the source wrote it, ``None`` for what is neither text nor a number.

    Half a surrogate pair (``"\\ud800"`` is legal JSON) cannot travel. What a person sees goes through foreign_text.
    """
    if isinstance(raw, str):
        return raw.encode("utf-8", "replace").decode()
    return str(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else None


def matches(raw: Any, wanted: Iterable[str | int | float | bool]) -> bool:
    """Whether ``raw`` is one of ``wanted``; true is not 1."""
    return any(raw == one and isinstance(raw, bool) == isinstance(one, bool) for one in wanted)


def _word_quality(raw: str, how: QualityAs, table: Mapping[str, str | int]) -> int:
    if raw in table:
        found = table[raw]
        return found if isinstance(found, int) else _CLASSES[found]
    if how == "fieldbus":
        # Status in words begins with its class: "GoodNonCascadeNonSpecific".
        word = raw.strip().lower()
        return next((code for name, code in _CLASSES.items() if word.startswith(name)), BAD)
    return quality_from(int(raw), how, table) if raw.isascii() and raw.isdecimal() and len(raw) <= 10 else BAD


def _typed(raw: Any, kind: str) -> tuple[Value, int | None]:
    if raw is MISSING:
        return None, BAD_NODE_ID_UNKNOWN
    if raw is None:
        return None, BAD_WAITING_FOR_INITIAL_DATA
    if not _is_scalar(raw):
        return None, BAD_NOT_SUPPORTED
    if kind == "text":
        return (foreign_text(raw, MAX_TEXT) if isinstance(raw, str) else _key(raw)), None
    if kind == "bool":
        word = _key(raw).strip().lower()
        return (word in _TRUE, None) if word in _TRUE | _FALSE else (None, BAD_TYPE_MISMATCH)
    if isinstance(raw, str):
        return _number(raw.strip())
    return (float(raw) if isinstance(raw, float) else int(raw)), None


def places_of(raw: Any) -> int | None:
    """Digits behind the point as the source wrote them; ``None`` for what tells nothing of its precision.

    More than ``MOST_PLACES`` are those of a binary number written out, which no instrument has measured.
    """
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        return None
    match = _NUMBER.fullmatch(str(raw).strip())
    if match is None or match[3]:
        return None
    places = len(match[2] or ".") - 1
    return places if places <= MOST_PLACES else None


def _number(text: str) -> tuple[Value, int | None]:
    """Some sources write numbers in quotes; whatever else stands there is no number."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None, BAD_TYPE_MISMATCH
    return (float(text) if match[2] or match[3] else int(text)), None


def _is_scalar(raw: Any) -> bool:
    return isinstance(raw, str | int | float | bool)


def _key(raw: Any) -> str:
    """A scalar as it is written in JSON: ``true``, ``1``, ``1.5``, or the text itself."""
    return ("true" if raw else "false") if isinstance(raw, bool) else str(raw)
