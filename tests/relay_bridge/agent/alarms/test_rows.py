"""From a source's event to a row: times, whose word it is, bounds; and what a change is called in the journal."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from relay_bridge.agent.alarms.rows import transitions, when
from relay_bridge.agent.drivers.abilities import AlarmRef
from relay_bridge.contract.alarms import AlarmQuality, AlarmRow
from tests.relay_bridge.agent.alarms.support import LEVEL, NOW, Board, event

ROWS = Board().rows


def test_a_row_names_tag_asset_and_area_and_hides_the_node() -> None:
    row = ROWS.row(event(node=LEVEL.node, limit_state="HighHigh", message="plc-7.plant: ns=2;s=TK-101.Level"), None)
    assert (row.tag, row.asset, row.area, row.cond) == ("TK-101.level", "TK-101", "North farm", "HighHigh")
    assert row.msg == "the source: the source"
    assert b"urn:plant" not in msgspec.json.encode(row)


def test_times_are_the_sources_where_it_tells_and_follow_from_the_changes_where_not() -> None:
    raised = ROWS.row(event(time=NOW - 5000), None)
    assert (raised.t_act, raised.t_clr, raised.t_ack) == (NOW - 5000, 0, 0)
    acked = ROWS.row(event(time=NOW - 3000, acknowledged=True), raised)
    assert (acked.t_act, acked.t_ack) == (NOW - 5000, NOW - 3000)
    cleared = ROWS.row(event(time=NOW - 1000, acknowledged=True, active=False), acked)
    assert (cleared.t_act, cleared.t_clr, cleared.t_ack) == (NOW - 5000, NOW - 1000, NOW - 3000)
    told = ROWS.row(event(since=NOW - 9000, acknowledged=True, acknowledged_at=NOW - 8000), None)
    assert (told.t_act, told.t_ack) == (NOW - 9000, NOW - 8000)


def test_a_time_that_cannot_be_is_replaced_by_now() -> None:
    assert ROWS.row(event(time=2**60), None).t_act == NOW
    assert ROWS.row(event(time=NOW + 30_000), None).t_act == NOW + 30_000
    assert ROWS.row(event(time=-5), None).t_act == 0


def test_who_acknowledged_is_read_from_the_agents_own_signature_and_else_from_the_source() -> None:
    signed = ROWS.signed("I look at it", "7b0f-11")
    assert signed == "I look at it [7b0f-11@north via mobile]"
    row = ROWS.row(event(acknowledged=True, comment=signed, user="mobile-agent"), None)
    assert (row.by, row.comment) == ("7b0f-11", "I look at it")
    row = ROWS.row(event(acknowledged=True, comment="ok [x@south via mobile]", user="operator 1"), None)
    assert (row.by, row.comment) == ("operator 1", "ok [x@south via mobile]")
    assert ROWS.row(event(comment=signed), None).by == ""
    assert ROWS.signed("", "a") == "[a@north via mobile]"


def test_whatever_a_source_sends_the_row_fits_the_contract() -> None:
    wild = event(
        name="", severity=70_000, message="x" * 9000, comment="\x00" * 500, user="\ud800" * 300, event=b"e" * 5000,
        limit_state="y" * 500, shelved_until=-77, time=2**70, acknowledged=True,
    )  # fmt: skip
    for odd in (wild, replace(wild, severity=-3, event=b"")):
        row = ROWS.row(odd, None)
        assert msgspec.json.decode(msgspec.json.encode(row), type=AlarmRow) == row


@pytest.mark.parametrize("quality", ["uncertain", "bad"])
def test_a_value_that_is_not_good_takes_no_alarm_back(quality: AlarmQuality) -> None:
    raised = ROWS.row(event(since=NOW - 9000), None)
    doubted = ROWS.row(event(active=False, since=NOW - 1000, quality=quality), raised)
    assert (doubted.act, doubted.quality, doubted.t_act, doubted.t_clr) == (True, quality, NOW - 9000, 0)
    # What was never seen active, and an occurrence of the past, are as their source says.
    assert not ROWS.row(event(active=False, quality=quality), None).act
    past = replace(event(), ref=AlarmRef("main", "s=a", "i=1"))
    assert not ROWS.row(replace(past, active=False, quality=quality), ROWS.row(past, None)).act
    cleared = ROWS.row(event(active=False, since=NOW - 500), doubted)
    assert (cleared.act, cleared.quality, cleared.t_clr) == (False, "good", NOW - 500)


def test_the_end_of_shelving_does_not_tremble() -> None:
    before = ROWS.row(event(shelved_until=NOW + 60_000), None)
    assert ROWS.row(event(shelved_until=NOW + 60_900), before) == before
    assert ROWS.row(event(shelved_until=NOW + 90_000), before).shelf == NOW + 90_000
    assert ROWS.row(event(), before).shelf == 0


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        (None, {}, ["active"]),
        (None, {"active": False}, []),
        (None, {"ref": AlarmRef("main", "s=a", "i=1")}, []),
        ({}, {"message": "other"}, []),
        ({}, {"severity": 900}, ["changed"]),
        ({}, {"limit_state": "High"}, ["changed"]),
        ({}, {"active": False}, ["cleared"]),
        ({"active": False}, {}, ["active"]),
        ({}, {"acknowledged": True}, ["acknowledged"]),
        ({}, {"active": False, "acknowledged": True}, ["cleared"]),
        ({"active": False}, {"active": False, "acknowledged": True}, ["acknowledged"]),
        ({"confirmed": False}, {"confirmed": True}, ["confirmed"]),
        ({}, {"confirmed": True}, []),
        ({}, {"shelved_until": -1}, ["shelved"]),
        ({"shelved_until": NOW}, {}, ["unshelved"]),
        ({"shelved_until": NOW}, {"shelved_until": NOW + 60_000}, []),
        ({}, {"quality": "bad"}, []),
        ({}, {"active": False, "quality": "bad"}, []),
        ({}, {"active": False, "acknowledged": True, "quality": "bad"}, []),
        ({}, {"acknowledged": True, "quality": "bad", "user": "operator 1"}, ["acknowledged"]),
        ({"quality": "bad"}, {"acknowledged": True, "quality": "bad"}, ["acknowledged"]),
        ({"quality": "bad"}, {"active": False}, ["cleared"]),
        ({"active": False}, {"quality": "uncertain"}, ["active"]),
    ],
)
def test_a_change_has_its_name(before: dict | None, after: dict, kinds: list[str]) -> None:
    old = ROWS.row(event(**before), None) if before is not None else None
    assert transitions(old, ROWS.row(event(**after), old)) == kinds


def test_another_end_of_shelving_is_an_event_where_the_end_is_known_exactly() -> None:
    rows = [ROWS.row(event(shelved_until=NOW + more), None, agent=True) for more in (60_000, 120_000)]
    assert transitions(*rows) == ["shelved"] and transitions(rows[0], rows[0]) == []


def test_a_journal_event_has_the_time_that_the_row_tells() -> None:
    row = ROWS.row(event(since=NOW - 4000), None)
    assert when("active", row, NOW) == NOW - 4000
    assert when("shelved", row, NOW) == NOW
