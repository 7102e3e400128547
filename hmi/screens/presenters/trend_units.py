"""A trend's tag and its history in the units that the person reads; what is exported stays as the site sent it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import msgspec

from hmi.screens.presenters.units import FEET_DECIMALS, Form, Shown, feet_text
from hmi.screens.presenters.values import shown_tag
from hmi.screens.presenters.words import number_text
from hmi.trends.strips import Strip
from relay_bridge.contract.messages import CatalogTag

AXIS_DECIMALS = 2  # of feet: the axis has decimal feet, the values beside it feet, inches and sixteenths


class Reading(NamedTuple):
    """How a pen's numbers, which are in the person's unit already, are written; ``attributes`` for the script."""

    unit: str
    decimals: int
    form: Form = ""
    factor: str = ""
    offset: str = ""

    def text(self, value: float) -> str:
        return feet_text(value) if self.form else number_text(value, self.decimals)

    @property
    def kept_decimals(self) -> int:
        """Of numbers that the page's script writes."""
        return FEET_DECIMALS if self.form else self.decimals


def in_units(tag: CatalogTag, strip: Strip | None, units: str) -> tuple[CatalogTag, Strip | None, Reading]:
    """``tag`` with its range and limits, and ``strip``, as the person reads them; both as they are where nothing is
    converted."""
    shown = shown_tag(tag, units)
    if tag.kind != "number" or not shown.is_converted:
        return tag, strip, Reading(tag.unit, tag.dec)
    written = Reading(shown.unit, shown.decimals, shown.form, repr(shown.factor), repr(shown.offset))
    unit, decimals = ("ft", AXIS_DECIMALS) if shown.form else (shown.unit, shown.decimals)
    limits = tag.lim
    if limits is not None:
        limits = msgspec.structs.replace(limits, **{
            key: shown.of(value) for key in ("hh", "h", "l", "ll") if (value := getattr(limits, key)) is not None
        })  # fmt: skip
    read = msgspec.structs.replace(
        tag, unit=unit, dec=decimals, lim=limits, lo=_of(shown, tag.lo), hi=_of(shown, tag.hi)
    )
    if strip is None:
        return read, None, written
    low, high, average = (_column(shown, column) for column in (strip.low, strip.high, strip.average))
    return read, replace(strip, low=low, high=high, average=average), written


def _of(shown: Shown, value: float | None) -> float | None:
    return None if value is None else shown.of(value)


def _column(shown: Shown, values: Iterable[float]) -> array[float]:
    return array("d", map(shown.of, values))
