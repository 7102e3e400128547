"""An OPC UA DataValue as a Reading: value, time and quality stay together, and nothing good is made of nothing."""

from __future__ import annotations

import enum
import uuid
from datetime import UTC, datetime
from typing import Any, Literal

from asyncua import ua

from relay_bridge.agent.drivers.base import CLOCK_TOLERANCE
from relay_bridge.agent.drivers.foreign_text import foreign_text
from relay_bridge.contract.codec import normalise
from relay_bridge.contract.readings import (
    BAD_NOT_SUPPORTED,
    BAD_WAITING_FOR_INITIAL_DATA,
    MAX_TEXT,
    Reading,
    Value,
    quality_class,
)

BAD_TYPE_MISMATCH = 0x80740000
BAD_DECODING_ERROR = 0x80070000
BAD_NO_DATA = 0x809B0000
# A null DateTime is 1601-01-01 on the wire (OPC 10000-6, 5.2.2.5); clocks that were never set begin in 1970, 1980, 1984
# or 1990. OPC UA is of 2006: nothing it tells was sampled before 2000.
_FIRST_REAL_TIME = datetime(2000, 1, 1, tzinfo=UTC)
# A source's clock may be this far ahead of its server's; beyond, its time would make an old value look fresh.
_AHEAD_OF_SERVER, _AHEAD_OF_US = round(CLOCK_TOLERANCE * 1000), 24 * 3600 * 1000  # ms


def reading_from(
    data: ua.DataValue,
    kind: Literal["number", "text", "bool"],
    decimals: int | None,
    received: int,
    latest: int | None = None,
) -> Reading:
    """The reading that a DataValue stands for.

    ``received`` and ``latest`` (epoch ms) as in ``time_of``. A bad value keeps what the
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
    return Reading(value, time_of(data, received, latest), status)


def time_of(data: ua.DataValue, received: int, latest: int | None = None) -> int:
    """Epoch ms: of the source, else of the server, else when it was received.

    A time that cannot be counts as none: never set, after ``latest`` (what the server's clock shows now, as far as it
    is known), or of a source that is ahead of its server. It is not marked in the quality, which is the source's word
    on the value. An old time is believed: a value may be unchanged for years.
    """
    if latest is None:
        latest = received + _AHEAD_OF_US
    source, server = _epoch_ms(data.SourceTimestamp), _epoch_ms(data.ServerTimestamp)
    if server is not None and server > latest:
        server = None
    if source is not None and source <= (latest if server is None else server + _AHEAD_OF_SERVER):
        return source
    return received if server is None else server


def sampled_at(data: ua.DataValue) -> int | None:
    """Epoch ms of a value out of a history, which has its time of sampling or none: never the time of receiving it."""
    source = _epoch_ms(data.SourceTimestamp)
    return _epoch_ms(data.ServerTimestamp) if source is None else source


def _epoch_ms(stamp: datetime | None) -> int | None:
    if stamp is None:
        return None
    moment = stamp if stamp.tzinfo is not None else stamp.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000) if moment >= _FIRST_REAL_TIME else None


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
        return foreign_text(raw, MAX_TEXT)
    if isinstance(raw, ua.LocalizedText):
        return foreign_text(raw.Text or "", MAX_TEXT)
    if isinstance(raw, datetime):
        moment = raw if raw.tzinfo is not None else raw.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(raw, uuid.UUID):
        return str(raw)
    return None
