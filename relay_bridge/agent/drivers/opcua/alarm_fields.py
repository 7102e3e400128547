"""Alarm events as they come over OPC UA: which fields are asked for, and what is made of them (OPC 10000-9, 5).

asyncua's own filter selects too little and drops the events that frame a refresh, so the filter is written by hand. A
field may be missing, or hold a StatusCode in place of its value (the limit state of an inactive alarm does).
"""

from __future__ import annotations

import base64
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from asyncua import ua

from relay_bridge.agent.drivers.abilities import AlarmEvent, AlarmRef
from relay_bridge.agent.drivers.foreign_text import MAX_WORDS, foreign_text
from relay_bridge.contract.alarms import AlarmQuality
from relay_bridge.contract.readings import quality_class

_BASE, _CONDITION = ua.ObjectIds.BaseEventType, ua.ObjectIds.ConditionType
_ACKNOWLEDGEABLE, _ALARM = ua.ObjectIds.AcknowledgeableConditionType, ua.ObjectIds.AlarmConditionType
_EXCLUSIVE, _NON_EXCLUSIVE = ua.ObjectIds.ExclusiveLimitAlarmType, ua.ObjectIds.NonExclusiveLimitAlarmType
CONDITION_ID = ""  # no path: the NodeId of the condition itself (OPC 10000-9, 5.5.2)
BASIC: tuple[tuple[int, str], ...] = (
    (_BASE, "EventId"),
    (_BASE, "EventType"),
    (_BASE, "SourceNode"),
    (_BASE, "SourceName"),
    (_BASE, "Time"),
    (_BASE, "Message"),
    (_BASE, "Severity"),
    (_CONDITION, CONDITION_ID),
    (_CONDITION, "BranchId"),
    (_CONDITION, "ConditionName"),
    (_CONDITION, "Retain"),
    (_CONDITION, "Comment"),
    (_CONDITION, "ClientUserId"),
    (_CONDITION, "EnabledState/Id"),
    (_CONDITION, "Quality"),
    (_ACKNOWLEDGEABLE, "AckedState/Id"),
    (_ACKNOWLEDGEABLE, "AckedState/TransitionTime"),
    (_ACKNOWLEDGEABLE, "ConfirmedState/Id"),
    (_ALARM, "ActiveState/Id"),
    (_ALARM, "ActiveState/TransitionTime"),
    (_ALARM, "InputNode"),
    (_ALARM, "SuppressedOrShelved"),
    (_ALARM, "SuppressedState/Id"),
    (_ALARM, "ShelvingState/CurrentState/Id"),
    (_ALARM, "ShelvingState/UnshelveTime"),
)
# Asked for besides; a server that refuses them is asked for the others alone.
LIMITS: tuple[tuple[int, str], ...] = (
    (_EXCLUSIVE, "LimitState/CurrentState"),
    (_NON_EXCLUSIVE, "HighHighState/Id"),
    (_NON_EXCLUSIVE, "HighState/Id"),
    (_NON_EXCLUSIVE, "LowLowState/Id"),
    (_NON_EXCLUSIVE, "LowState/Id"),
)
MAX_IDENTITY = 4096  # characters of a NodeId (its own bound, OPC 10000-3, 8.2.4) or bytes of an EventId
_INDEX = re.compile(r"\A\d{1,5}:")  # some servers put a browse name with its namespace where a name belongs
_SHELVED_UNTIL_TIME, _SHELVED_ONCE = (
    ua.ObjectIds.ShelvedStateMachineType_TimedShelved,
    ua.ObjectIds.ShelvedStateMachineType_OneShotShelved,
)
_CODE = 0xFFFF0000  # of a StatusCode, without its flags
# In place of a Quality: the server has none to tell.
_NOT_TOLD = frozenset(
    {
        ua.StatusCodes.BadNodeIdInvalid,
        ua.StatusCodes.BadNodeIdUnknown,
        ua.StatusCodes.BadAttributeIdInvalid,
        ua.StatusCodes.BadBrowseNameInvalid,
        ua.StatusCodes.BadNotFound,
        ua.StatusCodes.BadNotReadable,
        ua.StatusCodes.BadNotSupported,
        ua.StatusCodes.BadNotImplemented,
        ua.StatusCodes.BadNoMatch,
        ua.StatusCodes.BadTypeDefinitionInvalid,
        ua.StatusCodes.BadUserAccessDenied,
        ua.StatusCodes.BadConditionDisabled,
    }
)
_LONGEST_SHELVING = 366 * 24 * 3600 * 1000.0  # ms; beyond it there is no end worth telling
_KINDS = {
    ua.NodeIdType.TwoByte: "i", ua.NodeIdType.FourByte: "i", ua.NodeIdType.Numeric: "i", ua.NodeIdType.String: "s",
    ua.NodeIdType.Guid: "g", ua.NodeIdType.ByteString: "b",
}  # fmt: skip


