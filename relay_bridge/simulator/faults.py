"""Faults on demand: what can be wrong with the simulated plant, in one grammar for the command line and at run time.

    NAME[=TARGETS][@START][/DURATION]         bad-quality=TK-103.Level,TK-104.*    freeze@30s/10s    alarm-burst=6

    freeze              values and the server's own clock stop; connections live on
    stick               values stop, the server's clock goes on: good-looking numbers that no longer follow the plant
    bad-quality         the named variables become BadSensorFailure (the value is then null, as OPC UA has it)
    uncertain-quality   the named variables become UncertainSensorNotAccurate and keep their value
    comms-loss          every connection is dropped and new ones are refused
    alarm-burst         that many tanks (default 8) stand above their high-high limit
    alarm-flood         that many instruments (default 4000) report a fault at once, of four severities

START is seconds from now, DURATION how long the fault lasts; without it until it is cleared.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from relay_bridge.simulator.farm import TANKS, VARIABLES

BAD_SENSOR_FAILURE = 0x808C0000
UNCERTAIN_SENSOR_NOT_ACCURATE = 0x40930000
KINDS = ("freeze", "stick", "bad-quality", "uncertain-quality", "comms-loss", "alarm-burst", "alarm-flood")
BURST_TANKS = 8
FLOOD_ALARMS, MAX_FLOOD = 4000, 10_000
OVER_HIGH_HIGH = 0.2  # m above the high-high limit
MAX_FAULTS = 100

_ORDER = re.compile(
    r"(?P<kind>[a-z-]+)(=(?P<targets>[^@/]+))?(@(?P<start>\d+(\.\d+)?)s?)?(/(?P<duration>\d+(\.\d+)?)s?)?"
)


class FaultError(ValueError):
    """A fault that cannot be understood; the message is a sentence for whoever asked for it."""


@dataclass(frozen=True)
class Fault:
    """One fault as ordered. ``start`` and ``duration`` in seconds; no duration: until cleared."""

    kind: str
    targets: tuple[str, ...] = ()
    start: float = 0.0
    duration: float | None = None


def parse_fault(text: str) -> Fault:
    """Read one order; raises FaultError."""
    match = _ORDER.fullmatch(text.strip())
    if match is None or match["kind"] not in KINDS:
        raise FaultError(f"{text!r} is no fault; say NAME[=TARGETS][@START][/DURATION] with one of {', '.join(KINDS)}")
    kind = match["kind"]
    targets = tuple(part.strip() for part in (match["targets"] or "").split(",") if part.strip())
    if kind.endswith("quality"):
        if not targets:
            raise FaultError(f"{kind} needs the variables it is for, as in {kind}=TK-103.Level")
        for target in targets:
            if not any(fnmatchcase(node, target) for node in VARIABLES):
                raise FaultError(f"the plant has no variable {target!r}; they are named like TK-101.Level")
    elif kind == "alarm-burst":
        if len(targets) > 1 or not all(target.isdecimal() and 1 <= int(target) <= len(TANKS) for target in targets):
            raise FaultError(f"alarm-burst takes a number of tanks between 1 and {len(TANKS)}")
    elif kind == "alarm-flood":
        if len(targets) > 1 or not all(target.isdecimal() and 1 <= int(target) <= MAX_FLOOD for target in targets):
            raise FaultError(f"alarm-flood takes a number of alarms between 1 and {MAX_FLOOD}")
    elif targets:
        raise FaultError(f"{kind} is for the whole plant and takes no targets")
    duration = float(match["duration"]) if match["duration"] else None
    return Fault(kind, targets, float(match["start"] or 0.0), duration)


class Faults:
    """The faults of a running plant. Every method takes effect at once."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._faults: list[tuple[Fault, float]] = []  # with the moment they were ordered
        self.changed: Callable[[], None] = lambda: None

    def add(self, fault: Fault | str) -> None:
        """Order a fault; raises FaultError for text that is none, or when there are too many."""
        if isinstance(fault, str):
            fault = parse_fault(fault)
        self._faults = [(f, at) for f, at in self._faults if not self._is_over(f, at)]
        if len(self._faults) >= MAX_FAULTS:
            raise FaultError(f"there are {MAX_FAULTS} faults already; clear them first")
        self._faults.append((fault, self._monotonic()))
        self.changed()

    def clear(self) -> None:
        """The plant is well again."""
        self._faults.clear()
        self.changed()

    def freeze(self, duration: float | None = None) -> None:
        self.add(Fault("freeze", duration=duration))

    def stick(self, duration: float | None = None) -> None:
        self.add(Fault("stick", duration=duration))

    def bad_quality(self, *nodes: str, duration: float | None = None) -> None:
        self.add(Fault("bad-quality", nodes, duration=duration))

    def uncertain_quality(self, *nodes: str, duration: float | None = None) -> None:
        self.add(Fault("uncertain-quality", nodes, duration=duration))

    def comms_loss(self, duration: float | None = None) -> None:
        self.add(Fault("comms-loss", duration=duration))

    def alarm_burst(self, tanks: int = BURST_TANKS, duration: float | None = None) -> None:
        self.add(Fault("alarm-burst", (str(tanks),), duration=duration))

    def alarm_flood(self, alarms: int = FLOOD_ALARMS, duration: float | None = None) -> None:
        self.add(Fault("alarm-flood", (str(alarms),), duration=duration))

    # --- what the plant asks -------------------------------------------------------------------------------------

    @property
    def clock_stands(self) -> bool:
        return bool(self._active("freeze"))

    @property
    def values_stand(self) -> bool:
        return bool(self._active("freeze") or self._active("stick"))

    @property
    def no_comms(self) -> bool:
        return bool(self._active("comms-loss"))

    def quality(self, node: str) -> int:
        """The StatusCode that a variable has now; bad wins over uncertain."""
        for kind, code in (("bad-quality", BAD_SENSOR_FAILURE), ("uncertain-quality", UNCERTAIN_SENSOR_NOT_ACCURATE)):
            if any(fnmatchcase(node, target) for fault in self._active(kind) for target in fault.targets):
                return code
        return 0

    def forced_levels(self) -> dict[str, float]:
        """Level in m of every tank that an alarm burst holds over its high-high limit."""
        bursts = [int(fault.targets[0]) if fault.targets else BURST_TANKS for fault in self._active("alarm-burst")]
        return {tank.id: tank.high_high + OVER_HIGH_HIGH for tank in TANKS[: max(bursts, default=0)]}

    def flooding(self) -> int:
        """How many instruments report a fault now."""
        floods = self._active("alarm-flood")
        return max((int(fault.targets[0]) if fault.targets else FLOOD_ALARMS for fault in floods), default=0)

    def active(self) -> list[str]:
        """The names of what is wrong now."""
        return [kind for kind in KINDS if self._active(kind)]

    def _active(self, kind: str) -> list[Fault]:
        now = self._monotonic()
        return [f for f, at in self._faults if f.kind == kind and now >= at + f.start and not self._is_over(f, at)]

    def _is_over(self, fault: Fault, at: float) -> bool:
        return fault.duration is not None and self._monotonic() >= at + fault.start + fault.duration
