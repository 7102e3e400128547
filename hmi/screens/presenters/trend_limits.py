"""The limits of a trend's tags: which are drawn, at what height, and where their words find room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hmi.screens.presenters.trend_axes import Scale, percent
from hmi.screens.presenters.trend_units import Reading
from relay_bridge.contract.messages import CatalogTag

APART = 11.0  # percent between the words of two limits


class Limited(Protocol):
    """A pen."""

    @property
    def tag(self) -> CatalogTag: ...

    @property
    def reading(self) -> Reading: ...


@dataclass(frozen=True)
class ShownLimit:
    """``x``, ``below``: where its words stand, so that they meet neither the edge nor each other."""

    place: str
    text: str
    x: str
    below: bool


def show_limits(members: Sequence[tuple[int, Limited]], scale: Scale) -> Iterable[ShownLimit]:
    """One line for pens that share a limit; whose it is stands before it unless it is everybody's."""
    shared: dict[tuple[str, float], list[int]] = {}
    for number, pen in members:
        for key, value in limits_of(pen.tag):
            if scale.shows(value):
                shared.setdefault((key, value), []).append(number)
    before = -100.0
    aside = False
    for (key, value), numbers in sorted(shared.items(), key=lambda row: -row[0][1]):
        text = f"{key} {members[0][1].reading.text(value)}"
        if len(numbers) < len(members):
            text = f"{', '.join(map(str, numbers))}: {text}"
        place = scale.height(value) / 10
        aside = not aside if place - before < APART else False
        before = place
        yield ShownLimit(percent(place, 100), text, "45%" if aside else "1%", place < APART)


def limits_of(tag: CatalogTag) -> list[tuple[str, float]]:
    if tag.lim is None:
        return []
    found = (("HH", tag.lim.hh), ("H", tag.lim.h), ("L", tag.lim.l), ("LL", tag.lim.ll))
    return [(key, value) for key, value in found if value is not None]
