"""Pump P-101: the one part of the plant whose past depends on people.

The pumped volume is the integral of the flow, kept as the moments at which setpoint or motor changed; so the state at
any moment, also a past one, can be asked for.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from relay_bridge.simulator.farm import PUMP_MAX

DEFAULT_SETPOINT = 60.0  # m3/h
SHUT_OFF = 6.5  # bar at no flow
FALL = 0.00014  # bar per (m3/h) squared
MIN_FLOW = 5.0  # m3/h; below this the pump stands
SWING = 100.0  # m3 that go from the first tank to the second before the valves change over
MAX_CHANGES = 1000  # changes remembered; older moments are then asked of the oldest one


def pump_flow(setpoint: float) -> float:
    """m3/h that the pump gives at a setpoint: it follows at once, and stands below its minimum."""
    return setpoint if setpoint >= MIN_FLOW else 0.0


def discharge_pressure(flow: float) -> float:
    """bar behind the pump: its curve falls with the square of the flow; nothing while it stands."""
    return SHUT_OFF - FALL * flow**2 if flow > 0.0 else 0.0


@dataclass(frozen=True)
class _Change:
    at: float  # seconds since the epoch
    setpoint: float  # m3/h
    pumped: float  # m3 until then
    on: bool = True  # the motor is switched on

    @property
    def flow(self) -> float:
        """m3/h from then on."""
        return pump_flow(self.setpoint) if self.on else 0.0


class PumpLine:
    """Setpoint, flow and pumped volume of P-101 as functions of time."""

    def __init__(self, phase: float, setpoint: float = DEFAULT_SETPOINT) -> None:
        """``phase``: m3 pumped at the epoch, so that farms of different seeds do not run alike."""
        self._changes = [_Change(0.0, setpoint, phase)]

    def change_setpoint(self, setpoint: float, at: float) -> None:
        """From ``at`` (seconds since the epoch) pump at ``setpoint`` m3/h; ValueError outside the scale."""
        if not (math.isfinite(setpoint) and 0.0 <= setpoint <= PUMP_MAX):
            raise ValueError(f"the setpoint of the pump must lie between 0 and {PUMP_MAX:g} m3/h")
        self._change(at, setpoint, on=self._changes[-1].on)

    def start(self, at: float) -> None:
        """Switch the motor on at ``at``; ValueError while the setpoint is below what the pump can give."""
        setpoint = self._changes[-1].setpoint
        if pump_flow(setpoint) == 0.0:
            raise ValueError(f"the pump does not start below {MIN_FLOW:g} m3/h; raise its setpoint first")
        self._change(at, setpoint, on=True)

    def stop(self, at: float) -> None:
        """Switch the motor off at ``at``; the setpoint stays for the next start."""
        self._change(at, self._changes[-1].setpoint, on=False)

    def _change(self, at: float, setpoint: float, *, on: bool) -> None:
        at = max(at, self._changes[-1].at)  # a clock that steps back must not undo what was pumped
        self._changes.append(_Change(at, setpoint, self.pumped(at), on))
        del self._changes[:-MAX_CHANGES]

    def _change_before(self, t: float) -> _Change:
        return self._changes[max(bisect_right(self._changes, t, key=lambda change: change.at) - 1, 0)]

    def setpoint(self, t: float) -> float:
        return self._change_before(t).setpoint

    def flow(self, t: float) -> float:
        """m3/h at ``t``, without direction."""
        return self._change_before(t).flow

    def pumped(self, t: float) -> float:
        """m3 pumped until ``t``, in both directions together."""
        change = self._change_before(t)
        return change.pumped + change.flow * (t - change.at) / 3600

    def in_second_tank(self, t: float) -> float:
        """m3 of the swing volume that stand in the second tank: 0..SWING."""
        turn = self.pumped(t) % (2 * SWING)
        return turn if turn < SWING else 2 * SWING - turn

    def in_swing(self, t: float) -> float:
        """m3 of the swing volume that the running turn has moved already: 0..SWING."""
        return self.pumped(t) % SWING

    def direction(self, t: float) -> int:
        """+1 towards the second tank, -1 back to the first."""
        return 1 if self.pumped(t) % (2 * SWING) < SWING else -1
