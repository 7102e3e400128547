"""Units: one spelling of each, what is measured in it, and nothing guessed of what is not known."""

from __future__ import annotations

import pytest

from relay_bridge.agent import units
from relay_bridge.agent.units import quantity_of, spelled
from relay_bridge.agent.vocabulary import CANON, UNIT_DECIMALS, unit_trouble


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("m3", "m³"), ("m³", "m³"), ("M3", "m³"), ("m^3", "m³"), ("MTQ", "m³"), ("㎥", "m³"), ("degC", "°C"),
        ("℃", "°C"), ("ºC", "°C"), ("CEL", "°C"), ("mm", "mm"), ("MM", "mm"), ("MMT", "mm"), ("cm", "cm"), ("ft", "ft"),
        ("IN", "in"), ("Barrels", "bbl"), ("m3 / h", "m³/h"), ("kg/m3", "kg/m³"), ("bar(g)", "barg"),
        ("gpm", "gal/min"), ("Sm3", "Sm³"), ("MPA", "MPa"), (" m ", "m"), ("Faden", "Faden"), ("", ""),
    ],
)  # fmt: skip
def test_one_spelling(written: str, shown: str) -> None:
    assert spelled(written) == shown
    assert spelled(shown) == shown


def test_letters_that_mean_another_unit_in_another_case_are_not_guessed() -> None:
    assert spelled("mPa") == "mPa" and quantity_of("mPa") is None  # no megapascal
    assert quantity_of("MPa") == "pressure"
    assert spelled("x" * 500) == "x" * 500


def test_no_name_stands_for_two_units() -> None:
    seen: dict[str, str] = {}
    for table in units._TABLE.values():
        for unit, others in table.items():
            for name in (unit, *others.split()):
                shown = units._OWN.get(name, unit)
                folded = units._plain(name).casefold()
                if folded not in units._EXACT:
                    assert seen.setdefault(folded, shown) == shown, name
                assert spelled(name) == shown, name


def test_what_is_usual_for_a_key_is_of_its_own_class() -> None:
    for key, canon in CANON.items():
        if canon.unit:
            assert spelled(canon.unit) == canon.unit, key
            assert unit_trouble(key, canon.unit) == "", key
    assert all(spelled(unit) == unit for unit in UNIT_DECIMALS)


@pytest.mark.parametrize(
    ("key", "unit", "trouble"),
    [
        ("level", "degC", '"degC" is a temperature, and level is a length'),
        ("tov", "m", '"m" is a length, and tov is a volume'),
        ("product", "m", '"m" is a length, and product is a text without unit'),
        ("vcf", "bar", '"bar" is a pressure, and vcf is a ratio'),
        ("flow", "kg/h", ""), ("flow", "m3/h", ""), ("setpoint", "bar", ""), ("level", "Faden", ""), ("level", "", ""),
        ("", "m", ""), ("temp_point_3", "K", ""), ("temp_point_24", "mm", '"mm" is a length, and temp_point_24 is'),
    ],
)  # fmt: skip
def test_a_unit_of_another_class_is_said(key: str, unit: str, trouble: str) -> None:
    assert unit_trouble(key, unit).startswith(trouble)
    assert bool(unit_trouble(key, unit)) == bool(trouble)
