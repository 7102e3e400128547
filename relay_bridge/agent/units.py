"""Units as plants write them: one spelling of each, and what is measured in it. Nothing is converted here.

A unit that is not in the table stays as it was written: it is only text then, and no check speaks of it. The codes are
those of UNECE Recommendation 20, which OPC UA servers give (OPC 10000-8, 5.6.4), as far as no plant could mean
anything else by the same letters.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final, Literal

Quantity = Literal[
    "length", "length rate", "temperature", "pressure", "density", "volume", "mass", "flow", "mass flow", "ratio",
    "current", "power", "time", "rotation",
]  # fmt: skip
WORDS: Final[dict[Quantity, str]] = {
    "length": "a length", "length rate": "a length per time", "temperature": "a temperature", "pressure": "a pressure",
    "density": "a density", "volume": "a volume", "mass": "a mass", "flow": "a volume per time",
    "mass flow": "a mass per time", "ratio": "a ratio", "current": "an electric current", "power": "a power",
    "time": "a time", "rotation": "a speed of rotation",
}  # fmt: skip

# Of each unit: how it is shown, and what else it is called. Compared without blanks and as NFKC, so that ³ is 3.
_TABLE: Final[dict[Quantity, dict[str, str]]] = {
    "length": {
        "m": "MTR metre meter metres meters mtr",
        "dm": "DMT decimetre",
        "cm": "CMT centimetre centimeter",
        "mm": "MMT millimetre millimeter",
        "ft": "FOT foot feet",
        "in": "INH inch inches",
    },
    "length rate": {
        "mm/min": "H81", "mm/s": "C16", "mm/h": "H67 mm/hr", "cm/min": "", "cm/s": "2M", "cm/h": "H49 cm/hr",
        "m/h": "M60 m/hr", "m/min": "2X", "m/s": "MTS", "in/min": "", "in/h": "in/hr", "ft/h": "ft/hr", "ft/min": "",
    },
    "temperature": {
        "°C": "CEL degC C deg.C Celsius ºC oC °Cel",
        "°F": "FAH degF F deg.F Fahrenheit ºF oF",
        "K": "KEL Kelvin",
    },
    "pressure": {
        "bar": "BAR", "mbar": "MBR", "barg": "bar(g) bar-g", "bara": "bar(a) bar-a abs.bar", "mbarg": "mbar(g)",
        "mbara": "mbar(a)", "kPa": "KPA", "Pa": "PAL Pascal", "hPa": "A97", "MPa": "MPA", "kPag": "kPa(g)",
        "kPaa": "kPa(a)", "psi": "lb/in2 lbf/in2", "psig": "psi(g)", "psia": "psi(a)", "mmH2O": "mmWC mmWG",
        "inH2O": "inWC inWG", "mmHg": "", "kg/cm2": "kgf/cm2", "atm": "ATM",
    },
    "density": {
        "kg/m³": "KMQ kg/cbm", "g/cm³": "g/cc g/ml", "kg/l": "kg/dm3 kg/litre", "g/l": "", "lb/ft3": "lbs/ft3",
        "lb/gal": "", "°API": "API degAPI deg.API", "t/m³": "D41", "SG": "RD",
    },
    "volume": {
        "m³": "MTQ cbm cum Sm3 Nm3", "l": "LTR litre liter litres liters ltr", "hl": "HLT", "kl": "", "dm3": "DMQ",
        "bbl": "BLL bbls barrel barrels", "gal": "GLL USgal gallon gallons", "UKgal": "GLI impgal", "ft3": "FTQ cuft",
    },
    "mass": {
        "t": "TNE tonne tonnes MT metricton", "kg": "KGM kgs", "g": "GRM", "lb": "LBR lbs",
        "LT": "LTN longton UKton", "ST": "STN shorton USton",
    },
    "flow": {
        "m³/h": "MQH m3/hr cbm/h Sm3/h Nm3/h", "m³/s": "MQS", "m³/min": "m3/mn", "m³/d": "m3/day",
        "l/min": "L2 lpm l/mn", "l/h": "E32 l/hr", "l/s": "G51 lps", "bbl/h": "J62 bph bbl/hr",
        "bbl/d": "B1 bpd bbl/day",
        "bbl/min": "5A", "gal/min": "G2 gpm USgpm", "gal/h": "gph gal/hr", "kl/h": "4X kl/hr",
        "ft3/h": "2K ft3/hr", "ft3/min": "2L cfm",
    },
    "mass flow": {
        "t/h": "E18 t/hr tph", "kg/h": "E93 kg/hr", "kg/s": "KGS", "kg/min": "F31", "t/d": "t/day", "lb/h": "4U lb/hr",
    },
    "ratio": {"%": "P1 pct percent vol% %vol", "1": "C62", "ppm": "", "‰": "NX"},
    "current": {"A": "AMP Ampere", "mA": "4K"},
    "power": {"kW": "KWT", "W": "WTT", "MW": "MAW", "hp": "BHP"},
    "time": {"h": "HUR hr hrs hours", "min": "MIN", "s": "SEC", "d": "DAY days"},
    "rotation": {"rpm": "RPM 1/min r/min rev/min min-1 U/min", "Hz": "HTZ", "1/s": "RPS r/s"},
}  # fmt: skip
# The same letters in another case are another unit, or are read as one: these are taken only as they stand.
_EXACT: Final = frozenset(
    {"kgs", "mpa", "mw", "st", "lt", "mt", "b1", "g2", "l2", "5a", "4u", "4k", "4x", "2k", "2l", "2m", "2x"}
)
# What differs in more than its spelling: a standard cubic metre is no cubic metre as it lies in the tank.
_OWN: Final = {"Sm3": "Sm³", "Nm3": "Nm³", "Sm3/h": "Sm³/h", "Nm3/h": "Nm³/h"}
_LONGEST: Final = 40  # characters; nothing longer is looked up


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).replace("^", "").split())


def _tables() -> tuple[dict[str, str], dict[str, str], dict[str, Quantity]]:
    exact: dict[str, str] = {}
    loose: dict[str, str] = {}
    quantities: dict[str, Quantity] = {}
    for quantity, units in _TABLE.items():
        for unit, others in units.items():
            for name in (unit, *others.split()):
                shown = _OWN.get(name, unit)
                exact[_plain(name)] = shown
                quantities[shown] = quantity
                folded = _plain(name).casefold()
                if folded not in _EXACT:
                    loose.setdefault(folded, shown)
    return exact, loose, quantities


_BY_NAME, _BY_FOLDED, _QUANTITIES = _tables()


@lru_cache(maxsize=1024)  # a plant has some twenty spellings; a catalog asks for each thousands of times
def spelled(unit: str) -> str:
    """The one spelling of ``unit``; as it is, without blanks around it, when it is not known."""
    if len(unit) > _LONGEST:
        return unit.strip()
    plain = _plain(unit)
    return _BY_NAME.get(plain) or _BY_FOLDED.get(plain.casefold()) or unit.strip()


def quantity_of(unit: str) -> Quantity | None:
    """What is measured in ``unit``; ``None`` for a unit that is not known, and for none at all."""
    return _QUANTITIES.get(spelled(unit))
