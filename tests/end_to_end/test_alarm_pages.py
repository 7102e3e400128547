"""Every page of alarms of the running demo in a browser: axe, targets, reflow, the ways between them, and the sound."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.end_to_end.test_screens import SMALL_TARGETS, SMALL_TEXT, THEMES, set_theme
from tests.support.demo import Demo, wait_for
from tests.support.phone import PHONE, sign_in, violations_of

LIST = "/sites/demo/alarms/"
PAGES = ["list", "unit", "detail", "review", "journal", "figures", "shelved"]
AXE = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}
CONNECTED = "!document.getElementById('alarm-banner').classList.contains('is-stale')"


@pytest.fixture(scope="module")
def phone(browser: Browser, demo: Demo) -> Iterator[Page]:
    """A shift supervisor's: sees every form. TK-107 stands above its high limit in every demo."""
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.violations = []
    page.on("console", lambda message: message.type == "error" and page.violations.append(message.text))
    page.on("pageerror", lambda error: page.violations.append(str(error)))
    sign_in(page, demo, "shift supervisor")
    page.goto(demo.url + LIST)
    page.locator("[data-alarm]").first.wait_for()
    page.alarm = page.locator("[data-alarm]").first.get_attribute("data-alarm")
    yield page
    context.close()


def go(page: Page, demo: Demo, name: str) -> None:
    address = {"list": "", "unit": "?view=unit", "detail": f"{page.alarm}/", "review": f"review/?pick={page.alarm}"}
    page.goto(demo.url + LIST + address.get(name, f"{name}/"))
    wait_for(lambda: page.evaluate(CONNECTED), f"{name} is live", within=20)


@pytest.mark.parametrize("name", PAGES)
def test_alarm_page_has_no_accessibility_violation_and_keeps_the_numbers(phone: Page, demo: Demo, name: str) -> None:
    phone.set_viewport_size(PHONE)
    for theme in THEMES:
        set_theme(phone, demo, theme)
        go(phone, demo, name)
        found = violations_of(phone, AXE)
        assert [(each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in found] == [], theme
    assert phone.evaluate(SMALL_TARGETS) == []
    assert phone.evaluate(SMALL_TEXT) == []
    for width in (320, 390, 1024):
        phone.set_viewport_size({"width": width, "height": 800})
        assert phone.evaluate("document.documentElement.scrollWidth") <= width


def test_touch_wakes_the_sound_silence_is_remembered_and_acknowledges_nothing(phone: Page, demo: Demo) -> None:
    phone.set_viewport_size(PHONE)
    go(phone, demo, "list")
    waiting = phone.locator("[data-alarm].is-waiting").count()
    bell = phone.locator("[data-sound]")
    if bell.inner_text() == "Tap for sound":
        bell.click()
    wait_for(lambda: bell.inner_text() == "Silence", "it sounds")
    bell.click()
    assert bell.inner_text() == "Silenced" and phone.locator("[data-alarm].is-waiting").count() == waiting
    go(phone, demo, "journal")
    wait_for(lambda: bell.inner_text() in {"Silenced", "Tap for sound"}, "another page of the site is silent as well")
    bell.click()
    wait_for(lambda: bell.inner_text() == "Silence", "a second touch lets it sound again, and never turns it off")


def test_alarm_pages_asked_for_nothing_that_is_forbidden(phone: Page, demo: Demo) -> None:
    for name in PAGES:
        go(phone, demo, name)
    assert [text for text in phone.violations if "Content Security Policy" in text or "Error" in text] == []
