"""The pens of a trend: contrast on their ground in each theme, no saturated colour, and a dash of their own."""

from __future__ import annotations

import re

import pytest

from tests.hmi.screens.test_contrast import STYLES, THEMES, contrast, saturation, tokens

TREND = (STYLES / "pens.css").read_text()
TOKENS = (STYLES / "tokens.css").read_text()


def pens(theme: str) -> dict[str, str]:
    blocks = re.findall(rf'\[data-theme="{theme}"\] \{{(.*?)\n\}}', TOKENS, re.DOTALL)
    found = dict(pen for block in blocks for pen in re.findall(r"--(pen-\d):\s*([^;]+);", block))
    assert len(found) == 8
    return found


@pytest.mark.parametrize("theme", THEMES)
def test_pens_are_seen_on_their_ground(theme: str) -> None:
    least = 15 if theme == "sun" else 4.5
    for name, colour in pens(theme).items():
        assert contrast(colour, tokens(theme)["panel"]) >= least, name


@pytest.mark.parametrize("theme", THEMES)
def test_no_pen_is_saturated(theme: str) -> None:
    assert {name for name, colour in pens(theme).items() if saturation(colour) > 0.4} == set()


def test_each_pen_but_the_first_has_a_dash_of_its_own() -> None:
    dashes = re.findall(r"\.line\.pen-(\d) \{\s*stroke-dasharray: ([^;]+);", TREND)
    assert [number for number, _ in dashes] == [str(number) for number in range(2, 9)]
    assert len({dash for _, dash in dashes}) == 7
