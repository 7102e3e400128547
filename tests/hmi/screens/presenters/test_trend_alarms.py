"""Alarms on a trend: paired from their events, put together where they would lie on each other, never left unsaid."""

from __future__ import annotations

import zoneinfo

from hmi.screens.presenters.trend_alarms import show_alarms
from hmi.trends.past_alarms import PastAlarms
from hmi.trends.windows import Window
from relay_bridge.contract.alarms import JournalRow

MINUTE = 60_000
START = 1_795_370_400_000
WINDOW = Window(START, START + 100 * MINUTE, MINUTE)
NOW = START + 90 * MINUTE
OSLO = zoneinfo.ZoneInfo("Europe/Oslo")


def event(minute: int, kind: str, alarm: str = "a", severity: int = 700) -> JournalRow:
    return JournalRow(START + minute * MINUTE, kind, alarm, f"TK-1 {alarm}", "High", severity)  # type: ignore[arg-type]


def shown(*rows: JournalRow, since: int = 0):
    return show_alarms(PastAlarms(rows, since), WINDOW, OSLO, NOW)


def test_alarm_is_a_badge_where_it_began_and_a_bar_while_it_stood() -> None:
    found = shown(event(10, "active"), event(11, "acknowledged"), event(30, "cleared"))
    assert [(one.x, one.band, one.letter, one.many) for one in found.badges] == [("10.00%", "high", "2", "")]
    assert [(one.x, one.width) for one in found.bars] == [("10.00%", "20.00%")]
    assert [(one.name, one.words, bool(one.start), bool(one.end)) for one in found.lines] == [
        ("TK-1 a High", "high", True, True)
    ]


def test_what_began_before_and_what_stands_still_reach_the_edges() -> None:
    found = shown(event(20, "cleared"), event(80, "active", "b"))
    assert [(one.x, one.width) for one in found.bars] == [("0.00%", "20.00%"), ("80.00%", "10.00%")]
    assert len(found.badges) == 1, "where the first began is not in the picture"
    assert [(bool(one.start), bool(one.end)) for one in found.lines] == [(True, False), (False, True)]


def test_badges_side_by_side_are_one_with_the_most_severe() -> None:
    found = shown(event(10, "active", "a", 300), event(12, "active", "b", 900), event(40, "active", "c", 500))
    assert [(one.letter, one.many) for one in found.badges] == [("1", "\u00d72"), ("3", "")]


def test_number_of_alarms_at_the_live_edge_stands_where_there_is_room() -> None:
    found = shown(event(40, "active", "a"), event(86, "active", "b"), event(88, "active", "c"))
    assert [(one.many, one.at_end) for one in found.badges] == [("", False), ("\u00d72", True)]


def test_chattering_alarm_stays_a_short_list_that_says_how_many_more() -> None:
    rows = [event(minute, kind) for minute in range(80) for kind in ("active", "cleared")]
    found = shown(*rows)
    assert (len(found.lines), found.more, len(found.bars)) == (50, 30, 80)
    assert len(found.badges) <= 20


def test_what_is_not_known_is_said() -> None:
    assert "known from" in shown(since=START + MINUTE).note
    assert shown(since=START).note == ""
    assert show_alarms(PastAlarms(trouble="the site did not answer"), WINDOW, OSLO, NOW).note


def test_hostile_name_turns_nothing_around() -> None:
    row = JournalRow(START + 1, "active", "a", "\u202e<b>" + "x" * 500, "High", 700)
    assert shown(row).lines[0].name.startswith(" <b>x") or shown(row).lines[0].name.startswith("<b>x")
    assert len(shown(row).lines[0].name) <= 121