def event_filter(fields: Sequence[tuple[int, str]]) -> Any:
    """The filter that selects ``fields`` of every event; nothing is filtered out."""
    chosen = ua.EventFilter()
    chosen.SelectClauses = [_clause(kind, path) for kind, path in fields]
    return chosen


def _clause(kind: int, path: str) -> Any:
    operand = ua.SimpleAttributeOperand()
    operand.TypeDefinitionId = ua.NodeId(kind)
    operand.BrowsePath = [ua.QualifiedName(name, 0) for name in path.split("/")] if path else []
    operand.AttributeId = ua.AttributeIds.Value if path else ua.AttributeIds.NodeId
    return operand


@dataclass(frozen=True)
class Fields:
    """One event as ``{path: value}``; what is missing, and what is only a StatusCode, is None."""

    values: Mapping[str, Any]

    quality: AlarmQuality = "good"

    @classmethod
    def of(cls, fields: Sequence[tuple[int, str]], variants: Sequence[Any]) -> Fields:
        told = {path: variant for (_, path), variant in zip(fields, variants, strict=False)}
        return cls({path: _plain(variant) for path, variant in told.items()}, _quality(told))

    @property
    def event_type(self) -> int | None:
        """The number of a type of the standard, None for any other."""
        kind = self.values.get("EventType")
        if isinstance(kind, ua.NodeId) and kind.NamespaceIndex == 0 and isinstance(kind.Identifier, int):
            return int(kind.Identifier)
        return None

    def text(self, path: str) -> str:
        value = self.values.get(path)
        if isinstance(value, ua.LocalizedText):
            value = value.Text
        return foreign_text(value, MAX_WORDS) if isinstance(value, str) else ""

    def node(self, path: str) -> ua.NodeId | None:
        value = self.values.get(path)
        return value if isinstance(value, ua.NodeId) and not value.is_null() else None

    def flag(self, path: str) -> bool | None:
        value = self.values.get(path)
        return value if isinstance(value, bool) else None

    def number(self, path: str) -> float | None:
        value = self.values.get(path)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return float(value)

    def time(self, path: str) -> int:
        """Epoch ms, 0 when not told: a null DateTime is 1601 or 1970 (OPC 10000-6, 5.2.2.5)."""
        value = self.values.get(path)
        if not isinstance(value, datetime):
            return 0
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000) if moment.year >= 2000 else 0


def alarm_event(
    fields: Fields, source: str, namespaces: Sequence[str], tags: Mapping[Any, str], now: int
) -> AlarmEvent | None:
    """The alarm that an event tells of, None for what is no alarm. ``tags``: configured nodes by NodeId.
    ``now``: epoch ms.

    Conditions that cannot be acknowledged, and such without an active state, are no alarms.
    """
    condition, retain = fields.node(CONDITION_ID), fields.flag("Retain")
    acked, active = fields.flag("AckedState/Id"), fields.flag("ActiveState/Id")
    if fields.flag("EnabledState/Id") is False:
        # Put out of use: it has no state any more (OPC 10000-9, 5.5.2) and leaves the list, whatever else stands here.
        retain, acked, active = False, acked is not False, False
    if condition is None or retain is None or acked is None:
        return None
    branch = fields.node("BranchId")
    told = fields.values.get("EventId")
    event_id = told if isinstance(told, bytes) else b""
    ref = AlarmRef(source, node_text(condition, namespaces), node_text(branch, namespaces) if branch else "")
    if max(len(ref.condition), len(ref.branch), len(event_id)) > MAX_IDENTITY:
        raise ValueError(f"an alarm whose own ids have more than {MAX_IDENTITY} characters")
    name = fields.text("ConditionName")
    about = _INDEX.sub("", fields.text("SourceName"))
    if about and about not in name:
        name = f"{about} {name}".strip()
    return AlarmEvent(
        ref=ref,
        event=event_id,
        time=fields.time("Time") or now,
        severity=round(fields.number("Severity") or 1),
        active=active if active is not None else not acked,  # without an active state it stands until acknowledged
        acknowledged=acked,
        retain=retain,
        name=name,
        condition_type=_kind(fields.event_type),
        node=_about(fields, namespaces, tags),
        message=fields.text("Message"),
        confirmed=fields.flag("ConfirmedState/Id"),
        shelved_until=_shelved_until(fields, now),
        suppressed=_suppressed(fields),
        comment=fields.text("Comment"),
        user=fields.text("ClientUserId"),
        limit_state=_limit_state(fields),
        since=fields.time("ActiveState/TransitionTime"),
        acknowledged_at=fields.time("AckedState/TransitionTime") if acked else 0,
        quality=fields.quality,
    )


