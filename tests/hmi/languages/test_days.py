"""Days and moments of pages are written in the page's language, in one way."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

AT = datetime(2026, 5, 3, 23, 4, tzinfo=UTC)


def written(value: object, how: str) -> str:
    return Template("{% load days %}{{ value|" + how + " }}").render(Context({"value": value}))


@pytest.mark.parametrize(
    ("value", "how", "words"),
    [
        (AT, "day", "3 May 2026"),
        (date(2026, 12, 31), "day", "31 Dec 2026"),
        (AT, "moment", "3 May 2026 23:04 UTC"),
        (None, "day", ""),
        (None, "moment", ""),
    ],
)
def test_days_and_moments(value: object, how: str, words: str) -> None:
    assert written(value, how) == words


def test_a_moment_is_that_of_the_pages_time_zone() -> None:
    with timezone.override("Europe/Oslo"):
        assert written(AT, "moment") == "4 May 2026 01:04 CEST"
        assert written(AT, "day") == "4 May 2026"


def test_the_months_are_those_of_the_language() -> None:
    with translation.override("de"):
        assert written(AT, "day") == "3. Mai 2026"
