"""The units in which a person reads a tag: as the site sends it, in SI, or in US units. Pure.

Only what an operator reads off is converted: lengths, temperatures, pressures, flows, room. Custody figures (API MPMS
12.1.1: observed and standard volumes, masses, densities, correction factors) keep the source's unit and its digits,
because a second rounding would make them another figure. What is written to the plant is never converted either.
``static/js/units.js`` shows the same live.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from hmi.screens.presenters.words import number_text

System = Literal["site", "si", "us"]
Form = Literal["", "ft16"]  # ft16: feet, inches and sixteenths, as US tank gauges are read

CUSTODY = frozenset({
    "tov", "fwv", "gov", "gsv", "nsv", "mass", "density_obs", "density_ref", "ctl", "vcf", "movement_planned",
    "movement_done",
})  # fmt: skip
FEET_DECIMALS = 4  # finer than a sixteenth of an inch
_FOOT, _BARREL, _PSI = 0.3048, 0.158987294928, 0.0689475729  # m, m3, bar: exact, exact, to 9 digits
# Each unit that is converted: what it is in the base unit of its kind, as factor and offset.
_KINDS: dict[str, dict[str, tuple[float, float]]] = {
    "length": {
        "m": (1.0, 0.0), "cm": (0.01, 0.0), "mm": (0.001, 0.0), "ft": (_FOOT, 0.0), "in": (_FOOT / 12, 0.0),
    },
    "length rate": {
        "m/h": (1 / 60, 0.0), "m/min": (1.0, 0.0), "mm/min": (0.001, 0.0), "mm/h": (0.001 / 60, 0.0),
        "cm/min": (0.01, 0.0), "cm/h": (0.01 / 60, 0.0),
        "in/min": (_FOOT / 12, 0.0), "in/h": (_FOOT / 720, 0.0), "ft/h": (_FOOT / 60, 0.0), "ft/min": (_FOOT, 0.0),
    },
    "temperature": {"°C": (1.0, 0.0), "°F": (5 / 9, -160 / 9), "K": (1.0, -273.15)},
    "pressure": {
        "bar": (1.0, 0.0), "mbar": (0.001, 0.0), "kPa": (0.01, 0.0), "MPa": (10.0, 0.0), "psi": (_PSI, 0.0),
        "barg": (1.0, 0.0), "mbarg": (0.001, 0.0), "kPag": (0.01, 0.0), "psig": (_PSI, 0.0),
        "bara": (1.0, 0.0), "psia": (_PSI, 0.0),
    },
    "volume": {"m³": (1.0, 0.0), "m3": (1.0, 0.0), "l": (0.001, 0.0), "bbl": (_BARREL, 0.0)},
    "flow": {
        "m³/h": (1.0, 0.0), "m3/h": (1.0, 0.0), "l/min": (0.06, 0.0), "bbl/h": (_BARREL, 0.0),
    },
}  # fmt: skip
_WANTED: dict[str, dict[str, str]] = {
    "si": {
        "length": "m", "length rate": "mm/min", "temperature": "°C", "pressure": "bar", "volume": "m³", "flow": "m³/h",
    },
    "us": {
        "length": "ft", "length rate": "in/min", "temperature": "°F", "pressure": "psi", "volume": "bbl",
        "flow": "bbl/h",
    },
}  # fmt: skip
_SYSTEMS: dict[str, frozenset[str]] = {
    "si": frozenset({
        "m", "cm", "mm", "m/h", "m/min", "mm/min", "mm/h", "cm/min", "cm/h", "°C", "K", "bar", "mbar", "kPa", "MPa",
        "barg", "mbarg", "kPag", "bara", "m³", "m3", "l", "m³/h", "m3/h", "l/min",
    }),
    "us": frozenset({
        "ft", "in", "in/min", "in/h", "ft/h", "ft/min", "°F", "psi", "psig", "psia", "bbl", "bbl/h",
    }),
}  # fmt: skip
_REFERENCE = {"barg": "g", "mbarg": "g", "kPag": "g", "psig": "g", "bara": "a", "psia": "a"}


@dataclass(frozen=True)
class Shown:
    """How a tag's value is read: ``value * factor + offset`` in ``unit`` with ``decimals``, or in a form of its own."""

    unit: str
    decimals: int
    factor: float = 1.0
    offset: float = 0.0
    form: Form = ""

    def of(self, value: float) -> float:
        return value * self.factor + self.offset

    def text(self, value: float) -> str:
        """``value``, in the site's unit, as the person reads it; without the unit."""
        return feet_text(self.of(value)) if self.form else number_text(self.of(value), self.decimals)

    @property
    def step(self) -> int:
        """Decimals that hold everything that is shown, for numbers that are rounded before a script shows them."""
        return FEET_DECIMALS if self.form else self.decimals

    @property
    def attributes(self) -> dict[str, str]:
        """What an element carries so that the page's script can show the next value; empty where nothing converts."""
        if not self.is_converted:
            return {"factor": "", "offset": "", "form": ""}
        return {"factor": repr(self.factor), "offset": repr(self.offset), "form": self.form}

    @property
    def is_converted(self) -> bool:
        return bool(self.form) or (self.factor, self.offset) != (1.0, 0.0)


def shown_in(system: str, unit: str, decimals: int, canon: str = "") -> Shown:
    """How a tag of ``unit`` with ``decimals`` is read in ``system``; as it comes where nothing is to be converted."""
    as_sent = Shown(unit, decimals)
    kind = next((kind for kind, units in _KINDS.items() if unit in units), None)
    if system not in _WANTED or kind is None or canon in CUSTODY or unit in _SYSTEMS[system]:
        return as_sent
    wanted = _WANTED[system][kind]
    (to_base, base_offset), (from_base, wanted_offset) = _KINDS[kind][unit], _KINDS[kind][wanted]
    factor, offset = to_base / from_base, (base_offset - wanted_offset) / from_base
    if kind == "length" and system == "us":
        return Shown("", 0, factor, offset, "ft16")
    finest = factor * 10.0**-decimals  # one step of the source, in the wanted unit: ours is about as fine
    return Shown(wanted + _REFERENCE.get(unit, ""), max(0, round(-math.log10(finest))), factor, offset)


def feet_text(feet: float) -> str:
    """``feet`` as US gauges are read, to the sixteenth of an inch: ``31' 04 05/16"``. Two digits each: no jumping."""
    sixteenths = math.floor(abs(feet) * 192 + 0.5)
    sign = "-" if feet < 0 and sixteenths else ""
    whole, rest = divmod(sixteenths, 192)
    inches, parts = divmod(rest, 16)
    return f"{sign}{whole}' {inches:02d} {parts:02d}/16\""
