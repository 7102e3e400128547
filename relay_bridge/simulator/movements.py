"""The fixed cycle of movements: who pumps into whom, and how much has been moved by a given moment.

Each chain of tanks is filled from a ship, passes its content on and is emptied into trucks with the same volume, so
after a cycle every tank holds what it held before: the plant can run for years without drifting.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from relay_bridge.simulator.farm import TANK_BY_ID

SLOT = 1200.0  # seconds that one movement lasts
SPEED = 0.0012  # m/s of level in the larger tank of a movement: seen on a screen that shows millimetres

# One movement at a time, north and south in turn; a chain ends with the trucks at the rack.
CHAINS = (("TK-101", "TK-102"), ("TK-201", "TK-202"), ("TK-103", "TK-104"), ("TK-203",), ("TK-105", "TK-106"))


@dataclass(frozen=True)
class Movement:
    """A transfer with a constant rate. ``source`` None is a ship, ``target`` None the truck rack."""

    source: str | None
    target: str | None
    start: float  # seconds after the beginning of the cycle
    rate: float  # m3/s

    def moved(self, phase: float) -> float:
        """m3 moved since the beginning of the cycle, at ``phase`` seconds into it."""
        return self.rate * min(max(phase - self.start, 0.0), SLOT)

    def runs(self, phase: float) -> bool:
        return self.start <= phase < self.start + SLOT


def _cycle() -> tuple[Movement, ...]:
    movements: list[Movement] = []
    for chain in CHAINS:
        rate = SPEED * max(TANK_BY_ID[tank].section for tank in chain)
        stations = (None, *chain, None)
        for source, target in pairwise(stations):
            movements.append(Movement(source, target, len(movements) * SLOT, rate))
    return tuple(movements)


CYCLE = _cycle()
CYCLE_SECONDS = len(CYCLE) * SLOT


def moved_into(tank: str, phase: float) -> float:
    """Net m3 that came into a tank since the beginning of the cycle (negative: went out)."""
    return sum(m.moved(phase) for m in CYCLE if m.target == tank) - sum(
        m.moved(phase) for m in CYCLE if m.source == tank
    )


def movement_of(tank: str, phase: float) -> Movement | None:
    """The movement that fills or empties a tank at this moment."""
    return next((m for m in CYCLE if m.runs(phase) and tank in (m.source, m.target)), None)


def flow_into(tank: str, phase: float) -> float:
    """m3/s into a tank at this moment (negative: out of it)."""
    running = [m for m in CYCLE if m.runs(phase)]
    return sum(m.rate for m in running if m.target == tank) - sum(m.rate for m in running if m.source == tank)
