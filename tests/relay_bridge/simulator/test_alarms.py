"""The plant's alarms as a calculation: limits with a deadband, acknowledging by event, floods."""

from __future__ import annotations

import itertools

import pytest

from relay_bridge.simulator.alarms import DEADBAND, AlarmBoard, Refused, level_limit
from relay_bridge.simulator.farm import TANK_BY_ID

TANK = TANK_BY_ID["TK-101"]  # 1, 2, 13.5 and 14.5 m


def board() -> AlarmBoard:
    numbers = itertools.count(1)
    return AlarmBoard(lambda: str(next(numbers)).encode())


def at(alarms: AlarmBoard, level: float, now: float = 10.0, *, bad: bool = False):
    return alarms.update({"TK-101.Level": level}, lambda node: bad, now)


@pytest.mark.parametrize(
    ("level", "limit"),
    [(0.5, "LowLow"), (1.0, "LowLow"), (1.5, "Low"), (7.0, None), (13.5, "High"), (14.5, "HighHigh")],
)
def test_a_level_has_one_limit_state(level: float, limit: str | None) -> None:
    assert level_limit(TANK, level, None) == limit


def test_an_alarm_rises_worsens_eases_and_clears_with_a_deadband() -> None:
    alarms = board()
    states = []
    for level in (13.6, 14.6, 14.5 - DEADBAND / 2, 14.0, 13.5 - DEADBAND / 2, 13.0):
        states += [(c.limit, c.active, c.severity) for c in at(alarms, level)]
    assert states == [("High", True, 700), ("HighHigh", True, 900), ("High", True, 700), ("High", False, 700)]
    assert alarms.find("TK-101.LevelAlarm").retain  # nobody acknowledged it


def test_a_bad_level_changes_nothing() -> None:
    alarms = board()
    assert at(alarms, 14.9, bad=True) == []
    at(alarms, 14.9)
    assert at(alarms, 5.0, bad=True) == []


def test_acknowledging_is_for_the_event_that_was_seen_and_worse_must_be_acknowledged_anew() -> None:
    alarms = board()
    (seen,) = at(alarms, 13.6)
    acknowledged = alarms.acknowledge(seen.id, seen.event, "ok", 11.0)
    assert (acknowledged.acknowledged, acknowledged.comment, acknowledged.acknowledged_at) == (True, "ok", 11.0)
    for event, code in ((seen.event, "BadEventIdUnknown"), (acknowledged.event, "BadConditionBranchAlreadyAcked")):
        with pytest.raises(Refused) as refused:
            alarms.acknowledge(seen.id, event, "", 12.0)
        assert refused.value.code == code
    with pytest.raises(Refused):
        alarms.acknowledge("no such", b"", "", 12.0)
    (worse,) = at(alarms, 14.6)
    assert (worse.acknowledged, worse.comment) == (False, "")
    alarms.acknowledge(worse.id, worse.event, "", 13.0)
    (cleared,) = at(alarms, 7.0)
    assert not cleared.retain


def test_shelving_ends_by_itself() -> None:
    alarms = board()
    (seen,) = at(alarms, 13.6)
    assert alarms.shelve(seen.id, 60.0, 10.0).shelved_until == 70.0
    with pytest.raises(Refused):
        alarms.shelve(seen.id, 60.0, 10.0)
    assert at(alarms, 13.6, now=69.0) == []
    assert [c.shelved_until for c in at(alarms, 13.6, now=70.0)] == [0.0]
    with pytest.raises(Refused):
        alarms.unshelve(seen.id, 71.0)
    with pytest.raises(Refused):
        alarms.shelve(seen.id, 0.0, 71.0)


def test_the_pump_that_stands_is_an_alarm() -> None:
    alarms = board()
    (stopped,) = alarms.update({"P-101.Run": False}, lambda node: False, 1.0)
    assert (stopped.id, stopped.active, stopped.severity) == ("P-101.StoppedAlarm", True, 300)
    assert [c.active for c in alarms.update({"P-101.Run": True}, lambda node: False, 2.0)] == [False]


def test_a_flood_comes_and_goes_and_leaves_what_was_not_acknowledged() -> None:
    alarms = board()
    raised = alarms.flood(100, 1.0)
    assert len(raised) == 100
    assert len({c.severity for c in raised}) == 4
    assert alarms.flood(100, 2.0) == []
    assert len(alarms.flood(40, 3.0)) == 60
    assert len(alarms.flood(0, 4.0)) == 40
    assert all(c.retain for c in alarms.conditions() if c.kind == "off-normal" and c.id.startswith("INST"))
