"""Numbers, ages and moments as they stand on the screen."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime

import pytest

from hmi.screens.presenters.words import (
    age_text,
    duration_text,
    moment_text,
    number_text,
    since_text,
    until_text,
)

OSLO = zoneinfo.ZoneInfo("Europe/Oslo")
NOON = int(datetime(2026, 11, 22, 11, 0, 0, tzinfo=UTC).timestamp() * 1000)  # 12:00 in Oslo


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (12.345, 3, "12.345"),
        (12.3, 3, "12.300"),
        (-8.66, 1, "-8.7"),
        (-0.0004, 3, "0.000"),
        (0.125, 2, "0.13"),
        (2.5, 0, "3"),
        (-2.5, 0, "-3"),
        (1e21, 1, "1000000000000000000000.0"),
        (float("nan"), 1, "\u2014"),
        (float("inf"), 1, "\u2014"),
    ],
)
def test_number_has_fixed_decimals(value: float, decimals: int, text: str) -> None:
    assert number_text(value, decimals) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0\u00a0s"),
        (0.9, "0\u00a0s"),
        (59.9, "59\u00a0s"),
        (65, "1\u00a0min\u00a005\u00a0s"),
        (3600, "1\u00a0h\u00a000\u00a0min"),
        (200_000, "2\u00a0d"),
    ],
)
def test_age_in_words(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


def test_duration_is_no_finer_than_it_can_be_known() -> None:
    assert [duration_text(minutes) for minutes in (0.5, 42.9, 200)] == [
        "under\u00a01\u00a0min",
        "42\u00a0min",
        "3\u00a0h\u00a020\u00a0min",
    ]


def test_moments_are_in_the_sites_time() -> None:
    assert moment_text(NOON - 5000, OSLO, NOON) == "11:59:55"
    assert since_text(NOON - 5000, OSLO, NOON) == "11:59"
    assert since_text(NOON - 86_400_000, OSLO, NOON) == "21 Nov 2026 12:00"
    assert since_text(0, OSLO, NOON) == ""


def test_end_of_access_has_its_hour_only_when_it_is_near() -> None:
    assert until_text(datetime(2027, 2, 20, 12, tzinfo=UTC), OSLO, NOON) == "20 Feb 2027"
    assert until_text(datetime(2026, 11, 22, 13, tzinfo=UTC), OSLO, NOON) == "14:00 today"
    assert until_text(datetime(2026, 11, 23, 13, tzinfo=UTC), OSLO, NOON) == "23 Nov 2026 14:00"
