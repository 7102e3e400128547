"""Windows: edges on multiples of their width, never more than the site answers for, times by the site's clock."""

from __future__ import annotations

import random
import zoneinfo

import pytest

from hmi.trends.windows import AHEAD, DAY, HOUR, LONGEST, MINUTE, SPANS, NoWindow, between, latest, read_moment
from relay_bridge.agent.history.buckets import plan_buckets
from relay_bridge.contract.history import MAX_BUCKETS, MAX_SPAN_MS

NOW = 1_795_370_000_123
OSLO = zoneinfo.ZoneInfo("Europe/Oslo")


@pytest.mark.parametrize("span", SPANS)
def test_a_usual_span_ends_after_now_and_covers_what_it_says(span: str) -> None:
    window = latest(span, NOW)
    assert window.start <= NOW - SPANS[span] and window.end > NOW
    assert window.end - NOW <= SPANS[span] // 40 + window.width
    assert window.follows and window.start % window.width == window.end % window.width == 0


def test_the_agent_answers_exactly_the_buckets_that_are_asked_for() -> None:
    chance = random.Random(5)
    for _ in range(500):
        length = chance.randint(2 * MINUTE, LONGEST)
        start = chance.randint(NOW - 300 * DAY, NOW - length)
        window = between(start, start + length, NOW)
        assert window.start <= start and window.end >= start + length
        assert window.n <= MAX_BUCKETS and window.end - window.start <= MAX_SPAN_MS
        tail = chance.randint(1, window.n)  # a part of it, as it is asked for when the rest is kept
        plan = plan_buckets(window.end - tail * window.width, window.end, tail)
        assert (plan.start, plan.width, plan.n) == (window.end - tail * window.width, window.width, tail)


def test_an_unknown_span_is_the_usual_one() -> None:
    assert latest("1 year", NOW).span == "8h"


@pytest.mark.parametrize(
    ("start", "end"),
    [(NOW, NOW - 1), (NOW + 2 * AHEAD, NOW + 3 * AHEAD), (NOW - MINUTE, NOW), (NOW - 31 * DAY, NOW), (-5, NOW)],
)
def test_what_cannot_be_shown_is_refused_in_words(start: int, end: int) -> None:
    with pytest.raises(NoWindow, match="Choose"):
        between(start, end, NOW)


def test_times_are_by_the_sites_clock_unless_they_say_otherwise() -> None:
    assert read_moment("2026-07-01T14:00", OSLO) == read_moment("2026-07-01T12:00:00Z", OSLO)
    assert read_moment("2026-12-01T14:00:30", OSLO) == read_moment("2026-12-01T13:00:30+00:00", OSLO)
    assert read_moment("2026-12-02T00:00Z", OSLO) - read_moment("2026-12-01T00:00Z", OSLO) == 24 * HOUR


@pytest.mark.parametrize("text", ["", "now", "2026-13-01T00:00", "2026-11-23", "20261123T000000", "2026-11-23T25:00Z"])
def test_what_is_no_time_is_refused_in_words(text: str) -> None:
    with pytest.raises(NoWindow, match="2026-11-23T14:00"):
        read_moment(text, OSLO)
