"""DataValue to Reading: the code stays whole, and what is missing never looks good."""

from __future__ import annotations

import math
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua

from relay_bridge.agent.drivers.opcua.values import BAD_TYPE_MISMATCH, reading_from, sampled_at, time_of
from relay_bridge.contract.readings import BAD_NOT_SUPPORTED, BAD_WAITING_FOR_INITIAL_DATA, Reading

MOMENT = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
MS = 1_795_348_800_250
RECEIVED = 1_795_348_900_000


def reading(raw, kind="number", decimals=None, status=0):
    data = ua.DataValue(ua.Variant(raw), ua.StatusCode(status), SourceTimestamp=MOMENT)
    return reading_from(data, kind, decimals, RECEIVED)


@pytest.mark.parametrize(
    ("raw", "kind", "decimals", "value"),
    [
        (12.3456, "number", 3, 12.346),
        (12.3456, "number", None, 12.3456),
        (7, "number", 1, 7),
        (True, "number", None, 1),
        (2**60, "number", None, str(2**60)),
        (True, "bool", None, True),
        (0, "bool", None, False),
        ("ok", "text", None, "ok"),
        (3.5, "text", None, "3.5"),
        (MOMENT, "text", None, "2026-11-22T12:00:00.250Z"),
        (ua.LocalizedText("Diesel"), "text", None, "Diesel"),
        (uuid.UUID(int=1), "text", None, "00000000-0000-0000-0000-000000000001"),
        ("x" * 2000, "text", None, "x" * 1023 + "~"),
    ],
)
def test_good_values_come_through_in_the_tags_kind(raw, kind, decimals, value):
    got = reading(raw, kind, decimals)
    assert got == Reading(value, MS, 0)
    assert type(got.value) is type(value)


@pytest.mark.parametrize(
    ("raw", "kind", "quality"),
    [
        (math.nan, "number", 0x80380000),
        (math.inf, "number", 0x80380000),
        (None, "number", BAD_WAITING_FOR_INITIAL_DATA),
        ("open", "number", BAD_TYPE_MISMATCH),
        (7, "bool", BAD_TYPE_MISMATCH),
        ([1.0, 2.0], "number", BAD_NOT_SUPPORTED),
        (b"\x00", "text", BAD_NOT_SUPPORTED),
    ],
)
def test_what_cannot_be_shown_is_never_good(raw, kind, quality):
    assert reading(raw, kind) == Reading(None, MS, quality)


def test_a_bad_value_keeps_its_code_and_what_was_sent_with_it():
    assert reading(12.5, status=0x808C0000) == Reading(12.5, MS, 0x808C0000)
    assert reading(None, status=0x808C0480) == Reading(None, MS, 0x808C0480)
    assert reading(math.nan, status=0x808C0000) == Reading(None, MS, 0x808C0000)


def test_an_uncertain_value_keeps_its_code_unless_there_is_no_value():
    assert reading(12.5, status=0x40930000) == Reading(12.5, MS, 0x40930000)
    assert reading(None, status=0x40930000).quality == BAD_WAITING_FOR_INITIAL_DATA


def test_time_is_the_sources_else_the_servers_else_ours():
    later = datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC)
    null = datetime(1601, 1, 1, tzinfo=UTC)
    assert time_of(ua.DataValue(SourceTimestamp=MOMENT, ServerTimestamp=later), RECEIVED) == MS
    assert time_of(ua.DataValue(SourceTimestamp=null, ServerTimestamp=later), RECEIVED) == MS + 750
    assert time_of(ua.DataValue(SourceTimestamp=MOMENT.replace(tzinfo=None)), RECEIVED) == MS
    assert time_of(ua.DataValue(), RECEIVED) == RECEIVED


def test_a_time_that_cannot_be_is_none():
    server = MOMENT + timedelta(seconds=2)
    dead_battery = datetime(1984, 1, 1, tzinfo=UTC)
    other_zone = MOMENT + timedelta(hours=2)
    assert time_of(ua.DataValue(SourceTimestamp=dead_battery, ServerTimestamp=server), RECEIVED) == MS + 2000
    assert time_of(ua.DataValue(SourceTimestamp=other_zone, ServerTimestamp=server), RECEIVED) == MS + 2000
    assert time_of(ua.DataValue(SourceTimestamp=dead_battery), RECEIVED) == RECEIVED
    # Some servers copy the source's time into their own: then what the server's clock shows decides.
    copied = ua.DataValue(SourceTimestamp=other_zone, ServerTimestamp=other_zone)
    assert time_of(copied, RECEIVED, RECEIVED + 5000) == RECEIVED
    assert time_of(ua.DataValue(SourceTimestamp=other_zone), RECEIVED, RECEIVED + 5000) == RECEIVED
    # A little ahead is a clock like any other, and old is only unchanged.
    ahead = MOMENT + timedelta(seconds=4)
    assert time_of(ua.DataValue(SourceTimestamp=ahead, ServerTimestamp=MOMENT), RECEIVED, RECEIVED + 5000) == MS + 4000
    old = ua.DataValue(SourceTimestamp=MOMENT - timedelta(days=400), ServerTimestamp=MOMENT)
    assert time_of(old, RECEIVED) == MS - 400 * 86_400_000


def test_a_sample_of_a_history_has_its_own_time_or_none():
    assert sampled_at(ua.DataValue(SourceTimestamp=MOMENT)) == MS
    assert sampled_at(ua.DataValue(ServerTimestamp=MOMENT)) == MS
    assert sampled_at(ua.DataValue()) is None
