"""Chance for ids: 5,000 requests a second should not be 10,000 calls of the operating system."""

from __future__ import annotations

import itertools
import os
import uuid
from typing import Final

_BYTES: Final = 16  # of one secret
_POOL: Final = 256 * _BYTES


class Chance:
    """Secrets in decimal, and ids in the form of a GUID."""

    __slots__ = ("_at", "_counter", "_pool", "_prefix")

    def __init__(self) -> None:
        self._pool = b""
        self._at = _POOL
        self._prefix = str(uuid.uuid4())[:24]
        self._counter = itertools.count(int.from_bytes(os.urandom(5), "big"))

    def secret(self) -> int:
        """127 bits that nobody can guess; each is handed out once."""
        if self._at >= _POOL:
            self._pool = os.urandom(_POOL)
            self._at = 0
        found = self._pool[self._at : self._at + _BYTES]
        self._at += _BYTES
        return int.from_bytes(found, "big") >> 1

    def guid(self) -> str:
        """An id that no other request of this relay has. It can be guessed: it names something, and opens nothing."""
        return f"{self._prefix}{next(self._counter) & 0xFFFFFFFFFFFF:012x}"
