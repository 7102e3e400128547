"""An alarm in words; whatever the plant calls its things, it stays text on one line."""

from __future__ import annotations

import zoneinfo
from typing import Any

import pytest

from hmi.alarms.list_view import draw_row
from hmi.alarms.presenting import show_alarm
from hmi.sites.models import Site
from hmi.sites.plain_text import plain
from tests.hmi.alarms.rows import NOW, alarm

OSLO = zoneinfo.ZoneInfo("Europe/Oslo")


def test_state_priority_and_moment_in_words() -> None:
    shown = show_alarm(alarm(1, 700, ack=True, conf=False, branch=True, agent=True, shelf=NOW + 60_000), OSLO, NOW)
    assert (shown.priority, shown.letter, shown.state) == ("high", "2", "Active, acknowledged, not confirmed")
    assert shown.since == "18:53:19" and shown.words == "high, acknowledged"
    assert shown.marks == (
        "Earlier occurrence", "Made from limits, not by the process server", "Shelved until 18:54:20",
    )  # fmt: skip


@pytest.mark.parametrize("quality", ["bad", "uncertain"])
@pytest.mark.parametrize("facts", [{}, {"ack": True}, {"ack": True, "conf": False}])
@pytest.mark.parametrize("active", [True, False])
def test_alarm_on_a_value_that_is_not_good_is_doubtful_and_never_cleared(
    quality: Any, facts: dict[str, Any], active: bool
) -> None:
    row = alarm(1, 700, act=active, quality=quality, **facts)
    shown = show_alarm(row, OSLO, NOW)
    assert shown.doubtful and "doubtful" in shown.words
    assert shown.state.startswith("Doubtful: active" if active else "Doubtful: not active when last known")
    assert "leared" not in shown.state and shown.marks[0].startswith("The value behind it is " + quality)
    html = draw_row(row, Site(slug="north", time_zone="UTC"), OSLO, NOW, may_ack=True)
    assert "is-doubtful" in html and "Doubtful" in html
    good = draw_row(alarm(1, 700, act=active, **facts), Site(slug="north", time_zone="UTC"), OSLO, NOW, may_ack=True)
    assert "oubtful" not in good


def test_no_line_ends_between_a_number_and_its_unit_and_no_place_is_said_twice() -> None:
    shown = show_alarm(alarm(1, msg="TK-1 level 12.893 m: High, 5 %, 3 of 4", asset="TK-1"), OSLO, NOW)
    assert shown.message == "TK-1 level 12.893\u00a0m: High, 5\u00a0%, 3\u00a0of 4"
    assert (shown.where, shown.place) == ("TK-1", "")
    assert show_alarm(alarm(1, asset="Jetty 2"), OSLO, NOW).place == "Jetty 2"


def test_hostile_text_is_drawn_as_text() -> None:
    hostile = "<script>alert(1)</script>\u202e\u200b\n" + "long " * 200
    row = alarm(1, name=hostile, msg='"><img src=x onerror=alert(1)>', cond="\u2066<b>", asset="{{ 7 }}")
    html = draw_row(row, Site(slug="north", time_zone="UTC"), OSLO, NOW, may_ack=True)
    assert "<script" not in html and "<img" not in html and "<b>" not in html and "\u202e" not in html
    assert "&lt;script&gt;" in html and "{{ 7 }}" in html and html.count("<li") == 1
    assert type(html.strip()) is str, "the frames' encoder takes plain texts only"
    assert len(plain(hostile, 120)) == 120
