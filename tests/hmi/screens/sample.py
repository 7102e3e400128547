"""A terminal to look at: 14 tanks in two areas and a pump, with one tank of every kind of trouble."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from hmi.live.demand import LinkState
from hmi.live.first_paint import LinkSummary
from hmi.screens.asking import SiteAnswer
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog
from hmi.sites.models import Site
from relay_bridge.contract.messages import CatalogAsset, CatalogTag, Limits, SourceState
from relay_bridge.contract.readings import Reading

NOW = 1_795_370_000_000  # 22 Nov 2026, 17:53:20 UTC
GOOD, SENSOR_INACCURATE, SENSOR_FAILURE = 0, 0x40930000, 0x808C0000
PRODUCTS = ("Gasoline 95", "Diesel EN590", "Jet A-1", "Fuel oil")

_TANK_TAGS = (
    ("level", "Level", "m", 3, (0.0, 16.0)),
    ("ullage", "Ullage", "m", 3, (0.0, 16.0)),
    ("level_rate", "Level rate", "mm/min", 1, (-50.0, 50.0)),
    ("temp_avg", "Average temperature", "°C", 1, (-20.0, 80.0)),
    ("pressure", "Pressure", "mbar", 1, (-20.0, 60.0)),
    ("water_level", "Free water level", "mm", 0, (0.0, 500.0)),
    ("tov", "Total observed volume", "m³", 1, None),
    ("fwv", "Free water volume", "m³", 1, None),
    ("gov", "Gross observed volume", "m³", 1, None),
    ("gsv", "Gross standard volume", "m³", 1, None),
    ("vcf", "Volume correction factor", "", 5, None),
    ("density_obs", "Observed density", "kg/m³", 1, None),
    ("flow", "Flow", "m³/h", 1, (-600.0, 600.0)),
)
_TEXTS = (("product", "Product"), ("movement", "Movement"), ("gauge_status", "Gauge status"))
LIMITS = Limits(ll=1.0, l=2.0, h=13.5, hh=14.5)
# Level in m, level rate in mm/min, of each tank.
_LEVELS = {
    "TK-101": (12.345, 12.3),
    "TK-102": (5.02, 0.0),
    "TK-103": (14.612, 4.1),
    "TK-104": (9.871, -8.7),
    "TK-105": (3.3, 0.0),
    "TK-106": (11.004, 0.0),
    "TK-107": (1.512, -3.2),
    "TK-108": (7.777, 0.0),
    "TK-201": (8.45, 22.0),
    "TK-202": (6.12, 0.0),
    "TK-203": (10.5, 0.0),
    "TK-204": (13.0, 6.5),
    "TK-205": (4.25, -15.0),
    "TK-206": (9.0, 0.0),
}
TANKS = tuple(_LEVELS)


def sample_catalog() -> Catalog:
    """TK-206 hangs on a source of its own, ``aux``, so that one tank can go stale alone."""
    assets = [CatalogAsset(id=tank, name=tank, area=_area(tank), kind="tank") for tank in TANKS]
    assets.append(CatalogAsset(id="P-101", name="P-101", area="North farm", kind="pump"))
    tags = [tag for tank in TANKS for tag in _tank_tags(tank)]
    tags += [
        CatalogTag(id="P-101.flow", name="Flow", asset="P-101", source="main", unit="m³/h", dec=1, canon="flow"),
        CatalogTag(id="P-101.run", name="Running", asset="P-101", source="main", kind="bool", canon="run"),
        CatalogTag(
            id="P-101.setpoint", name="Setpoint", asset="P-101", source="main", unit="m³/h", dec=1, canon="setpoint"
        ),
        CatalogTag(
            id="P-101.mode", name="Mode", asset="P-101", source="main", kind="text", canon="mode",
            enums={"0": "manual", "1": "automatic"},
        ),
    ]  # fmt: skip
    return Catalog("sample", ("North farm", "South farm"), tuple(assets), tuple(tags))


def sample_readings(*, trouble: bool = True) -> dict[str, Reading]:
    """TK-103 stands above HH, TK-107 below L, TK-105 is bad, TK-202 uncertain; without ``trouble`` all is normal."""
    readings: dict[str, Reading] = {}
    for number, (tank, (measured, rate)) in enumerate(_LEVELS.items()):
        level = measured if trouble else min(max(measured, 3.0), 12.9)
        quality = {"TK-105": SENSOR_FAILURE, "TK-202": SENSOR_INACCURATE}.get(tank, GOOD) if trouble else GOOD
        taken = NOW - 1000 * (2 + number)
        values = {
            "level": level, "ullage": 16.0 - level, "level_rate": rate, "temp_avg": 18.4, "pressure": 3.2,
            "water_level": 140.0, "tov": level * 812, "fwv": 91.4, "gov": level * 805, "gsv": level * 798.5,
            "vcf": 0.99214, "density_obs": 742.8, "flow": rate * 49,
        }  # fmt: skip
        for canon, value in values.items():
            readings[f"{tank}.{canon}"] = Reading(value, taken, quality if canon == "level" else GOOD)
        move = "receiving" if rate > 0 else "discharging" if rate < 0 else "idle"
        gauge = {"TK-105": "fault", "TK-202": "manual"}.get(tank, "ok") if trouble else "ok"
        for canon, text in (("product", PRODUCTS[number % 4]), ("movement", move), ("gauge_status", gauge)):
            readings[f"{tank}.{canon}"] = Reading(text, taken)
    for canon, value in (("flow", 412.0), ("run", True), ("setpoint", 420.0), ("mode", 1)):
        readings[f"P-101.{canon}"] = Reading(value, NOW - 1500)
    return readings


def sample_access(role: str = "field operator", scopes: str = "status:read data:live alarm:read") -> SiteAccess:
    return SiteAccess(
        site=Site(slug="north", name="North Terminal", time_zone="Europe/Oslo"),
        grant_id=uuid.UUID(int=1),
        grant_epoch=1,
        role_name=role,
        scopes=frozenset(scopes.split()),
        valid_until=datetime(2027, 2, 20, 12, tzinfo=UTC),
        user_id=1,
    )


def sample_summary(phase: str = "live", *, aux: int = 0, reason: str = "") -> LinkSummary:
    return LinkSummary(
        link=LinkState(phase, NOW - 5_400_000, reason),  # type: ignore[arg-type]
        agent_time=NOW,
        sources={"main": SourceState(), "aux": SourceState(aux, NOW - 60_000, "no answer" if aux else "")},
        counts={"tanks": 14, "stale": 2, "alarm": 2},
    )


def sample_answer(*, trouble: bool = True) -> SiteAnswer:
    summary = sample_summary(aux=2 if trouble else 0)
    return SiteAnswer(summary, sample_catalog(), sample_readings(trouble=trouble))


def silent_answer() -> SiteAnswer:
    summary = sample_summary("down", reason="The relay does not answer.")
    words = "North Terminal did not answer in time."
    return SiteAnswer(summary, sample_catalog(), sample_readings(), words, stale=True)


def _area(tank: str) -> str:
    return "North farm" if tank.startswith("TK-1") else "South farm"


def _tank_tags(tank: str) -> list[CatalogTag]:
    source = "aux" if tank == "TK-206" else "main"
    numbers = [
        CatalogTag(
            id=f"{tank}.{canon}", name=name, asset=tank, source=source, unit=unit, dec=dec, canon=canon,
            lo=span[0] if span else None, hi=span[1] if span else None, lim=LIMITS if canon == "level" else None,
        )
        for canon, name, unit, dec, span in _TANK_TAGS
    ]  # fmt: skip
    texts = [
        CatalogTag(id=f"{tank}.{canon}", name=name, asset=tank, source=source, kind="text", canon=canon)
        for canon, name in _TEXTS
    ]
    return [*numbers, *texts]
