"""A trend under real fingers: Chromium's own touch input drags it, pinches it, sets the cursor and scrolls the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support.demo import Demo
from tests.support.phone import open_phone, sign_in

HOUR = 3_600_000  # ms
STRETCH = (
    "() => { const { start, end } = document.getElementById('trend').dataset; return [Number(start), Number(end)]; }"
)
MOVED = "(before) => document.getElementById('trend').dataset.start !== String(before)"
CURSOR = "() => document.querySelector('[data-hair]').getAttribute('x1')"
MANY = 10  # steps of one movement


class Fingers:
    """On the first plot of a page; places are parts of its width."""

    def __init__(self, page: Page) -> None:
        self._cdp = page.context.new_cdp_session(page)
        box = page.locator("[data-plot]").first.bounding_box()
        assert box is not None
        self._box = box

    def _send(self, kind: str, places: list[float], up: float = 0) -> None:
        left, wide, middle = self._box["x"], self._box["width"], self._box["y"] + self._box["height"] / 2
        points = [{"x": left + wide * x, "y": middle - up, "id": number} for number, x in enumerate(places)]
        self._cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def move(self, start: list[float], end: list[float], up: float = 0) -> None:
        """One finger after the other goes down, all move together, all leave."""
        for number in range(len(start)):
            self._send("touchStart", start[: number + 1])
        for step in range(1, MANY + 1):
            places = [a + (b - a) * step / MANY for a, b in zip(start, end, strict=True)]
            self._send("touchMove", places, up * step / MANY)
        self._send("touchEnd", [])

    def tap(self, place: float) -> None:
        self._send("touchStart", [place])
        self._send("touchEnd", [])


@pytest.fixture(scope="module")
def trend(browser: Browser, demo: Demo) -> Iterator[Page]:
    context = open_phone(browser)
    page = context.new_page()
    sign_in(page, demo, "field operator")
    page.goto(f"{demo.url}/sites/demo/trends/?tags=TK-107.level&span=8h")
    page.wait_for_function("() => !('pending' in document.getElementById('trend').dataset)")
    yield page
    context.close()


def stretch(page: Page) -> list[float]:
    found: list[float] = page.evaluate(STRETCH)
    return found


def moved(page: Page, start: list[float], end: list[float]) -> tuple[list[float], list[float]]:
    """The stretch before and after a movement of the fingers."""
    before: Any = stretch(page)
    Fingers(page).move(start, end)
    page.wait_for_function(MOVED, arg=int(before[0]))
    return before, stretch(page)


def test_tap_sets_the_cursor_and_a_finger_that_scrolls_leaves_it(trend: Page) -> None:
    Fingers(trend).tap(0.5)
    trend.wait_for_function("() => document.querySelector('[data-hair]').getAttribute('x1').endsWith('%')")
    cursor, before = trend.evaluate(CURSOR), stretch(trend)
    Fingers(trend).move([0.5], [0.5], up=160)
    trend.wait_for_function("() => scrollY > 50")
    assert trend.evaluate(CURSOR) == cursor
    assert stretch(trend)[1] - stretch(trend)[0] == before[1] - before[0]
    trend.evaluate("scrollTo(0, 0)")


def test_drag_moves_the_time_by_as_much_as_the_finger_went(trend: Page) -> None:
    before, after = moved(trend, [0.3], [0.7])
    length = before[1] - before[0]
    assert after[1] - after[0] == pytest.approx(length, rel=0.02)
    assert before[0] - after[0] == pytest.approx(0.4 * length, rel=0.05)


def test_fingers_that_part_show_less_and_what_was_between_them_stays(trend: Page) -> None:
    before, after = moved(trend, [0.4, 0.6], [0.1, 0.9])
    assert after[1] - after[0] == pytest.approx((before[1] - before[0]) / 4, rel=0.05)
    assert sum(after) / 2 == pytest.approx(sum(before) / 2, abs=HOUR / 10)


def test_fingers_that_meet_show_more(trend: Page) -> None:
    before, after = moved(trend, [0.1, 0.9], [0.4, 0.6])
    assert after[1] - after[0] == pytest.approx(4 * (before[1] - before[0]), rel=0.05)


def test_fingers_that_cross_turn_nothing_round(trend: Page) -> None:
    before = stretch(trend)
    Fingers(trend).move([0.4, 0.6], [0.6, 0.4])
    trend.wait_for_function(MOVED, arg=int(before[0]))
    after = stretch(trend)
    assert after[1] - after[0] > before[1] - before[0]
