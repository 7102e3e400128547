"""What must hold between the figures of one tank, as a calculation: no values are watched and none are changed here.

    ullage + level = height_ref        0 <= level <= height_ref        water_level <= level
    TOV = FWV + GOV                    GSV = GOV x VCF                 (API MPMS 12.1.1, without its finer corrections)

Each holds within 0.2 % of the largest figure, for the corrections that are left out (tank shell, sediment) and for
what moves between two samples, and within the last digit of every figure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

TOLERANCE: Final = 0.002
_NO_UNIT = frozenset({"", "1"})


@dataclass(frozen=True)
class Figure:
    """One value with its unit; ``step``: the size of its last digit."""

    value: float
    unit: str
    step: float = 0.0


Figures = Mapping[str, Figure]
Parts = Callable[[Figures], tuple[float, float]]


@dataclass(frozen=True)
class Rule:
    """``keys``: what it speaks of, all in one unit except ``factors``, which have none.

    ``excess``: by how much it is violated and the largest figure in it, both in that unit.
    """

    name: str
    keys: tuple[str, ...]
    words: str
    excess: Parts
    factors: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        return (*self.keys, *self.factors)

    def comparable(self, figures: Figures) -> bool:
        """Whether the units allow a comparison: nothing is converted, and an unknown unit may be any."""
        units = {figures[key].unit for key in self.keys}
        return len(units) == 1 and "" not in units and all(figures[key].unit in _NO_UNIT for key in self.factors)

    def holds(self, figures: Figures) -> bool:
        """Within the tolerance and the last digits."""
        excess, largest = self.excess(figures)
        digits = sum(figures[key].step for key in self.keys) + sum(figures[key].step * largest for key in self.factors)
        return excess <= TOLERANCE * abs(largest) + digits

    def shown(self, figures: Figures) -> str:
        """The figures in words: "tov 5012.3 m³, fwv 12 m³"."""
        return ", ".join(f"{key} {figures[key].value:.10g} {figures[key].unit}".strip() for key in self.needs)


def _ullage(f: Figures) -> tuple[float, float]:
    height = f["height_ref"].value
    return abs(f["level"].value + f["ullage"].value - height), height


def _level(f: Figures) -> tuple[float, float]:
    level, height = f["level"].value, f["height_ref"].value
    return max(-level, level - height), height


def _water(f: Figures) -> tuple[float, float]:
    excess = f["water_level"].value - f["level"].value
    # Two gauges measure them, so they differ by some millimetres in a tank that is all but empty.
    return excess, f["height_ref"].value if "height_ref" in f else f["level"].value


def _tov(f: Figures) -> tuple[float, float]:
    tov, parts = f["tov"].value, f["fwv"].value + f["gov"].value
    return abs(tov - parts), max(abs(tov), abs(parts))


def _gsv_by(factor: str) -> Parts:
    def gsv(f: Figures) -> tuple[float, float]:
        return abs(f["gsv"].value - f["gov"].value * f[factor].value), max(abs(f["gsv"].value), abs(f["gov"].value))

    return gsv


# Of rules with the same name the first that a tank has the tags for is looked at.
RULES: Final = (
    Rule(
        "ullage", ("ullage", "level", "height_ref"), "ullage and level together are not the reference height", _ullage
    ),
    Rule("level", ("level", "height_ref"), "the level is not between zero and the reference height", _level),
    Rule("water", ("water_level", "level", "height_ref"), "the free water stands higher than the level", _water),
    Rule("water", ("water_level", "level"), "the free water stands higher than the level", _water),
    Rule("tov", ("tov", "fwv", "gov"), "the total observed volume is not water and gross observed volume", _tov),
    Rule(
        "gsv", ("gsv", "gov"), "the gross standard volume is not the observed one times VCF", _gsv_by("vcf"), ("vcf",)
    ),
    Rule(
        "gsv", ("gsv", "gov"), "the gross standard volume is not the observed one times CTL", _gsv_by("ctl"), ("ctl",)
    ),
)
