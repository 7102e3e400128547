"""The kind of an alarm as it stands behind its name."""

from __future__ import annotations

import pytest

from hmi.live.alarm_words import condition_word


@pytest.mark.parametrize(
    ("name", "cond", "word"),
    [
        ("TK-101 level", "HighHigh", "HighHigh"),
        ("TK-101 level", "ExclusiveLevel", ""),  # what a server says of one that is not active
        ("TK-101 level", "NonExclusiveRateOfChange", ""),
        ("TK-103 level high", "High", ""),
        ("TK-103 level high-high", "HighHigh", ""),
        ("TK-103 level high-high", "High", "High"),  # another limit than the name says: both are shown
        ("TK-103 level", "", ""),
    ],
)
def test_kind_is_said_where_it_says_something_new(name: str, cond: str, word: str) -> None:
    assert condition_word(cond, name) == word
