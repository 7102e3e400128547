"""Every right of the closed list is marked for translation, word for word."""

from __future__ import annotations

import pytest

from accounts.scope_words import MARKED, scope_words
from relay_bridge.contract.scopes import SCOPES


def test_marked_texts_are_those_of_the_closed_list() -> None:
    assert MARKED == SCOPES


def test_in_english_they_are_as_they_stand_there() -> None:
    assert {scope: scope_words(scope) for scope in SCOPES} == SCOPES
    with pytest.raises(KeyError):
        scope_words("plant:explode")
