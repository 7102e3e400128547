"""Bodies and messages of any size that both sides make by themselves, so that only their hashes need be told."""

from __future__ import annotations

import hashlib
from functools import cache

MEGABYTE = 1_048_576  # bytes
# A prime, so that no two pieces of a power of two are alike: a body whose pieces were swapped has another hash.
_PERIOD = 65_521
_BLOCK = bytes((i * 31 + (i >> 8) * 7) & 255 for i in range(_PERIOD))
_LINE = "abcdefghijklmnopqrstuvwxyz0123456789 "


@cache
def body(size: int) -> bytes:
    """``size`` bytes, the same as ``body`` in node/control.js."""
    return (_BLOCK * (size // _PERIOD + 1))[:size]


@cache
def text(size: int) -> str:
    """``size`` characters of one byte each, the same as ``text`` in node/control.js."""
    return (_LINE * (size // len(_LINE) + 1))[:size]


def digest(data: bytes | str) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()
