"""Who is polled next."""

from __future__ import annotations

import pytest

from relay_bridge.agent.config_rest import RestGroup
from relay_bridge.agent.drivers.rest.fields import Fields
from relay_bridge.agent.drivers.rest.problems import Trouble
from relay_bridge.agent.drivers.rest.schedule import most_overdue, pause_after
from relay_bridge.agent.drivers.rest.units import Unit


def unit(interval: float, due: float) -> Unit:
    group = RestGroup(id="g", path="/x", interval_s=interval)
    return Unit(group, "/x", Fields(group, {}), due=due)


def interval(one: Unit) -> float:
    return one.group.interval_s


def test_lateness_counts_in_proportion_to_the_interval() -> None:
    fast, slow = unit(1, 98), unit(60, 70)
    assert most_overdue([slow, fast], 100, interval) is fast  # twice its interval late, the other half of it
    fast.is_busy = True
    assert most_overdue([slow, fast], 100, interval) is slow
    slow.is_busy = True
    assert most_overdue([slow, fast], 100, interval) is None


def test_what_is_not_due_yet_is_named_so_that_it_can_be_waited_for() -> None:
    soon, later = unit(1, 101), unit(1, 105)
    assert most_overdue([later, soon], 100, interval) is soon


def test_one_of_those_that_hang_at_a_time() -> None:
    first, second, well = unit(1, 0), unit(1, 0), unit(1, 99)
    first.trouble = second.trouble = Trouble("silent", reach="wire")
    assert most_overdue([first, second, well], 100, interval) is first
    first.is_busy = True
    assert most_overdue([first, second, well], 100, interval) is well
    second.trouble = Trouble("answered badly")
    assert most_overdue([first, second, well], 100, interval) is second


def test_the_first_goes_first_once_it_is_due() -> None:
    beat, late = unit(1, 100), unit(1, 0)
    assert most_overdue([late, beat], 100, interval, first=beat) is beat
    assert most_overdue([late, beat], 99, interval, first=beat) is late
    beat.is_busy = True
    assert most_overdue([late, beat], 100, interval, first=beat) is late


def test_one_that_hangs_is_enough_whoever_may_be_chosen() -> None:
    recorded, looked_at = unit(1, 0), unit(1, 0)
    recorded.trouble = looked_at.trouble = Trouble("silent", reach="wire")
    assert most_overdue([recorded, looked_at], 100, interval, among=[looked_at]) is looked_at
    recorded.is_busy = True
    assert most_overdue([recorded, looked_at], 100, interval, among=[looked_at]) is None
    assert most_overdue([recorded, looked_at], 100, interval, among=[]) is None


@pytest.mark.parametrize(("failures", "pause"), [(1, 2), (2, 4), (3, 8), (10, 30), (10_000, 30)])
def test_pauses_double_up_to_half_a_minute(failures: int, pause: float) -> None:
    failing = unit(1, 0)
    failing.failures = failures
    assert pause_after(failing, 1, 1.0) == pause and pause_after(failing, 1, 0.0) == pause / 2
