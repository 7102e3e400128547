"""Scopes are a closed list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.contract.scopes import PROCESS_SCOPES, SCOPES, WRITE_SCOPES, format_scopes, parse_scopes


@given(st.sets(st.sampled_from(sorted(SCOPES))))
def test_equal_sets_are_equal_strings(scopes: set[str]) -> None:
    text = format_scopes(scopes)
    assert parse_scopes(text) == scopes
    assert format_scopes(parse_scopes(" ".join(reversed(text.split())))) == text


@pytest.mark.parametrize("text", ["root", "data:live root", "DATA:LIVE", "data:live,alarm:read", "data:*"])
def test_unknown_scope_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="unknown scope"):
        parse_scopes(text)


def test_lists_hold_together() -> None:
    assert WRITE_SCOPES <= PROCESS_SCOPES <= SCOPES.keys()
    assert not PROCESS_SCOPES & {"status:read", "diag:read", "audit:read"}
    assert parse_scopes("") == frozenset()
