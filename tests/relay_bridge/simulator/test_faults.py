"""Faults: one grammar, a moment to begin and a moment to end."""

from __future__ import annotations

import pytest

from relay_bridge.simulator.farm import TANK_BY_ID
from relay_bridge.simulator.faults import (
    BAD_SENSOR_FAILURE,
    MAX_FAULTS,
    UNCERTAIN_SENSOR_NOT_ACCURATE,
    Fault,
    FaultError,
    Faults,
    parse_fault,
)


class Watch:
    """A stopwatch that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("freeze", Fault("freeze")),
        ("freeze@30s", Fault("freeze", (), 30.0)),
        ("freeze@30/10.5s", Fault("freeze", (), 30.0, 10.5)),
        ("comms-loss/5s", Fault("comms-loss", (), 0.0, 5.0)),
        ("bad-quality=TK-103.Level, TK-104.*", Fault("bad-quality", ("TK-103.Level", "TK-104.*"))),
        ("alarm-burst=6", Fault("alarm-burst", ("6",))),
    ],
)
def test_orders_are_read(text, fault):
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no fault"),
        ("melt-down", "is no fault"),
        ("freeze@soon", "is no fault"),
        ("bad-quality", "needs the variables"),
        ("bad-quality=TK-999.Level", "no variable 'TK-999.Level'"),
        ("alarm-burst=0", "between 1 and 14"),
        ("alarm-burst=many", "between 1 and 14"),
        ("freeze=TK-101", "takes no targets"),
    ],
)
def test_what_is_no_order_is_refused_in_a_sentence(text, says):
    with pytest.raises(FaultError, match=says):
        parse_fault(text)


def test_a_fault_begins_and_ends_in_its_time():
    watch = Watch()
    faults = Faults(watch)
    faults.add("freeze@10s/5s")
    assert not faults.values_stand
    watch.now += 10
    assert faults.values_stand
    assert faults.clock_stands
    watch.now += 5
    assert not faults.values_stand


def test_stuck_values_leave_the_clock_running():
    faults = Faults()
    faults.stick()
    assert faults.values_stand
    assert not faults.clock_stands


def test_bad_wins_over_uncertain():
    faults = Faults()
    faults.uncertain_quality("TK-103.*")
    assert faults.quality("TK-103.Level") == UNCERTAIN_SENSOR_NOT_ACCURATE
    faults.bad_quality("TK-103.Level")
    assert faults.quality("TK-103.Level") == BAD_SENSOR_FAILURE
    assert faults.quality("TK-104.Level") == 0


def test_an_alarm_burst_lifts_tanks_over_their_limits():
    faults = Faults()
    faults.alarm_burst(3)
    levels = faults.forced_levels()
    assert list(levels) == ["TK-101", "TK-102", "TK-103"]
    assert all(level > TANK_BY_ID[tank].high_high for tank, level in levels.items())


def test_clearing_ends_everything_and_tells():
    told = []
    faults = Faults()
    faults.changed = lambda: told.append(faults.active())
    faults.comms_loss()
    faults.clear()
    assert told == [["comms-loss"], []]


def test_faults_are_bounded():
    watch = Watch()
    faults = Faults(watch)
    for _ in range(MAX_FAULTS):
        faults.add("freeze/1s")
    with pytest.raises(FaultError, match="clear them first"):
        faults.add("freeze")
    watch.now += 2
    faults.add("freeze")
