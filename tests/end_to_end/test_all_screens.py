"""Every screen of the demo, as the people who may see it, against the numbers of the display rules.

What the pages of all day are held to beyond this stands in test_screens.py, test_alarm_pages.py, test_controls.py and
test_display_rules.py. Targets and widths are measured on every screen; axe and the colours in one theme a screen, in
turn, so that each theme is seen on a third of them. On every screen of those who see alarms strip and banner are live.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.end_to_end.test_display_rules import JUMPING, MOVING, NAMELESS, NEAR, SMALL
from tests.hmi.screens.pixels import saturation
from tests.support.demo import Demo, wait_for
from tests.support.phone import PHONE, sign_in, violations_of
from tests.support.screens import NOBODY, OPERATOR, SCREENS, SITE, SUPERVISOR, VIEWER, Screen

THEMES = ("light", "night", "sun")
WIDTHS = (390, 320, 1024)
AXE = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
}
# Seen by axe in all three themes by the tests of their own files.
AXED = {
    "start", "overview", "tank", "pump", "trends", "setpoint",
    "alarms", "alarms-by-unit", "alarm", "alarm-review", "alarm-journal", "alarm-figures", "alarms-shelved",
}  # fmt: skip
TALL = PHONE | {"height": 3000}  # axe takes for too small what happens to lie under the bar at the foot
# What acknowledges, writes, sends or shelves: 64 px.
ACTS = """() => [...document.querySelectorAll('.act, .alarm-ack, .control-go, .control-way, .shift-sign, .note-send')]
  .filter((e) => e.checkVisibility()).map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
  .filter(([, box]) => box.height < 63.5 || box.width < 63.5).map(([html, box]) => [html, box.width, box.height])"""
OVER = "Math.max(0, document.documentElement.scrollWidth - innerWidth)"
WIDE = """() => [...document.querySelectorAll('body *')]
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5).slice(0, 3).map((e) => e.outerHTML.slice(0, 90))"""
# A row of an alarm whose styles did not come runs on like text, and says of every alarm that it may have changed.
LOOSE = """() => [...document.querySelectorAll('.alarm:not(.is-stale) .alarm-stale')]
  .filter((e) => !e.closest('.is-stale') && e.checkVisibility()).map((e) => e.outerHTML.slice(0, 90))"""
# Alarms and the focus ring are what may have colour: without them a screen has none.
PLAIN = """() => { document.activeElement?.blur();
  for (const e of document.querySelectorAll('.badge, .prio, .count-alarm')) e.style.visibility = 'hidden'; }"""

SEE_ALARMS = {OPERATOR, SUPERVISOR, VIEWER}
ERROR_PAGES = {"not-found"}  # of the web app itself, about nothing


class People:
    """One page for each person, signed in when first asked for."""

    def __init__(self, browser: Browser, demo: Demo) -> None:
        self._browser, self._demo = browser, demo
        self._pages: dict[str, Page] = {}

    def page_of(self, person: str) -> Page:
        if person not in self._pages:
            context = self._browser.new_context(viewport=PHONE, has_touch=True)
            self._pages[person] = context.new_page()
            if person != NOBODY:
                sign_in(self._pages[person], self._demo, person)
        return self._pages[person]

    def close(self) -> None:
        for page in self._pages.values():
            page.context.close()


@pytest.fixture(scope="module")
def people(browser: Browser, demo: Demo) -> Iterator[People]:
    opened = People(browser, demo)
    yield opened
    opened.close()


def open_screen(page: Page, demo: Demo, screen: Screen, theme: str) -> None:
    cookies = {"theme": theme, "hands": "bare", "list-look": "tiles" if screen.tiles else "rows"}
    page.context.add_cookies([{"name": name, "value": value, "url": demo.url} for name, value in cookies.items()])
    page.set_viewport_size(PHONE)
    answer = page.goto(demo.url + screen.path)
    assert answer is not None
    assert answer.status == screen.status
    if screen.steps is not None:
        screen.steps(page)
    if screen.name == "offline":  # which no server draws: it has the look that this phone remembers
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    assert page.evaluate("document.documentElement.dataset.theme") == theme


@pytest.fixture(scope="module")
def overview(browser: Browser, demo: Demo) -> Iterator[Page]:
    """The overview of the site, open all the while: its banner is what every other one is held to."""
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    sign_in(page, demo, OPERATOR)
    page.goto(demo.url + SITE)
    yield page
    context.close()


def banner_text(page: Page) -> str:
    """What a banner that is the present says; empty while it is none."""
    found = page.locator("#alarm-banner:not(.is-stale) .alarm-banner-link")
    return str(found.inner_text()) if found.count() == 1 and found.is_visible() else ""


def follow(page: Page, overview: Page, screen: Screen) -> None:
    """Wait until strip and banner are live, and show the alarm that waits at the site."""
    wait_for(
        lambda: re.match(r"Phone \d\ss", page.locator("#age-phone").inner_text()), f"the phone's age: {screen.name}"
    )
    if page.evaluate("document.body.dataset.place"):
        wait_for(lambda: page.locator("#age-link").inner_text() == "Link <3\xa0s", f"the link's age: {screen.name}")
    wait_for(lambda: banner_text(page) and banner_text(page) == banner_text(overview), f"the banner: {screen.name}")


def measure(page: Page, *, with_axe: bool) -> dict[str, Any]:
    """What breaks a rule, by the rule."""
    found: dict[str, Any] = {
        "small": page.evaluate(SMALL, 48),
        "small acts": page.evaluate(ACTS),
        "jumping": page.evaluate(JUMPING),
        "nameless": page.evaluate(NAMELESS),
        "alarms without styles": page.evaluate(LOOSE),
    }
    moving = page.evaluate(MOVING)
    if moving:  # only what nobody acknowledged, and that at most twice a second
        found["moving"] = [each for each in moving if not each[1] or each[2] < 500]
        page.emulate_media(reduced_motion="reduce")
        found["moving though reduced"] = page.evaluate(MOVING)
        page.emulate_media(reduced_motion="no-preference")
    for width in WIDTHS:
        if width != PHONE["width"]:
            page.set_viewport_size({"width": width, "height": 800})
        found[f"wide at {width}"] = page.evaluate(OVER) and page.evaluate(WIDE)
    page.set_viewport_size(TALL if with_axe else PHONE)
    if with_axe:
        violations = violations_of(page, AXE)
        found["axe"] = [(each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in violations]
        page.set_viewport_size(PHONE)
    page.evaluate("document.documentElement.dataset.hands = 'gloves'")
    found["small for gloves"] = page.evaluate(SMALL, 96)
    found["near for gloves"] = page.evaluate(NEAR, 16)
    found["wide for gloves"] = page.evaluate(OVER) and page.evaluate(WIDE)
    page.evaluate("document.documentElement.dataset.hands = 'bare'")
    page.evaluate(PLAIN)
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    colours = picture.getcolors(picture.width * picture.height) or []
    found["colours"] = [colour for _, colour in colours if saturation(colour) > 0.40]
    return found


@pytest.mark.parametrize("number", range(len(SCREENS)), ids=[screen.name for screen in SCREENS])
def test_screen_keeps_the_display_rules(people: People, demo: Demo, overview: Page, number: int) -> None:
    screen, theme = SCREENS[number], THEMES[number % len(THEMES)]
    page = people.page_of(screen.person)
    open_screen(page, demo, screen, theme)
    if screen.person in SEE_ALARMS and screen.name not in ERROR_PAGES:
        follow(page, overview, screen)
    else:
        assert page.locator("#alarm-banner").count() == 0
    found = measure(page, with_axe=screen.name not in AXED)
    assert {rule: broken for rule, broken in found.items() if broken} == {}
