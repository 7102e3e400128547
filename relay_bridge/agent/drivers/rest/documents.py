"""Bytes of an answer as a JSON document, within bounds that are checked before anything is built of them.

Strict where a value could be mistaken (RFC 8259, 4: an object with one name twice has no sure meaning), lenient
where a plant's software is known to be careless: NaN and Infinity, Windows-1252 instead of UTF-8, a byte order mark.
"""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Any

from relay_bridge.agent.drivers.rest.problems import Trouble

MAX_DEPTH = 64
MAX_NODES = 200_000  # values in one answer: some 20 MB as Python objects
MAX_DIGITS = 64  # characters of a number that are kept as they were written
_MARKS = b'"[]{},'
_NO_MARKS = bytes(code for code in range(256) if code not in _MARKS)
_NO_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def parse_document(data: bytes) -> Any:
    """The document; ``Trouble`` in words when there is none. Takes about 20 ms a megabyte."""
    _check_size(data)
    try:
        return json.loads(_decode(data), object_pairs_hook=_object, parse_float=WrittenNumber)
    except (ValueError, RecursionError) as error:
        if isinstance(error, _TwiceError):
            raise Trouble("the process server's answer names the same thing twice") from None
        raise Trouble("the process server's answer is not JSON") from None


class WrittenNumber(float):
    """A number with a point or an exponent, as the source wrote it: ``12.50`` says more than ``12.5``."""

    text: str

    def __new__(cls, text: str) -> WrittenNumber:
        made = super().__new__(cls, text)
        made.text = text if len(text) <= MAX_DIGITS else repr(float(text))
        return made

    def __str__(self) -> str:
        return self.text


class _TwiceError(ValueError):
    """A name twice in one object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _TwiceError
    return made


def _check_size(data: bytes) -> None:
    """Count before building: a megabyte of ``[[],[],`` is forty of lists."""
    # Linear whatever the bytes are; a regular expression for strings is not, where quotes do not come in pairs.
    marks = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_MARKS)
    too_many = Trouble(f"the process server's answer has more than {MAX_NODES} values")
    if marks.count(b'"') > 4 * MAX_NODES:  # a name and a value, two quotes each
        raise too_many
    bare = b"".join(marks.split(b'"')[::2])  # every second part is a string
    brackets = bare.translate(None, _NO_BRACKETS)
    if len(bare) - len(brackets) // 2 > MAX_NODES:
        raise too_many
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise Trouble(f"the process server's answer is nested deeper than {MAX_DEPTH} levels")


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
