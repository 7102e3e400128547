"""Quality and staleness of one value: what is shown, what is hidden, what is said."""

from __future__ import annotations

import zoneinfo

import pytest

from hmi.screens.presenters.values import Scene, show_value
from relay_bridge.contract.messages import CatalogTag, SourceState
from relay_bridge.contract.readings import Reading

NOW = 1_795_370_000_000
LEVEL = CatalogTag(id="TK-101.level", name="Level", asset="TK-101", source="main", unit="m", dec=3, canon="level")
SCENE = Scene(now=NOW, zone=zoneinfo.ZoneInfo("UTC"))


def read(value: object, quality: int = 0, age: float = 2.0) -> Reading:
    return Reading(value, NOW - int(age * 1000), quality)  # type: ignore[arg-type]


def test_good_is_a_plain_number_with_its_age() -> None:
    shown = show_value(LEVEL, read(12.3), SCENE)
    assert (shown.text, shown.unit, shown.quality, shown.note) == ("12.300", "m", "good", "good \u00b7 2\u00a0s")
    assert (shown.time, shown.decimals, shown.stale, shown.mark) == (str(NOW - 2000), "3", False, "")


@pytest.mark.parametrize(
    ("code", "mark", "quality"), [(0x00960000, "forced", "good"), (0x40910000, "substitute", "uncertain")]
)
def test_value_that_nobody_measured_says_so_in_a_word_and_in_its_shape(code: int, mark: str, quality: str) -> None:
    shown = show_value(LEVEL, read(1.0, code), SCENE)
    assert (shown.text, shown.mark, shown.look, shown.quality) == ("1.000", mark, "by-hand", quality)
    assert mark in shown.note


def test_empty_text_is_a_dash() -> None:
    product = CatalogTag(id="T.product", name="Product", asset="T", source="main", kind="text")
    assert show_value(product, read(""), SCENE).text == "\u2014"


def test_uncertain_keeps_the_number_with_a_question_mark() -> None:
    shown = show_value(LEVEL, read(1.0, 0x40930000), SCENE)
    assert (shown.text, shown.mark, shown.quality) == ("1.000", "?", "uncertain")
    assert shown.note == "uncertain: sensor not accurate \u00b7 2\u00a0s"


def test_last_usable_value_is_struck_lightly() -> None:
    assert show_value(LEVEL, read(1.0, 0x40900000), SCENE).look == "last-usable"


def test_initial_value_is_a_dash_until_the_first_real_one() -> None:
    shown = show_value(LEVEL, read(0.0, 0x40920000), SCENE)
    assert (shown.text, shown.mark, shown.number) == ("\u2014", "", None)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x80000000, "bad"),
        (0x80050000, "bad: no comms"),
        (0x80890000, "bad: configuration"),
        (0x808A0000, "bad: not connected"),
        (0x808B0000, "bad: device failure"),
        (0x808C0000, "bad: sensor failure"),
        (0x808D0000, "bad: out of service"),
        (0xC0000000, "bad"),
    ],
)
def test_bad_is_a_dash_and_the_word_never_a_number(code: int, words: str) -> None:
    shown = show_value(LEVEL, read(12.3, code), SCENE)
    assert (shown.text, shown.quality, shown.note) == ("\u2014", "bad", f"{words} \u00b7 2\u00a0s")
    assert (shown.last, shown.last_age) == ("12.300", "2\u00a0s")  # only on request
    assert shown.number is None


def test_limit_bits_are_told() -> None:
    """InfoType "data value" with the limit bits "constant": a stuck gauge on a moving tank."""
    assert show_value(LEVEL, read(1.0, 0x0700), SCENE).note == "good, held constant \u00b7 2\u00a0s"


def test_stale_by_its_source_and_by_the_path() -> None:
    down = Scene(now=NOW, zone=SCENE.zone, sources={"main": SourceState(2, NOW, "no answer")})
    other = Scene(now=NOW, zone=SCENE.zone, sources={"aux": SourceState(2, NOW, "no answer")})
    silent = Scene(now=NOW, zone=SCENE.zone, stale=True)
    assert show_value(LEVEL, read(1.0, age=12), down).note == "stale 12\u00a0s"
    assert show_value(LEVEL, read(1.0, 0x808C0000, age=12), silent).note == "stale 12\u00a0s \u00b7 bad: sensor failure"
    assert not show_value(LEVEL, read(1.0), other).stale


def test_source_clock_ahead_is_a_warning_and_no_age() -> None:
    assert show_value(LEVEL, read(1.0, age=-30), SCENE).note == "good \u00b7 source clock 30\u00a0s ahead"
    assert show_value(LEVEL, read(1.0, age=-2), SCENE).note == "good \u00b7 0\u00a0s"


def test_what_never_came_is_a_dash_and_not_zero() -> None:
    shown = show_value(LEVEL, None, SCENE)
    assert (shown.text, shown.time, shown.note, shown.stale) == ("\u2014", "", "not received yet", True)


def test_enumerations_and_switches_are_words() -> None:
    mode = CatalogTag(id="P.mode", name="Mode", asset="P", source="main", kind="number", enums={"1": "automatic"})
    run = CatalogTag(id="P.run", name="Running", asset="P", source="main", kind="bool", canon="run")
    seal = CatalogTag(id="T.sealed", name="Sealed", asset="T", source="main", kind="bool", canon="sealed")
    assert show_value(mode, read(1.0), SCENE).text == "automatic"
    assert show_value(run, read(True), SCENE).text == "running"
    assert show_value(seal, read(False), SCENE).text == "no"
