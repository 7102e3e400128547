"""Shift times as they are written, in the settings and for one site: ``06:00 14:00 22:00``."""

from __future__ import annotations

import datetime as dt
import re

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\Z")
MAX_STARTS = 8  # of a day


def parse_starts(text: str) -> tuple[dt.time, ...]:
    """Commas are allowed; ``ValueError`` with a sentence."""
    words = text.replace(",", " ").split()
    starts = sorted({dt.time(int(word[:2]), int(word[3:])) for word in words if _CLOCK.match(word)})
    if not words or len(starts) != len(words) or len(starts) > MAX_STARTS:
        raise ValueError(f"{text[:60]!r} are no shift times; write up to {MAX_STARTS}, as in 06:00 14:00 22:00.")
    return tuple(starts)
