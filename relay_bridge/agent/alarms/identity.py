"""Names for alarms and their occurrences that say nothing of the plant's own addressing."""

from __future__ import annotations

import base64
import hashlib

import msgspec

from relay_bridge.agent.drivers.abilities import AlarmRef

_ID_DIGITS = 20  # 80 bits: two of 10 000 alarms are the same with a chance of one in 10^16
MAX_EVENT = 300  # bytes of a source's own id that travel as they are; 400 characters in base64


def alarm_id(ref: AlarmRef) -> str:
    """The same 20 hexadecimal digits for the same source, condition and branch, over every restart."""
    return hashlib.sha256(msgspec.json.encode((ref.source, ref.condition, ref.branch))).hexdigest()[:_ID_DIGITS]


def occurrence_id(event: bytes) -> str:
    """An occurrence (OPC UA EventId, OPC 10000-9, 5.5.2) as base64url; of one that is too long, its digest."""
    if not event:
        return "-"
    return _text(event if len(event) <= MAX_EVENT else hashlib.sha256(event).digest())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
