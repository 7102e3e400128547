"""The plant's alarms as a calculation: from levels and the pump's run to what stands, in the states of OPC 10000-9.

Every tank has one exclusive level alarm (LowLow, Low, High or HighHigh), the pump one for standing still. Without
branches: an alarm that cleared unacknowledged stays in the list, inactive. A value that is bad changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from relay_bridge.contract.readings import Value
from relay_bridge.simulator.farm import PUMP, TANKS, Tank

Limit = Literal["HighHigh", "High", "Low", "LowLow"]
Kind = Literal["level", "off-normal"]
SEVERITIES: dict[Limit, int] = {"HighHigh": 900, "High": 700, "Low": 700, "LowLow": 900}
PUMP_SEVERITY = 300
DEADBAND = 0.05  # m that a level must come back before its alarm clears
FLOOD_SEVERITIES = (950, 750, 500, 200)  # in turn


@dataclass(frozen=True)
class Condition:
    """One alarm as it stands. Times in seconds since the epoch; ``event`` is new with every change of state."""

    id: str  # identifier of the condition's NodeId: "TK-101.LevelAlarm"
    kind: Kind
    source: str  # the variable that it is about: "TK-101.Level"
    source_name: str
    name: str
    severity: int = 1
    limit: Limit | None = None
    active: bool = False
    acknowledged: bool = True
    event: bytes = b""
    message: str = ""
    changed: float = 0.0
    active_changed: float = 0.0
    acknowledged_at: float = 0.0
    shelved_until: float = 0.0  # 0: not shelved
    comment: str = ""

    @property
    def retain(self) -> bool:
        return self.active or not self.acknowledged or self.shelved_until > 0


class Refused(Exception):  # noqa: N818 - an answer
    """A method that does not fit the state; ``code`` is the name of the StatusCode."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AlarmBoard:
    """All alarms of the plant. What changes a state answers the conditions that changed, newest state."""

    def __init__(self, new_event: Callable[[], bytes] = lambda: secrets.token_bytes(16)) -> None:
        self._new_event = new_event
        self._conditions = {condition.id: condition for condition in _conditions()}
        self._flood = 0

    def conditions(self) -> list[Condition]:
        return list(self._conditions.values())

    def find(self, identifier: str) -> Condition | None:
        return self._conditions.get(identifier)

    def update(self, values: Mapping[str, Value], bad: Callable[[str], bool], now: float) -> list[Condition]:
        """Look at the plant's values; ``bad`` says whether a variable's quality is bad now."""
        changed: list[Condition] = []
        for tank in TANKS:
            node = f"{tank.id}.Level"
            level = values.get(node)
            if isinstance(level, float) and not bad(node):
                changed += self._level(tank, level, now)
        run = values.get(f"{PUMP}.Run")
        if isinstance(run, bool) and not bad(f"{PUMP}.Run"):
            condition = self._conditions[f"{PUMP}.StoppedAlarm"]
            if condition.active == run:
                message = f"{PUMP} runs again" if run else f"{PUMP} stands still"
                changed.append(self._turn(condition, not run, message, now))
        changed += [self._change(c, now, shelved_until=0.0) for c in self.conditions() if 0 < c.shelved_until <= now]
        return changed

    def flood(self, count: int, now: float) -> list[Condition]:
        """That many instruments are off normal; those of an earlier flood beyond the count are well again."""
        changed: list[Condition] = []
        for number in range(1, max(count, self._flood) + 1):
            identifier = f"INST-{number:05d}.FaultAlarm"
            known = self._conditions.get(identifier)
            if known is None:
                name = f"INST-{number:05d}"
                severity = FLOOD_SEVERITIES[number % len(FLOOD_SEVERITIES)]
                known = Condition(identifier, "off-normal", name, name, "fault", severity)
            active = number <= count
            if known.active != active:
                message = f"{known.source_name} reports a fault" if active else f"{known.source_name} is well again"
                changed.append(self._turn(known, active, message, now))
        self._flood = count
        return changed

    # --- methods --------------------------------------------------------------------------------------------------

    def acknowledge(self, identifier: str, event: bytes, comment: str, now: float) -> Condition:
        condition = self._known(identifier)
        if event != condition.event:
            raise Refused("BadEventIdUnknown")
        if condition.acknowledged:
            raise Refused("BadConditionBranchAlreadyAcked")
        return self._change(condition, now, acknowledged=True, acknowledged_at=now, comment=comment)

    def shelve(self, identifier: str, seconds: float, now: float) -> Condition:
        condition = self._known(identifier)
        if condition.shelved_until:
            raise Refused("BadConditionAlreadyShelved")
        if not 0 < seconds <= 24 * 3600:
            raise Refused("BadShelvingTimeOutOfRange")
        return self._change(condition, now, shelved_until=now + seconds)

    def unshelve(self, identifier: str, now: float) -> Condition:
        condition = self._known(identifier)
        if not condition.shelved_until:
            raise Refused("BadConditionNotShelved")
        return self._change(condition, now, shelved_until=0.0)

    def _known(self, identifier: str) -> Condition:
        condition = self._conditions.get(identifier)
        if condition is None:
            raise Refused("BadNodeIdInvalid")
        return condition

    # --- states ---------------------------------------------------------------------------------------------------

    def _level(self, tank: Tank, level: float, now: float) -> list[Condition]:
        condition = self._conditions[f"{tank.id}.LevelAlarm"]
        limit = level_limit(tank, level, condition.limit if condition.active else None)
        if limit == (condition.limit if condition.active else None):
            return []
        if limit is None:
            return [self._turn(condition, False, f"{tank.id} level back at {level:.3f} m", now)]
        message = f"{tank.id} level {level:.3f} m: {limit}"
        new = replace(condition, limit=limit, severity=SEVERITIES[limit])
        return [self._turn(new, True, message, now)]

    def _turn(self, condition: Condition, active: bool, message: str, now: float) -> Condition:
        """Active or not from now on; whoever becomes active, or worse, must be acknowledged anew."""
        turned = active != self._conditions.get(condition.id, condition).active
        return self._change(
            condition,
            now,
            active=active,
            acknowledged=condition.acknowledged and not active,
            acknowledged_at=0.0 if active else condition.acknowledged_at,
            active_changed=now if turned else condition.active_changed,
            comment="" if active else condition.comment,
            message=message,
        )

    def _change(self, condition: Condition, now: float, **facts: object) -> Condition:
        changed = replace(condition, event=self._new_event(), changed=now, **facts)  # type: ignore[arg-type]
        self._conditions[condition.id] = changed
        return changed


def level_limit(tank: Tank, level: float, standing: Limit | None) -> Limit | None:
    """Which limit a level is beyond; one that stands holds until the level came back by the deadband."""
    back = {name: DEADBAND if name == standing else 0.0 for name in SEVERITIES}
    if level >= tank.high_high - back["HighHigh"]:
        return "HighHigh"
    if level <= tank.low_low + back["LowLow"]:
        return "LowLow"
    if level >= tank.high - back["High"]:
        return "High"
    return "Low" if level <= tank.low + back["Low"] else None


def _conditions() -> Iterable[Condition]:
    for tank in TANKS:
        yield Condition(f"{tank.id}.LevelAlarm", "level", f"{tank.id}.Level", tank.id, "level")
    yield Condition(f"{PUMP}.StoppedAlarm", "off-normal", f"{PUMP}.Run", PUMP, "stopped", PUMP_SEVERITY)
