"""Canonical keys: the trade's words for what a tank or a pump has, with what is usual for each.

What is usual fills in only what neither site.toml nor the process server says: a unit that the server gives
always wins over ours, because a number under the wrong unit looks right and is not.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from relay_bridge.agent.units import WORDS, Quantity, quantity_of

Kind = Literal["number", "text", "bool"]


class Canon(NamedTuple):
    """What is usual for one canonical key. ``span`` is in ``unit``. ``quantities``: what it may be measured in; any
    when there are none."""

    name: str
    kind: Kind = "number"
    unit: str = ""
    decimals: int = 1
    span: tuple[float, float] | None = None
    quantities: tuple[Quantity, ...] = ()


_LEVEL = (0.0, 20.0)  # m: few tanks are higher
_LENGTH: Final[tuple[Quantity, ...]] = ("length",)
_TEMPERATURE: Final[tuple[Quantity, ...]] = ("temperature",)
_PRESSURE: Final[tuple[Quantity, ...]] = ("pressure",)
_VOLUME: Final[tuple[Quantity, ...]] = ("volume",)
TEMP_POINTS = 24  # spot thermometers on one string: gauges have up to 16, a few 24
CANON: dict[str, Canon] = {
    # Tanks, as gauging systems speak of them (API MPMS 3 and 12).
    "level": Canon("Level", unit="m", decimals=3, span=_LEVEL, quantities=_LENGTH),
    "ullage": Canon("Ullage", unit="m", decimals=3, span=_LEVEL, quantities=_LENGTH),
    "level_rate": Canon("Level rate", unit="mm/min", decimals=1, quantities=("length rate",)),
    "water_level": Canon("Free water level", unit="m", decimals=3, span=(0.0, 2.0), quantities=_LENGTH),
    "temp_avg": Canon("Average temperature", unit="°C", decimals=1, span=(-20.0, 120.0), quantities=_TEMPERATURE),
    "temp_vapour": Canon("Vapour temperature", unit="°C", decimals=1, span=(-20.0, 120.0), quantities=_TEMPERATURE),
    "temp_ambient": Canon("Ambient temperature", unit="°C", decimals=1, span=(-40.0, 60.0), quantities=_TEMPERATURE),
    "pressure": Canon("Pressure", unit="bar", decimals=3, quantities=_PRESSURE),
    "pressure_vapour": Canon("Vapour pressure", unit="bar", decimals=3, quantities=_PRESSURE),
    "pressure_middle": Canon("Middle pressure", unit="bar", decimals=3, quantities=_PRESSURE),
    "pressure_bottom": Canon("Bottom pressure", unit="bar", decimals=3, quantities=_PRESSURE),
    "density_obs": Canon("Observed density", unit="kg/m³", decimals=1, quantities=("density",)),
    "density_ref": Canon("Reference density", unit="kg/m³", decimals=1, quantities=("density",)),
    "tov": Canon("Total observed volume", unit="m³", decimals=1, quantities=_VOLUME),
    "fwv": Canon("Free water volume", unit="m³", decimals=1, quantities=_VOLUME),
    "gov": Canon("Gross observed volume", unit="m³", decimals=1, quantities=_VOLUME),
    "gsv": Canon("Gross standard volume", unit="m³", decimals=1, quantities=_VOLUME),
    "nsv": Canon("Net standard volume", unit="m³", decimals=1, quantities=_VOLUME),
    "available_room": Canon("Available room", unit="m³", decimals=1, quantities=_VOLUME),
    "pumpable": Canon("Pumpable volume", unit="m³", decimals=1, quantities=_VOLUME),
    "capacity": Canon("Capacity", unit="m³", decimals=1, quantities=_VOLUME),
    "ctl": Canon("CTL", decimals=5, quantities=("ratio",)),
    "vcf": Canon("Volume correction factor", decimals=5, quantities=("ratio",)),
    "mass": Canon("Mass", unit="t", decimals=1, quantities=("mass",)),
    "flow": Canon("Flow", unit="m³/h", decimals=1, quantities=("flow", "mass flow")),
    "product": Canon("Product", kind="text"),
    "movement": Canon("Movement", kind="text"),
    "movement_from": Canon("Moved from", kind="text"),
    "movement_to": Canon("Moved to", kind="text"),
    "movement_planned": Canon("Planned quantity", unit="m³", decimals=1, quantities=("volume", "mass")),
    "movement_done": Canon("Moved so far", unit="m³", decimals=1, quantities=("volume", "mass")),
    "movement_finish": Canon("Predicted finish", kind="text"),
    "gauge_status": Canon("Gauge status", kind="text"),
    "lim_hh": Canon("High-high limit", unit="m", decimals=3, quantities=_LENGTH),
    "lim_h": Canon("High limit", unit="m", decimals=3, quantities=_LENGTH),
    "lim_l": Canon("Low limit", unit="m", decimals=3, quantities=_LENGTH),
    "lim_ll": Canon("Low-low limit", unit="m", decimals=3, quantities=_LENGTH),
    "height_ref": Canon("Reference height", unit="m", decimals=3, quantities=_LENGTH),
    "max_fill": Canon("Maximum fill", unit="m", decimals=3, quantities=_LENGTH),
    "leak_alarm": Canon("Leak alarm", kind="bool"),
    "sealed": Canon("Sealed", kind="bool"),
    # Pumps and other units.
    "setpoint": Canon("Setpoint"),
    "run": Canon("Running", kind="bool"),
    "mode": Canon("Mode", kind="text"),
    "speed": Canon("Speed", unit="rpm", decimals=0, quantities=("rotation", "ratio")),
    "current": Canon("Motor current", unit="A", decimals=1, quantities=("current", "ratio")),
    "power": Canon("Power", unit="kW", decimals=1, quantities=("power", "ratio")),
    "pressure_suction": Canon("Suction pressure", unit="bar", decimals=2, quantities=_PRESSURE),
    "pressure_discharge": Canon("Discharge pressure", unit="bar", decimals=2, quantities=_PRESSURE),
    "running_hours": Canon("Running hours", unit="h", decimals=0, quantities=("time",)),
}

# Spot temperatures, counted from the bottom as gauges do.
CANON |= {
    f"temp_point_{n}": Canon(f"Temperature {n}", unit="°C", decimals=1, span=(-20.0, 120.0), quantities=_TEMPERATURE)
    for n in range(1, TEMP_POINTS + 1)
}


def unit_trouble(key: str, unit: str) -> str:
    """Why a tag with this canonical key cannot be in ``unit``: a clause; empty when it can, or when nobody knows."""
    canon, quantity = CANON.get(key), quantity_of(unit)
    if canon is None or quantity is None or quantity in canon.quantities:
        return ""
    if canon.quantities:
        wanted = " or ".join(WORDS[one] for one in canon.quantities)
        return f'"{unit}" is {WORDS[quantity]}, and {key} is {wanted}'
    # What has no unit of its own (a product, a state) has none; a setpoint may be in any.
    return "" if canon.kind == "number" else f'"{unit}" is {WORDS[quantity]}, and {key} is a {canon.kind} without unit'


# Decimals that suit a unit when the unit is not the usual one for the key.
UNIT_DECIMALS: dict[str, int] = {
    "m": 3, "cm": 1, "mm": 0, "ft": 2, "in": 1, "°C": 1, "°F": 1, "K": 1,
    "bar": 3, "mbar": 0, "kPa": 1, "Pa": 0, "psi": 2,
    "m³": 1, "l": 0, "bbl": 0, "m³/h": 1, "l/min": 0, "kg/m³": 1, "t": 1, "kg": 0, "%": 1, "rpm": 0, "A": 1, "kW": 1,
}  # fmt: skip
DEFAULT_DECIMALS = 1
