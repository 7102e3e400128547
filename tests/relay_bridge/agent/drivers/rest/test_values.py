"""JSON values and foreign qualities as readings: nothing good is made of nothing."""

from __future__ import annotations

import pytest

from relay_bridge.agent.drivers.rest.pointers import MISSING
from relay_bridge.agent.drivers.rest.values import BAD_TYPE_MISMATCH, matches, quality_from, value_from
from relay_bridge.contract.readings import (
    BAD_NODE_ID_UNKNOWN,
    BAD_NOT_SUPPORTED,
    BAD_WAITING_FOR_INITIAL_DATA,
    quality_class,
)

OUT_OF_RANGE = 0x80380000


@pytest.mark.parametrize(
    ("raw", "kind", "value", "status"),
    [
        (1.5, "number", 1.5, 0),
        (7, "number", 7, 0),
        ("47.529984", "number", 47.529984, 0),
        ("-3", "number", -3, 0),
        ("1e3", "number", 1000.0, 0),
        (True, "number", 1, 0),
        (2**63, "number", str(2**63), 0),
        ("18446744073709551615", "number", "18446744073709551615", 0),
        (float("nan"), "number", None, OUT_OF_RANGE),
        (float("inf"), "number", None, OUT_OF_RANGE),
        ("1e999", "number", None, OUT_OF_RANGE),
        ("NaN", "number", None, BAD_TYPE_MISMATCH),
        ("12,5", "number", None, BAD_TYPE_MISMATCH),
        ("", "number", None, BAD_TYPE_MISMATCH),
        ("0x10", "number", None, BAD_TYPE_MISMATCH),
        ("\u0661\u0662", "number", None, BAD_TYPE_MISMATCH),
        (None, "number", None, BAD_WAITING_FOR_INITIAL_DATA),
        (MISSING, "number", None, BAD_NODE_ID_UNKNOWN),
        ({"a": 1}, "number", None, BAD_NOT_SUPPORTED),
        ([1], "text", None, BAD_NOT_SUPPORTED),
        ("Auto", "text", "Auto", 0),
        (5, "text", "5", 0),
        (True, "text", "true", 0),
        ("a\ud800", "text", "a?", 0),
        (True, "bool", True, 0),
        (0, "bool", False, 0),
        ("TRUE", "bool", True, 0),
        ("0", "bool", False, 0),
        (2, "bool", None, BAD_TYPE_MISMATCH),
        ("on", "bool", None, BAD_TYPE_MISMATCH),
    ],
)
def test_value_in_the_kind_of_its_tag(raw: object, kind: str, value: object, status: int) -> None:
    found = value_from(raw, kind)  # type: ignore[arg-type]
    assert found == (value, status) and type(found[0]) is type(value)


def test_a_long_text_is_cut() -> None:
    value, _ = value_from("x" * 5000, "text")
    assert isinstance(value, str) and len(value) == 1024 and value.endswith("~")


def test_bad_stays_as_bad_as_it_was_and_keeps_its_value() -> None:
    assert value_from(5, "number", 0x808C0000) == (5, 0x808C0000)
    assert value_from(None, "number", 0x808C0000) == (None, 0x808C0000)


@pytest.mark.parametrize(
    ("raw", "how", "klass"),
    [
        (0, "opcua", "good"),
        (0x408F0000, "opcua", "uncertain"),
        (0x80310000, "opcua", "bad"),
        ("0", "opcua", "good"),
        (-1, "opcua", "bad"),
        (2**40, "opcua", "bad"),
        (True, "opcua", "bad"),
        (None, "opcua", "bad"),
        ("x", "opcua", "bad"),
        (192, "opcda", "good"),
        (216, "opcda", "good"),
        (64, "opcda", "uncertain"),
        (0, "opcda", "bad"),
        (128, "opcda", "bad"),
        (128, "fieldbus", "good"),
        (192, "fieldbus", "good"),
        (64, "fieldbus", "uncertain"),
        (28, "fieldbus", "bad"),
        ("GoodNonCascadeNonSpecific", "fieldbus", "good"),
        ("BadNoComm", "fieldbus", "bad"),
        ("", "fieldbus", "bad"),
        ("Uncertain", "fieldbus", "uncertain"),
        ("whatever", "fieldbus", "bad"),
    ],
)
def test_qualities_of_other_systems(raw: object, how: str, klass: str) -> None:
    assert quality_class(quality_from(raw, how, {})) == klass  # type: ignore[arg-type]


def test_mapped_quality_and_what_is_not_in_the_map_is_bad() -> None:
    table = {"true": "good", "false": "bad", "OLD": "uncertain", "7": 0x808C0000}
    assert quality_from(True, "map", table) == 0
    assert quality_from("OLD", "map", table) == 0x40000000
    assert quality_from(7, "map", table) == 0x808C0000
    assert quality_class(quality_from("new", "map", table)) == "bad"
    assert quality_class(quality_from(MISSING, "map", table)) == "bad"


def test_true_is_not_one() -> None:
    assert matches(True, [True]) and not matches(1, [True]) and not matches(True, [1]) and matches("a", [1, "a"])
