"""An OPC UA DataValue as a Reading: value, time and quality stay together, and nothing good is made of nothing."""

from __future__ import annotations

import enum
import uuid
from datetime import UTC, datetime
from typing import Any, Literal

from asyncua import ua

from relay_bridge.contract.codec import normalise
from relay_bridge.contract.readings import (
    BAD_NOT_SUPPORTED,
    BAD_WAITING_FOR_INITIAL_DATA,
    Reading,
    Value,
    quality_class,
)

BAD_TYPE_MISMATCH = 0x80740000
BAD_DECODING_ERROR = 0x80070000
# A null DateTime is 1601-01-01 on the wire (OPC 10000-6, 5.2.2.5); some servers write 1970 for the same.
_FIRST_REAL_TIME = datetime(1970, 1, 2, tzinfo=UTC)


def reading_from(
    data: ua.DataValue, kind: Literal["number", "text", "bool"], decimals: int | None, received: int
) -> Reading:
    """The reading that a DataValue stands for.

    ``received`` (epoch ms) is used when neither the source nor the server gave a time. A bad value keeps what the
    source sent with it; a good one that is missing, or of a kind that cannot be shown, becomes bad.
    """
    status = int(data.StatusCode.value) if data.StatusCode is not None else 0
    raw = data.Value.Value if data.Value is not None else None
    value, trouble = _value(raw, kind)
    if trouble is None:
        value, trouble = normalise(value, decimals)
    if trouble is None and value is None and quality_class(status) != "bad":
        trouble = BAD_WAITING_FOR_INITIAL_DATA
    if trouble is not None and quality_class(status) != "bad":
        status = trouble
    return Reading(value, time_of(data, received), status)


def time_of(data: ua.DataValue, received: int) -> int:
    """Epoch ms: of the source, else of the server, else when it was received."""
    for stamp in (data.SourceTimestamp, data.ServerTimestamp):
        if stamp is not None:
            moment = stamp if stamp.tzinfo is not None else stamp.replace(tzinfo=UTC)
            if moment >= _FIRST_REAL_TIME:
                return round(moment.timestamp() * 1000)
    return received


def clean_text(text: str) -> str:
    """Text as it may travel: bytes that were no UTF-8 are taken for Windows-1252, which plants still write."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return text


def _value(raw: Any, kind: str) -> tuple[Value, int | None]:
    """The value in the tag's kind, or the quality that says why there is none."""
    value = _plain(raw)
    if value is None:
        return None, None if raw is None else BAD_NOT_SUPPORTED
    if kind == "text":
        return (value if isinstance(value, str) else str(value)), None
    if kind == "bool":
        return (bool(value), None) if isinstance(value, bool) or value in {0, 1} else (None, BAD_TYPE_MISMATCH)
    if isinstance(value, str):
        return None, BAD_TYPE_MISMATCH
    return (int(value) if isinstance(value, bool) else value), None


def _plain(raw: Any) -> Value:
    if isinstance(raw, bool | float):
        return raw
    if isinstance(raw, enum.Enum):
        return int(raw.value) if isinstance(raw.value, int) else str(raw.value)
    if isinstance(raw, int):
        return int(raw)
    if isinstance(raw, str):
        return clean_text(raw)
    if isinstance(raw, ua.LocalizedText):
        return clean_text(raw.Text or "")
    if isinstance(raw, datetime):
        moment = raw if raw.tzinfo is not None else raw.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(raw, uuid.UUID):
        return str(raw)
    return None
