"""Canonical keys: the trade's words for what a tank or a pump has, with what is usual for each.

What is usual fills in only what neither site.toml nor the process server says: a unit that the server gives
always wins over ours, because a number under the wrong unit looks right and is not.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["number", "text", "bool"]


class Canon(NamedTuple):
    """What is usual for one canonical key. ``span`` is in ``unit``."""

    name: str
    kind: Kind = "number"
    unit: str = ""
    decimals: int = 1
    span: tuple[float, float] | None = None


_LEVEL = (0.0, 20.0)  # m: few tanks are higher
CANON: dict[str, Canon] = {
    # Tanks, as gauging systems speak of them (API MPMS 3 and 12).
    "level": Canon("Level", unit="m", decimals=3, span=_LEVEL),
    "ullage": Canon("Ullage", unit="m", decimals=3, span=_LEVEL),
    "level_rate": Canon("Level rate", unit="mm/min", decimals=1),
    "water_level": Canon("Free water level", unit="m", decimals=3, span=(0.0, 2.0)),
    "temp_avg": Canon("Average temperature", unit="°C", decimals=1, span=(-20.0, 120.0)),
    "temp_vapour": Canon("Vapour temperature", unit="°C", decimals=1, span=(-20.0, 120.0)),
    "temp_ambient": Canon("Ambient temperature", unit="°C", decimals=1, span=(-40.0, 60.0)),
    "pressure": Canon("Pressure", unit="bar", decimals=3),
    "pressure_vapour": Canon("Vapour pressure", unit="bar", decimals=3),
    "pressure_middle": Canon("Middle pressure", unit="bar", decimals=3),
    "pressure_bottom": Canon("Bottom pressure", unit="bar", decimals=3),
    "density_obs": Canon("Observed density", unit="kg/m³", decimals=1),
    "density_ref": Canon("Reference density", unit="kg/m³", decimals=1),
    "tov": Canon("Total observed volume", unit="m³", decimals=1),
    "fwv": Canon("Free water volume", unit="m³", decimals=1),
    "gov": Canon("Gross observed volume", unit="m³", decimals=1),
    "gsv": Canon("Gross standard volume", unit="m³", decimals=1),
    "nsv": Canon("Net standard volume", unit="m³", decimals=1),
    "available_room": Canon("Available room", unit="m³", decimals=1),
    "pumpable": Canon("Pumpable volume", unit="m³", decimals=1),
    "capacity": Canon("Capacity", unit="m³", decimals=1),
    "ctl": Canon("CTL", decimals=5),
    "vcf": Canon("Volume correction factor", decimals=5),
    "mass": Canon("Mass", unit="t", decimals=1),
    "flow": Canon("Flow", unit="m³/h", decimals=1),
    "product": Canon("Product", kind="text"),
    "movement": Canon("Movement", kind="text"),
    "gauge_status": Canon("Gauge status", kind="text"),
    "lim_hh": Canon("High-high limit", unit="m", decimals=3),
    "lim_h": Canon("High limit", unit="m", decimals=3),
    "lim_l": Canon("Low limit", unit="m", decimals=3),
    "lim_ll": Canon("Low-low limit", unit="m", decimals=3),
    "height_ref": Canon("Reference height", unit="m", decimals=3),
    "max_fill": Canon("Maximum fill", unit="m", decimals=3),
    "leak_alarm": Canon("Leak alarm", kind="bool"),
    "sealed": Canon("Sealed", kind="bool"),
    # Pumps and other units.
    "setpoint": Canon("Setpoint"),
    "run": Canon("Running", kind="bool"),
    "mode": Canon("Mode", kind="text"),
    "speed": Canon("Speed", unit="rpm", decimals=0),
    "current": Canon("Motor current", unit="A", decimals=1),
    "power": Canon("Power", unit="kW", decimals=1),
    "pressure_suction": Canon("Suction pressure", unit="bar", decimals=2),
    "pressure_discharge": Canon("Discharge pressure", unit="bar", decimals=2),
    "running_hours": Canon("Running hours", unit="h", decimals=0),
}

# Decimals that suit a unit when the unit is not the usual one for the key.
UNIT_DECIMALS: dict[str, int] = {
    "m": 3, "cm": 1, "mm": 0, "ft": 2, "in": 1, "°C": 1, "°F": 1, "K": 1,
    "bar": 3, "mbar": 0, "kPa": 1, "Pa": 0, "psi": 2,
    "m³": 1, "l": 0, "bbl": 0, "m³/h": 1, "l/min": 0, "kg/m³": 1, "t": 1, "kg": 0, "%": 1, "rpm": 0, "A": 1, "kW": 1,
}  # fmt: skip
DEFAULT_DECIMALS = 1
