"""Units as sites write them."""

from __future__ import annotations

import pytest

from hmi.sites.units import length_rate, shown_length_unit, volume_rate, volume_unit


@pytest.mark.parametrize(
    ("value", "unit", "into", "expected"),
    [(6.0, "m/h", "mm", 100.0), (1.0, "mm/s", "mm", 60.0), (1.0, "ft/min", "in", 12.0), (5, " mm / min ", "mm", 5.0)],
)
def test_length_rates(value: float, unit: str, into: str, expected: float) -> None:
    rate = length_rate(value, unit, into)
    assert rate is not None
    assert (rate.value, rate.unit) == (pytest.approx(expected), f"{into}/min")


@pytest.mark.parametrize(("value", "unit", "expected"), [(60, "m3/h", 1.0), (60, "m³/h", 1.0), (1000, "l/min", 1.0)])
def test_volume_rates(value: float, unit: str, expected: float) -> None:
    assert volume_rate(value, unit) == pytest.approx(expected)


@pytest.mark.parametrize("unit", ["", "m", "m/", "/min", "t/h", "m/fortnight", "mm/min/min"])
def test_unknown_units_stay_unknown(unit: str) -> None:
    assert length_rate(1.0, unit, "mm") is None
    assert volume_rate(1.0, unit) is None


def test_shown_units() -> None:
    assert [shown_length_unit(unit) for unit in ("m", "mm", "ft", "in", "%")] == ["mm", "mm", "in", "in", "%"]
    assert volume_unit("l") == 0.001
    assert volume_unit("t") is None
