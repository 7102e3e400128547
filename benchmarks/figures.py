"""Small sums: percentiles, a median with its range, and how they are written."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any


@dataclass(frozen=True)
class Spread:
    """A figure that was taken several times."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` (0 to 1) of all values do not exceed; ``nan`` of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if math.isnan(value):
        return "-"
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{round(value, decimals):,.{min(decimals, 4)}f}" if decimals else f"{float(f'{value:.3g}'):,.0f}"


def spread(figure: Spread) -> str:
    """The median, and the range when there is one."""
    low, middle, high = number(figure.low), number(figure.median), number(figure.high)
    return middle if low == high else f"{middle} ({low} to {high})"


def times(larger: float, smaller: float) -> str:
    """A ratio for people, as in "3.4 times"."""
    return "-" if not smaller or math.isnan(smaller) or math.isnan(larger) else f"{number(larger / smaller)} times"


def ratio(part: float, whole: float) -> float:
    """``nan`` when there is no whole."""
    return part / whole if whole else math.nan


def percent(part: float, whole: float) -> str:
    """A share for people, as in "34%"."""
    return f"{part / whole:.0%}" if whole else "-"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def plain(value: Any) -> Any:
    """Figures as lists and dictionaries, for JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(part) for name, part in asdict(value).items()}
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value
