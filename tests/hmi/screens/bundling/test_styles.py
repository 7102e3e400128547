"""Stylesheets joined: same order, and nothing is left out without a word."""

from __future__ import annotations

import pytest

from hmi.screens.bundling.styles import ImportMissing, imported, join

SHEETS = {"all.css": '@import url("a.css");\n@import url("b.css");\n.own {}\n', "a.css": ".a {}", "b.css": ".b {}"}


def test_imports_stand_in_place_and_in_order() -> None:
    assert imported(SHEETS["all.css"]) == ("a.css", "b.css")
    assert join("all.css", SHEETS).split() == [".a", "{}", ".b", "{}", ".own", "{}"]


def test_what_is_missing_or_imports_again_is_refused() -> None:
    with pytest.raises(ImportMissing, match=r"b\.css, which is not there"):
        join("all.css", {name: text for name, text in SHEETS.items() if name != "b.css"})
    with pytest.raises(ImportMissing, match=r"a\.css imports others"):
        join("all.css", SHEETS | {"a.css": '@import url("b.css");'})
