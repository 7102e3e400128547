"""Names of tags: the trade's words in the reader's language, the site's own as they are."""

from __future__ import annotations

import pytest
from django.utils import translation

from hmi.sites.tag_names import SPOT, USUAL, tag_name, usual_word
from relay_bridge.agent.vocabulary import CANON
from relay_bridge.contract.messages import CatalogTag


def tag(canon: str, name: str) -> CatalogTag:
    return CatalogTag(id="TK-101.x", name=name, asset="TK-101", source="main", canon=canon)


def test_the_words_are_those_of_the_agent() -> None:
    said = dict(USUAL) | {key: SPOT % {"n": key.removeprefix("temp_point_")} for key in CANON if "temp_point_" in key}
    assert said == {key: canon.name for key, canon in CANON.items()}


@pytest.mark.parametrize(
    ("language", "canon", "name", "said"),
    [
        ("de", "level", "Level", "Füllstand"),
        ("fi", "ullage", "Ullage", "Vajaus"),
        ("sv", "setpoint", "Setpoint", "Börvärde"),
        ("nb", "temp_point_12", "Temperature 12", "Temperatur 12"),
        ("en", "gov", "Gross observed volume", "Gross observed volume"),
        # What the site calls by a name of its own, or gave no key, keeps it.
        ("de", "level", "Level east", "Level east"),
        ("de", "", "Level", "Level"),
        ("de", "pressure", "Level", "Level"),
        ("fi", "temp_point_12", "Temperature 3", "Temperature 3"),
        ("de", "level", "", "TK-101.x"),
    ],
)
def test_name_as_it_is_said(language: str, canon: str, name: str, said: str) -> None:
    with translation.override(language):
        assert tag_name(tag(canon, name)) == said


def test_word_that_was_kept_is_said_in_the_readers_language() -> None:
    with translation.override("da"):
        assert usual_word("Setpoint") == "Setpunkt"
        assert usual_word("Sollwert Ost") == "Sollwert Ost"
