"""What stands in the simulated plant: products, tanks, their limits and the engineering facts of every variable."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

NAMESPACE = "urn:sightline:tank-farm"
NORTH, SOUTH = "North farm", "South farm"
PUMP = "P-101"
PUMP_MAX = 120.0  # m3/h, end of scale of the setpoint
PUMP_MODES = ("local", "remote", "maintenance")


@dataclass(frozen=True)
class Product:
    """``density`` in kg/m3 at 15 C; ``alpha`` is the coefficient of thermal expansion at 15 C, 1/K."""

    name: str
    density: float
    alpha: float


GASOLINE_95 = Product("Gasoline 95", 745.0, 0.00122)
GASOLINE_98 = Product("Gasoline 98", 752.0, 0.00120)
DIESEL = Product("Diesel", 835.0, 0.00083)
JET_A1 = Product("Jet A-1", 804.0, 0.00094)
ETHANOL = Product("Ethanol", 794.0, 0.00108)
CRUDE = Product("Crude oil", 862.0, 0.00080)
FUEL_OIL = Product("Fuel oil", 958.0, 0.00070)
MARINE_GAS_OIL = Product("Marine gas oil", 852.0, 0.00082)


@dataclass(frozen=True)
class Tank:
    """An upright cylinder. Lengths in m; ``standing`` says where a tank without movement stands."""

    id: str
    area: str
    product: Product
    diameter: float
    height: float  # reference height: datum plate to gauge reference point
    standing: Literal["", "normal", "high", "low"] = ""
    gauge_status: Literal["ok", "manual"] = "ok"
    sediment_and_water: float = 0.0  # S&W of the product, as a share, from the laboratory

    @property
    def section(self) -> float:
        """m2: the strapping relation of a cylinder is volume = section x level."""
        return math.pi * self.diameter**2 / 4

    @property
    def low_low(self) -> float:
        return 1.0

    @property
    def low(self) -> float:
        return 2.0

    @property
    def high(self) -> float:
        return self.height - 2.5

    @property
    def high_high(self) -> float:
        return self.height - 1.5


TANKS = (
    Tank("TK-101", NORTH, GASOLINE_95, 22.0, 16.0),
    Tank("TK-102", NORTH, GASOLINE_95, 20.0, 16.0),
    Tank("TK-103", NORTH, DIESEL, 24.0, 16.0),
    Tank("TK-104", NORTH, DIESEL, 22.0, 16.0),
    Tank("TK-105", NORTH, JET_A1, 18.0, 15.0),
    Tank("TK-106", NORTH, JET_A1, 16.0, 15.0),
    Tank("TK-107", NORTH, GASOLINE_98, 16.0, 15.0, standing="high"),
    Tank("TK-108", NORTH, ETHANOL, 12.0, 14.0, standing="normal", gauge_status="manual"),
    Tank("TK-201", SOUTH, CRUDE, 32.0, 18.0, sediment_and_water=0.004),
    Tank("TK-202", SOUTH, CRUDE, 30.0, 18.0, sediment_and_water=0.004),
    Tank("TK-203", SOUTH, CRUDE, 30.0, 18.0, sediment_and_water=0.004),
    Tank("TK-204", SOUTH, FUEL_OIL, 20.0, 15.0, standing="low"),
    Tank("TK-205", SOUTH, MARINE_GAS_OIL, 8.0, 14.0),
    Tank("TK-206", SOUTH, MARINE_GAS_OIL, 8.0, 14.0),
)
TANK_BY_ID = {tank.id: tank for tank in TANKS}
PUMP_TANKS = ("TK-205", "TK-206")  # P-101 moves marine gas oil from the first to the second and back


@dataclass(frozen=True)
class Variable:
    """One variable of the plant: ``unit_code`` is the UNECE Recommendation 20 code behind the unit's text."""

    node: str  # identifier of the string NodeId, "TK-101.Level"
    parent: str  # "TK-101"
    name: str  # "Level"
    kind: Literal["number", "text", "bool", "enum"]
    unit: str = ""
    unit_code: str = ""
    low: float = 0.0
    high: float = 0.0
    decimals: int = 0
    writable: bool = False
    fixed: bool = False  # configuration: written once, not every second


METRE, CUBIC_METRE = ("m", "MTR"), ("m³", "MTQ")


def _tank_variables(tank: Tank) -> list[Variable]:
    volume = round(tank.section * tank.height, -1)

    def number(
        name: str, unit: tuple[str, str], span: tuple[float, float], decimals: int, fixed: bool = False
    ) -> Variable:
        return Variable(f"{tank.id}.{name}", tank.id, name, "number", *unit, *span, decimals, fixed=fixed)

    def text(name: str, fixed: bool = False) -> Variable:
        return Variable(f"{tank.id}.{name}", tank.id, name, "text", fixed=fixed)

    return [
        number("Level", METRE, (0.0, tank.height), 3),
        number("Ullage", METRE, (0.0, tank.height), 3),
        number("LevelRate", ("mm/min", "H81"), (-150.0, 150.0), 1),
        number("AvgTemp", ("°C", "CEL"), (-20.0, 80.0), 1),
        number("Pressure", ("kPa", "KPA"), (0.0, 200.0), 1),
        number("FreeWater", METRE, (0.0, 2.0), 3),
        number("TOV", CUBIC_METRE, (0.0, volume), 1),
        number("FWV", CUBIC_METRE, (0.0, volume), 1),
        number("GOV", CUBIC_METRE, (0.0, volume), 1),
        number("VCF", ("", "C62"), (0.8, 1.1), 5),
        number("GSV", CUBIC_METRE, (0.0, volume), 1),
        number("NSV", CUBIC_METRE, (0.0, volume), 1),
        number("Room", CUBIC_METRE, (0.0, volume), 1),
        number("Pumpable", CUBIC_METRE, (0.0, volume), 1),
        number("Density", ("kg/m³", "KMQ"), (600.0, 1100.0), 1),
        number("DensityRef", ("kg/m³", "KMQ"), (600.0, 1100.0), 1),
        number("Flow", ("m³/h", "MQH"), (-5000.0, 5000.0), 1),
        text("Product", fixed=True),
        text("Movement"),
        text("MoveFrom"),
        text("MoveTo"),
        number("MovePlanned", CUBIC_METRE, (0.0, volume), 1),
        number("MoveDone", CUBIC_METRE, (0.0, volume), 1),
        text("GaugeStatus"),
        number("LL", METRE, (0.0, tank.height), 2, fixed=True),
        number("L", METRE, (0.0, tank.height), 2, fixed=True),
        number("H", METRE, (0.0, tank.height), 2, fixed=True),
        number("HH", METRE, (0.0, tank.height), 2, fixed=True),
        number("RefHeight", METRE, (0.0, 30.0), 2, fixed=True),
    ]


def _pump_variables() -> list[Variable]:
    def of(name: str, kind: Literal["number", "bool", "enum"], **facts: object) -> Variable:
        return Variable(f"{PUMP}.{name}", PUMP, name, kind, **facts)  # type: ignore[arg-type]

    flow = {"unit": "m³/h", "unit_code": "MQH", "low": 0.0, "high": PUMP_MAX, "decimals": 1}
    return [
        of("Setpoint", "number", writable=True, **flow),
        of("Flow", "number", **flow),
        of("Discharge", "number", unit="bar", unit_code="BAR", low=0.0, high=10.0, decimals=2),
        of("Run", "bool"),
        of("Mode", "enum", fixed=True),
    ]


VARIABLES: dict[str, Variable] = {
    variable.node: variable for variable in [v for tank in TANKS for v in _tank_variables(tank)] + _pump_variables()
}
