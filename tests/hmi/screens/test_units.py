"""Values are read in the person's units; custody figures and whatever no table knows stay as the site sends them."""

from __future__ import annotations

import pytest

from hmi.screens.presenters.units import CUSTODY, Shown, feet_text, shown_in
from relay_bridge.agent.vocabulary import CANON


@pytest.mark.parametrize(
    ("system", "unit", "value", "wanted", "into", "decimals"),
    [
        ("us", "°C", 15.0, 59.0, "°F", 1),
        ("us", "°C", -40.0, -40.0, "°F", 1),
        ("us", "K", 288.15, 59.0, "°F", 1),
        ("si", "°F", 60.0, 15.5555555556, "°C", 1),
        ("us", "bar", 2.0, 29.0075475, "psi", 0),
        ("us", "barg", 2.0, 29.0075475, "psig", 0),
        ("us", "mbar", 1000.0, 14.50377377, "psi", 3),
        ("si", "psia", 14.50377377, 1.0, "bara", 2),
        ("us", "m³/h", 100.0, 628.981077, "bbl/h", 0),
        ("us", "m3", 1.0, 6.28981077, "bbl", 0),
        ("si", "bbl", 1.0, 0.158987294928, "m³", 2),
        ("us", "mm/min", 25.4, 1.0, "in/min", 2),
        ("si", "in/min", 1.0, 25.4, "mm/min", 0),
        ("si", "ft", 10.0, 3.048, "m", 2),
    ],
)
def test_converted(system: str, unit: str, value: float, wanted: float, into: str, decimals: int) -> None:
    shown = shown_in(system, unit, 1)
    assert shown.of(value) == pytest.approx(wanted, rel=1e-8)
    assert (shown.unit, shown.decimals) == (into, decimals)


def test_levels_are_read_in_feet_inches_and_sixteenths() -> None:
    shown = shown_in("us", "mm", 0)
    assert shown.form == "ft16"
    assert feet_text(shown.of(9557.0)) == "31' 04 04/16\""


@pytest.mark.parametrize(
    ("feet", "text"),
    [
        (0.0, "0' 00 00/16\""),
        (-0.0001, "0' 00 00/16\""),
        (-1.5, "-1' 06 00/16\""),
        (0.9999, "1' 00 00/16\""),
        (31.359375, "31' 04 05/16\""),
    ],
)
def test_feet(feet: float, text: str) -> None:
    assert feet_text(feet) == text


@pytest.mark.parametrize("canon", sorted(CUSTODY))
def test_custody_figures_keep_unit_and_digits(canon: str) -> None:
    assert canon in CANON, "a word that the vocabulary does not have protects nothing"
    for system in ("si", "us"):
        for unit in ("m³", "bbl", "t", "kg/m³"):
            assert shown_in(system, unit, 3, canon) == Shown(unit, 3)


@pytest.mark.parametrize("unit", ["", "rpm", "%", "Sm3/d", "furlong", "A"])
def test_what_no_table_knows_stays(unit: str) -> None:
    assert shown_in("us", unit, 2) == Shown(unit, 2)
    assert not shown_in("si", unit, 2).is_converted


@pytest.mark.parametrize(("system", "unit"), [("site", "m"), ("site", "psi"), ("si", "cm"), ("us", "in"), ("xx", "m")])
def test_units_of_the_system_itself_stay(system: str, unit: str) -> None:
    assert shown_in(system, unit, 2, "level") == Shown(unit, 2)
