"""What a limit alarm is and becomes: a calculation on the rule, the state until now, and what is known of the value.

The absence of data never clears anything: a value that is bad, uncertain, old or missing leaves an alarm as it is and
marks it. An uncertain value may raise an alarm, because that errs on the safe side.
"""

from __future__ import annotations

import secrets
from typing import Literal

import msgspec

from relay_bridge.agent.alarms.limit_rules import KINDS, WORDS, LimitRule
from relay_bridge.agent.drivers.abilities import AlarmEvent
from relay_bridge.contract.alarms import AlarmQuality
from relay_bridge.contract.readings import (
    UNCERTAIN_LAST_USABLE_VALUE,
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE,
    Reading,
    quality_class,
)

_OLD = {UNCERTAIN_LAST_USABLE_VALUE, UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE}
Trust = Literal["good", "uncertain", "none"]
_QUALITIES: dict[Trust, AlarmQuality] = {"good": "good", "uncertain": "uncertain", "none": "bad"}
_MARKS: dict[Trust, str] = {"good": "", "uncertain": "; the value is uncertain", "none": "; the value is not current"}


class LimitState(msgspec.Struct, frozen=True):
    """One limit alarm as it is kept on the disk. Times in epoch ms; ``shelved_until`` as in ``AlarmEvent``."""

    event: str = ""  # hexadecimal; new with every change but that of ``trust``
    active: bool = False
    acknowledged: bool = True
    text: str = ""  # what the message says besides the mark
    changed: int = 0
    since: int = 0
    acknowledged_at: int = 0
    shelved_until: int = 0
    comment: str = ""
    trust: Trust = "good"

    @property
    def stands(self) -> bool:
        """It belongs into the list."""
        return self.active or not self.acknowledged or bool(self.shelved_until)


def trust_in(reading: Reading | None, *, source_is_down: bool) -> Trust:
    """How far a reading says how things are now."""
    if (
        reading is None
        or source_is_down
        or isinstance(reading.value, bool)
        or not isinstance(reading.value, int | float)
    ):
        return "none"
    kind = quality_class(reading.quality)
    if kind == "bad" or reading.quality & 0xFFFF0000 in _OLD:
        return "none"
    return "good" if kind == "good" else "uncertain"


def after_value(rule: LimitRule, state: LimitState, value: float, trust: Trust, *, unit: str, now: int) -> LimitState:
    """The state once ``value`` has been there for the rule's delay. ``now`` in epoch ms."""
    if not state.active and trust != "none" and rule.is_beyond(value):
        side = "above" if rule.key in {"hh", "h"} else "below"
        text = f"{_number(value, unit)} is at or {side} the {WORDS[rule.key]} limit of {_number(rule.limit, unit)}"
        return msgspec.structs.replace(
            state, event=new_event(), active=True, acknowledged=False, text=text, changed=now, since=now,
            acknowledged_at=0, comment="", trust=trust,
        )  # fmt: skip
    if state.active and trust == "good" and rule.is_clear(value):
        text = f"back at {_number(value, unit)}; the {WORDS[rule.key]} limit is {_number(rule.limit, unit)}"
        return msgspec.structs.replace(
            state, event=new_event(), active=False, text=text, changed=now, since=now, trust=trust
        )
    return marked(state, trust)


def marked(state: LimitState, trust: Trust) -> LimitState:
    return state if state.trust == trust else msgspec.structs.replace(state, trust=trust)


def acknowledged(state: LimitState, comment: str, now: int) -> LimitState:
    return msgspec.structs.replace(
        state, event=new_event(), acknowledged=True, acknowledged_at=now, comment=comment, changed=now
    )


def shelved(state: LimitState, until: int, now: int) -> LimitState:
    """``until``: epoch ms, 0 brings it back."""
    return msgspec.structs.replace(state, event=new_event(), shelved_until=until, changed=now)


def event_of(rule: LimitRule, state: LimitState) -> AlarmEvent:
    """The state as a driver would tell it."""
    return AlarmEvent(
        ref=rule.ref,
        event=bytes.fromhex(state.event),
        time=state.changed,
        severity=rule.severity,
        active=state.active,
        acknowledged=state.acknowledged,
        retain=state.stands,
        name=rule.title,
        condition_type="limit",
        node=rule.tag.node,
        message=state.text + _MARKS[state.trust],
        shelved_until=state.shelved_until,
        comment=state.comment,
        limit_state=KINDS[rule.key],
        since=state.since,
        acknowledged_at=state.acknowledged_at,
        tag=rule.tag.id,
        quality=_QUALITIES[state.trust],
    )


def new_event() -> str:
    return secrets.token_hex(9)


def _number(value: float, unit: str) -> str:
    return f"{value:.10g} {unit}".strip()
