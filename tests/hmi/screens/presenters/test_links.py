"""The link's state in words."""

from __future__ import annotations

import zoneinfo

import pytest

from hmi.screens.presenters.links import show_link
from tests.hmi.screens.sample import NOW

OSLO = zoneinfo.ZoneInfo("Europe/Oslo")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("live", "Live since 18:53"),
        ("silent", "Site silent since 18:53, trying"),
        ("down", "Site not reachable since 18:53, trying"),
        ("connecting", "Connecting"),
        ("", "Link state not known"),
    ],
)
def test_state_in_words_and_since_when(state: str, words: str) -> None:
    assert show_link(state, NOW, "", OSLO, NOW + 1000).words == words


def test_unknown_moment_is_left_out() -> None:
    assert show_link("live", 0, "", OSLO, NOW).words == "Live"
