"""A number is typed with a comma or a point in every language, and never with a mark for thousands."""

from __future__ import annotations

import pytest
from django.utils import translation

from hmi.controls.models import Kind
from hmi.controls.offers import Offer
from hmi.controls.typed_values import WrongValue, plain, read_value
from hmi.languages.choices import CODES
from relay_bridge.contract.acting import Writable
from relay_bridge.contract.messages import CatalogTag

LIMITS = Writable(min=0.0, max=5000.0)
TAG = CatalogTag("P-1.setpoint", "Setpoint", "P-1", "source", unit="m\u00b3/h", dec=3, w=LIMITS)
OFFER = Offer(Kind.SETPOINT, TAG.id, TAG.name, TAG, "hold", 10.0, 300, limits=LIMITS)


@pytest.mark.parametrize("language", sorted(CODES))
@pytest.mark.parametrize(
    ("typed", "value"), [("75", 75), ("75.5", 75.5), ("75,5", 75.5), (" 1234,125 ", 1234.125), ("1.234", 1.234)]
)
def test_comma_and_point_are_the_same_in_every_language(language: str, typed: str, value: float) -> None:
    with translation.override(language):
        assert read_value(OFFER, typed, 10.0) == value


@pytest.mark.parametrize(
    "typed",
    ["1.234,5", "1,234.5", "1 234,5", "1 234", "1'234.5", "1\u00a0234,5", "1\u202f234", "1.234.567", "1\u2019234"],
)
def test_marks_for_thousands_are_refused_with_words(typed: str) -> None:
    with pytest.raises(WrongValue, match="thousands"):
        read_value(OFFER, typed, 10.0)


@pytest.mark.parametrize("typed", ["1,", ".5", "1e3", "\u0661\u0662", "0x10", "1..5", "--1", "12 m"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(WrongValue, match="Type a number"):
        read_value(OFFER, typed, 10.0)


def test_limits_are_told_as_people_write_numbers() -> None:
    with translation.override("de"):
        assert plain(0.5) == "0,5"
        assert plain(110.0) == "110"
    assert plain(0.5) == "0.5"
