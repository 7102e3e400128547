"""JSON Pointer (RFC 6901): one place in a JSON document."""

from __future__ import annotations

import re
from typing import Any, Final

from relay_bridge.agent.drivers.rest.problems import SettingsError

MAX_TOKENS = 32  # deeper places there are none: documents.MAX_DEPTH is 64, and pointers are joined
_BAD_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


class Missing:
    """What is found where nothing is; ``null`` is something."""


MISSING: Final = Missing()
Tokens = tuple[str, ...]


def parse_pointer(text: str) -> Tokens:
    """The reference tokens of a pointer, unescaped; ``SettingsError`` when it is none."""
    if text == "":
        return ()
    if not text.startswith("/") or _BAD_ESCAPE.search(text):
        raise SettingsError(f'"{text}" is no JSON pointer (RFC 6901): write it like "/tank/level"')
    tokens = tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))
    if len(tokens) > MAX_TOKENS:
        raise SettingsError(f'the JSON pointer "{text[:60]}..." has more than {MAX_TOKENS} steps')
    return tokens


def escape_token(text: str) -> str:
    """``text`` as one reference token (RFC 6901, 3)."""
    return text.replace("~", "~0").replace("/", "~1")


def find(document: Any, tokens: Tokens) -> Any:
    """The value at ``tokens``, or ``MISSING``."""
    place = document
    for token in tokens:
        if isinstance(place, dict):
            place = place.get(token, MISSING)
            if place is MISSING:
                return MISSING
        elif isinstance(place, list) and _INDEX.fullmatch(token) and int(token) < len(place):
            place = place[int(token)]
        else:
            return MISSING
    return place
