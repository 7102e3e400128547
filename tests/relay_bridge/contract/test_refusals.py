"""The closed list of reasons: words for people, and the same list in the documentation, in the same order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay_bridge.contract.refusals import TOKEN_REFUSALS, TokenRefused

DOCS = Path(__file__).resolve().parents[3] / "docs" / "tokens.md"


def test_documentation_lists_every_reason_in_the_order_of_asking() -> None:
    rows = re.findall(r"^\| `token:([a-z-]+):refused` \| (.+?) \|$", DOCS.read_text(), re.MULTILINE)
    assert rows == list(TOKEN_REFUSALS.items())


def test_reason_outside_the_list_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        TokenRefused("because")
