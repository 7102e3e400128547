"""Buckets: edges that stay, spikes that survive, gaps that stay gaps, averages weighted by time."""

from __future__ import annotations

import random

import pytest

from relay_bridge.agent.history.buckets import HOUR, MINUTE, WIDTHS, Plan, fill_buckets, plan_buckets, usable
from relay_bridge.contract.readings import BAD_NO_COMMUNICATION, UNCERTAIN, Reading

T = 1_795_370_000_000 // HOUR * HOUR


@pytest.mark.parametrize(
    ("span", "most", "width"),
    [
        (1, 1, 100), (HOUR, 300, 15_000), (8 * HOUR, 300, 2 * MINUTE), (24 * HOUR, 300, 5 * MINUTE),
        (7 * 24 * HOUR, 600, 30 * MINUTE), (31 * 24 * HOUR, 600, 2 * HOUR), (31 * 24 * HOUR, 2, 16 * 24 * HOUR),
    ],
)  # fmt: skip
def test_widths_are_those_an_axis_is_read_by(span: int, most: int, width: int) -> None:
    start = 0 if width > WIDTHS[-1] else T
    assert plan_buckets(start, start + span, most).width == width


def test_any_plan_covers_its_span_on_edges_that_are_multiples_and_within_the_number_asked() -> None:
    chance = random.Random(4)
    for _ in range(3000):
        start = T + chance.randrange(10**10)
        end = start + chance.randrange(1, 31 * 24 * HOUR)
        most = chance.randrange(2, 601)
        plan = plan_buckets(start, end, most)
        assert plan.start % plan.width == 0
        assert plan.start <= start < plan.start + plan.width
        assert plan.end - plan.width < end <= plan.end
        assert 1 <= plan.n <= most


def test_one_sample_among_thousands_is_seen_at_any_width() -> None:
    samples = [Reading(5.0, T + second * 1000) for second in range(3600)]
    samples[1234] = Reading(99.0, T + 1_234_000)
    for most in (600, 60, 6, 1):
        plan = plan_buckets(T, T + HOUR, most)
        columns = fill_buckets(plan, samples, None, T + HOUR)
        assert max(value for value in columns.hi if value is not None) == 99.0
        assert min(value for value in columns.lo if value is not None) == 5.0


def test_a_value_holds_until_the_next_and_averages_are_weighted_by_time() -> None:
    plan = Plan(T, MINUTE, 4)
    columns = fill_buckets(plan, [Reading(20.0, T + 75_000)], Reading(10.0, T - HOUR), T + 3 * MINUTE)
    assert columns.lo == [10.0, 10.0, 20.0, None]
    assert columns.hi == [10.0, 20.0, 20.0, None]
    assert columns.av == [10.0, pytest.approx(10.0 * 0.25 + 20.0 * 0.75), 20.0, None]
    assert columns.q == "0003"  # the last minute has not been yet


def test_nothing_is_drawn_where_nothing_is_known() -> None:
    columns = fill_buckets(Plan(T, MINUTE, 3), [Reading(1.0, T + MINUTE)], None, T + 3 * MINUTE)
    assert columns.lo == [None, 1.0, 1.0]
    assert columns.q == "300"


def test_a_gap_ends_what_held_and_says_so() -> None:
    gap = Reading(None, T + MINUTE + 1, BAD_NO_COMMUNICATION)
    again = Reading(3.0, T + 3 * MINUTE + 30_000)
    columns = fill_buckets(Plan(T, MINUTE, 5), [gap, again], Reading(1.0, T - 1), T + 5 * MINUTE)
    assert columns.av == [1.0, 1.0, None, 3.0, 3.0]
    assert columns.q == "02220"


def test_quality_of_a_bucket_is_its_worst_and_a_bad_value_is_not_drawn() -> None:
    samples = [
        Reading(1.0, T), Reading(2.0, T + 1000, UNCERTAIN), Reading(500.0, T + MINUTE, 0x80000000),
        Reading(3.0, T + 2 * MINUTE),
    ]  # fmt: skip
    columns = fill_buckets(Plan(T, MINUTE, 3), samples, None, T + 3 * MINUTE)
    assert columns.hi == [2.0, None, 3.0]
    assert columns.q == "120"


def test_texts_and_truth_values() -> None:
    assert usable(Reading("idle", T)) is None
    assert usable(Reading(True, T)) == 1.0
    assert usable(Reading(4.0, T, 0x80000000)) is None


def test_averages_of_random_samples_agree_with_a_sum_of_milliseconds() -> None:
    chance = random.Random(9)
    plan = Plan(T, 1000, 8)
    for _ in range(200):
        times = sorted(chance.sample(range(T - 500, T + 8500), 12))
        samples = [Reading(float(chance.randrange(100)), at) for at in times]
        columns = fill_buckets(plan, samples, None, T + 8000)
        for number in range(plan.n):
            stood = []
            for millisecond in range(T + number * 1000, T + number * 1000 + 1000):
                held = [sample.value for sample in samples if sample.time <= millisecond]
                if held:
                    stood.append(held[-1])
            if stood:
                assert columns.av[number] == pytest.approx(sum(stood) / len(stood))
                assert (columns.lo[number], columns.hi[number]) == (min(stood), max(stood))
            else:
                assert columns.av[number] is None
