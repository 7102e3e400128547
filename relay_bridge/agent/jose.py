"""The header of a compact JWS (RFC 7515, 7.1), read before anything in it is believed."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec


def read_header(token: str) -> dict[str, Any]:
    """The header of ``token``; ``ValueError`` when it is not three parts of which the first is an object.

    Strict about base64url where the JOSE library is not: stray characters are refused, so both read the same header.
    """
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("not three parts")
    part = parts[0]
    try:
        raw = base64.b64decode(part.encode("ascii") + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (binascii.Error, UnicodeError, msgspec.MsgspecError, RecursionError):
        raise ValueError("no readable header") from None