def node_text(node: ua.NodeId, namespaces: Sequence[str]) -> str:
    """``nsu=URI;s=...`` as ``node_ids.parse_node`` reads it: the same over restarts of a server."""
    kind = _KINDS[node.NodeIdType]
    identifier = node.Identifier
    if isinstance(identifier, bytes):
        identifier = base64.b64encode(identifier).decode("ascii")
    elif isinstance(identifier, uuid.UUID):
        identifier = str(identifier)
    index = node.NamespaceIndex
    if index == 0:
        return f"{kind}={identifier}"
    if index < len(namespaces):
        return f"nsu={quote(namespaces[index], safe=_URI_SAFE)};{kind}={identifier}"
    return f"ns={index};{kind}={identifier}"


_URI_SAFE = "".join(chr(code) for code in range(33, 127) if chr(code) not in "%;")


def _plain(variant: Any) -> Any:
    value = variant.Value if isinstance(variant, ua.Variant) else variant
    return None if isinstance(value, ua.StatusCode) else value


def _quality(told: Mapping[str, Any]) -> AlarmQuality:
    """Of the value that the condition is worked out from. Here a StatusCode is the value itself, unless it says that
    there is none; a condition that is put out of use is in no doubt."""
    variant = told.get("Quality")
    value = variant.Value if isinstance(variant, ua.Variant) else variant
    if not isinstance(value, ua.StatusCode) or value.value & _CODE in _NOT_TOLD:
        return "good"
    if _plain(told.get("EnabledState/Id")) is False:
        return "good"
    return quality_class(value.value)


def _about(fields: Fields, namespaces: Sequence[str], tags: Mapping[Any, str]) -> str:
    """The node that the alarm is about, as configured where it is a tag."""
    nodes = [node for node in (fields.node("InputNode"), fields.node("SourceNode")) if node is not None]
    for node in nodes:
        if node in tags:
            return tags[node]
    return node_text(nodes[-1], namespaces) if nodes else ""


def _kind(event_type: int | None) -> str:
    """A type of the standard in a word: ``OffNormal`` for OffNormalAlarmType."""
    name = ua.ObjectIdNames.get(event_type, "") if event_type is not None else ""
    for end in ("AlarmType", "ConditionType", "Type"):
        name = name.removesuffix(end)
    return name


def _limit_state(fields: Fields) -> str:
    """Which limit, the most important of several."""
    for path in ("HighHighState/Id", "LowLowState/Id", "HighState/Id", "LowState/Id"):
        if fields.flag(path):
            return path.removesuffix("State/Id")
    return fields.text("LimitState/CurrentState")


def _shelving(fields: Fields) -> int | None:
    state = fields.node("ShelvingState/CurrentState/Id")
    return state.Identifier if state is not None and isinstance(state.Identifier, int) else None


def _shelved_until(fields: Fields, now: int) -> int:
    state = _shelving(fields)
    left = fields.number("ShelvingState/UnshelveTime") or 0.0
    if state == _SHELVED_ONCE or (state == _SHELVED_UNTIL_TIME and not 0 < left <= _LONGEST_SHELVING):
        return -1
    return now + round(left) if state == _SHELVED_UNTIL_TIME else 0


def _suppressed(fields: Fields) -> bool:
    state = fields.flag("SuppressedState/Id")
    if state is not None:
        return state
    # One flag for both: what is not known to be shelved is suppressed.
    return fields.flag("SuppressedOrShelved") is True and _shelving(fields) in {
        None,
        ua.ObjectIds.ShelvedStateMachineType_Unshelved,
    }
