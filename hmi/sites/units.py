"""Units of level, volume and flow as sites write them, as far as a rate or a forecast needs them."""

from __future__ import annotations

from typing import NamedTuple

_METRES = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "in": 0.0254}
_CUBIC_METRES = {
    "m3": 1.0, "m³": 1.0, "l": 0.001, "L": 0.001, "dm3": 0.001, "hl": 0.1, "kl": 1.0,
    "bbl": 0.158987294928, "ft3": 0.028316846592, "gal": 0.003785411784,
}  # fmt: skip
_MINUTES = {"s": 1 / 60, "sec": 1 / 60, "min": 1.0, "h": 60.0, "hr": 60.0, "d": 1440.0}
_METRIC = frozenset({"m", "dm", "cm", "mm"})


class Rate(NamedTuple):
    """``value`` in ``unit``, such as ``mm/min``."""

    value: float
    unit: str


def shown_length_unit(unit: str) -> str:
    """The unit in which a level's rate is read: mm for metric levels, in for feet and inches."""
    return "mm" if unit in _METRIC else "in" if unit in _METRES else unit


def length_rate(value: float, unit: str, into: str) -> Rate | None:
    """``value`` of ``unit`` (such as ``m/h``) as ``into`` per minute; ``None`` when a unit is not known."""
    length, minutes = _split(unit, _METRES)
    if length is None or minutes is None or into not in _METRES:
        return None
    return Rate(value * length / _METRES[into] / minutes, f"{into}/min")


def volume_rate(value: float, unit: str) -> float | None:
    """``value`` of ``unit`` (such as ``m3/h``) in m3/min; ``None`` for a unit not known (a mass flow)."""
    volume, minutes = _split(unit, _CUBIC_METRES)
    return None if volume is None or minutes is None else value * volume / minutes


def volume_unit(unit: str) -> float | None:
    """How many m3 one of ``unit`` is."""
    return _CUBIC_METRES.get(unit.strip())


def _split(unit: str, tops: dict[str, float]) -> tuple[float | None, float | None]:
    top, _, bottom = unit.strip().partition("/")
    return tops.get(top.strip()), _MINUTES.get(bottom.strip())
