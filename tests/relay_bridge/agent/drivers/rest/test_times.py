"""Times as plants write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.agent.drivers.rest.times import format_time, parse_time

T = 1_694_911_885_596  # 2023-09-17T00:51:25.596Z


@pytest.mark.parametrize(
    "text",
    [
        "2023-09-17T00:51:25.596Z",
        "2023-09-17T00:51:25.5960000Z",
        "2023-09-17T00:51:25.5969999Z",
        "2023-09-17 00:51:25,596",
        "2023-09-17T00:51:25.596",
        "2023-09-17T02:51:25.596+02:00",
        "2023-09-16T19:21:25.596-0530",
        "2023-09-17t00:51:25.596z",
        " 2023-09-17T02:51:25.596+02 ",
    ],
)
def test_iso_8601_with_any_fraction_and_zone(text: str) -> None:
    assert parse_time(text, "iso") == T


def test_fractions_of_any_length() -> None:
    assert parse_time("2023-09-17T00:51:25Z", "iso") == T - 596
    assert parse_time("2023-09-17T00:51:25.5Z", "iso") == T - 96
    assert parse_time("2023-09-17T00:51Z", "iso") == T - 25_596


@pytest.mark.parametrize(
    "raw",
    [
        None,
        5,
        True,
        "",
        "yesterday",
        "2023-13-01T00:00:00Z",
        "2023-02-30T00:00:00Z",
        "2023-09-17",
        "1601-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2023-09-17T00:51:25.Z",
        "\u0662\u0660\u0662\u0663-09-17T00:51:25Z",
        ["x"],
        "2023-09-17T00:51:25+99:99",
    ],
)
def test_what_is_no_time_is_none(raw: object) -> None:
    assert parse_time(raw, "iso") is None


def test_epoch_in_seconds_and_milliseconds_as_number_or_text() -> None:
    assert parse_time(T, "ms") == T and parse_time(str(T), "ms") == T
    assert parse_time(1_694_911_885, "s") == T - 596
    assert parse_time("1694911885.5", "s") == T - 96


@pytest.mark.parametrize("raw", [0, -1, True, "x", float("nan"), float("inf"), 10**400, 1e300, None, {}, "1" * 500])
def test_epoch_that_is_none(raw: object) -> None:
    assert parse_time(raw, "s") is None and parse_time(raw, "ms") is None


@given(st.integers(min_value=86_400_000, max_value=4_102_444_800_000))
def test_what_is_written_is_read_again(moment: int) -> None:
    assert parse_time(format_time(moment, "iso"), "iso") == moment
    assert parse_time(format_time(moment, "ms"), "ms") == moment
