"""The picture of alarms in each ten minutes: an hour at least, and what is not known is not drawn as none."""

from __future__ import annotations

from hmi.screens.presenters.alarm_bars import show_bars


def test_first_ten_minutes_of_a_site_fill_a_sixth_and_the_rest_is_not_known() -> None:
    drawn = show_bars([4], 10)
    assert (drawn.width, drawn.unknown, drawn.hours, drawn.most) == ("30.0", "83.3%", 1, 4)
    assert [bar.x for bar in drawn.bars] == ["25.0"]


def test_nothing_is_unknown_once_there_is_an_hour() -> None:
    assert show_bars([0, 1, 0, 0, 0, 2], 10).unknown == ""
