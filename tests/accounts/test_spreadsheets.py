"""No text of others becomes a formula: not at the beginning of a cell, nor where another language begins one."""

from __future__ import annotations

import pytest

from accounts.spreadsheets import harmless


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", " =1", "\u00a0=1", "\ufeff=1", "\u200b=1", "\t=1", "\r=1",
        "\n=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201",
    ],
)  # fmt: skip
def test_what_begins_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert harmless(text).startswith("'") and harmless(text).replace("'", "") == text.replace("'", "")


def test_where_the_semicolon_parts_cells_none_begins_within_a_text() -> None:
    assert harmless("Diesel;=1+1") == "Diesel;'=1+1"
    assert harmless("Diesel; @x\n-1\t+2") == "Diesel;' @x\n'-1\t'+2"


@pytest.mark.parametrize("text", ["", "TK-101", "a=b", "5-7; 8", "night shift, July", "2027-01-31", "a;b"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert harmless(text) == text
