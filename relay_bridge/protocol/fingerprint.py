"""A short name for a key, the same at both ends, that may be logged and read out on the telephone."""

from __future__ import annotations

import hashlib

_LENGTH = 12  # hexadecimal digits: enough to tell two keys apart, of no help in finding one of 256 bits


def fingerprint(key: str) -> str:
    """The first digits of the SHA-256 of ``key``."""
    return hashlib.sha256(key.encode()).hexdigest()[:_LENGTH]
