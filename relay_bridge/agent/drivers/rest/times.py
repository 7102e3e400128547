"""Times as sources write them: ISO 8601 with any fraction, or seconds or milliseconds since the epoch."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from relay_bridge.agent.config_rest import TimeFormat

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,18}))?)? ?([Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_FIRST, _LAST = 86_400_000, 4_102_444_800_000  # epoch ms: 1970-01-02 to 2100; outside it is no time of a sample


def parse_time(raw: Any, form: TimeFormat) -> int | None:
    """Epoch ms (fractions cut off), or ``None`` for what is no time. Without an offset it is taken for UTC."""
    if form == "iso":
        found = _iso(raw) if isinstance(raw, str) else None
    else:
        found = _epoch(raw, 1000.0 if form == "s" else 1.0)
    return found if found is not None and _FIRST <= found <= _LAST else None


def format_time(milliseconds: int, form: TimeFormat) -> str:
    """As the source wants it in a request."""
    if form == "ms":
        return str(milliseconds)
    if form == "s":
        whole, rest = divmod(milliseconds, 1000)
        return f"{whole}.{rest:03d}" if rest else str(whole)
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def _iso(text: str) -> int | None:
    match = _ISO.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
    second, fraction, zone = match[6], match[7], match[8]
    try:
        moment = datetime(year, month, day, hour, minute, int(second or 0), tzinfo=_zone(zone))
    except (ValueError, OverflowError):
        return None
    return int(moment.timestamp()) * 1000 + int((fraction or "0").ljust(3, "0")[:3])


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _epoch(raw: Any, scale: float) -> int | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        return None
    try:
        number = float(raw)
    except (ValueError, OverflowError):
        return None
    return math.floor(number * scale) if math.isfinite(number) and abs(number) < 1e15 else None
