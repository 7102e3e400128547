"""Which unit is polled next, and how long a failing one is left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from relay_bridge.agent.drivers.rest.units import Unit

PAUSE_MAX: Final = 30.0  # seconds that one failing request is left alone at most


def most_overdue(
    active: Sequence[Unit],
    now: float,
    interval: Callable[[Unit], float],
    *,
    first: Unit | None = None,
    among: Sequence[Unit] | None = None,
) -> Unit | None:
    """The unit that has waited longest in proportion to how often it is wanted, due or not; ``None`` when all are busy.

    ``first`` goes before all others once it is due: a heartbeat that waits for its turn behind the values would look
    like one that stands still. ``among``: those of ``active`` that may be chosen, all when left out. Of those that hang
    one at a time is tried, so the others keep their connections. ``now`` in seconds.
    """
    if first is not None and not first.is_busy and first.due <= now:
        return first
    is_hanging = any(unit.is_busy and unit.hangs for unit in active)
    best, best_rank = None, 0.0
    for unit in active if among is None else among:
        if unit.is_busy or (is_hanging and unit.hangs):
            continue
        rank = (now - unit.due) / interval(unit)
        if best is None or rank > best_rank:
            best, best_rank = unit, rank
    return best


def pause_after(unit: Unit, interval: float, chance: float) -> float:
    """Seconds from one failed request of ``unit`` to the next: twice as long each time, half of it by ``chance``."""
    return min(PAUSE_MAX, interval * 2.0 ** min(unit.failures, 10)) * (0.5 + chance / 2)
