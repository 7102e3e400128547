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
    phone.wait_for_selector("#strip-link[data-state=live]")
    wait_for(lambda: bell.inner_text() in {"Silenced", "Tap for sound"}, "another page of the site is silent as well")
    bell.click()
    wait_for(lambda: bell.inner_text() == "Silence", "a second touch lets it sound again, and never turns it off")


def shelve(page: Page) -> None:
    page.locator("summary", has_text="Shelve").click()
    page.fill("#reason", "Float sticks, fitter is on the way")
    page.locator("form:has(#reason) .act").click()


def test_own_act_is_told_as_done_and_only_a_change_by_others_shuts_the_page(phone: Page, demo: Demo) -> None:
    phone.set_viewport_size(PHONE)
    go(phone, demo, "list")
    phone.locator("[data-alarm] a", has_text="TK-204").first.click()
    phone.wait_for_url("**/alarms/*/**")
    address, changed = phone.url, phone.locator("#alarm-changed")
    other = phone.context.new_page()
    try:
        wait_for(phone.locator("#alarm-forms fieldset").first.is_enabled, "the forms are open", within=20)
        shelve(phone)
        phone.get_by_text("It is shelved now.").wait_for()
        back = phone.get_by_role("button", name="Bring it back")
        wait_for(back.is_enabled, "the forms are drawn anew and open")
        assert not changed.is_visible()
        assert phone.locator(".alarm-shelving", has_text="Float sticks").is_visible()

        other.goto(demo.url + LIST + "shelved/")
        row = other.locator("#alarm-shelved li", has_text="TK-204")
        assert all(text in row.inner_text() for text in ("Shelved until", "Float sticks", "shift-supervisor"))
        other.goto(address)
        theirs = other.get_by_role("button", name="Bring it back")
        wait_for(theirs.is_enabled, "their forms are open", within=20)
        theirs.click()
        other.get_by_text("It is back from the shelf now.").wait_for()

        changed.wait_for(state="visible")
        assert not back.is_enabled()
    finally:
        other.close()


def test_gloves_leave_two_ways_and_a_menu_at_the_foot(phone: Page, demo: Demo) -> None:
    phone.set_viewport_size(PHONE)
    phone.context.add_cookies([{"name": "hands", "value": "gloves", "url": demo.url}])
    try:
        go(phone, demo, "list")
        shown = [each for each in phone.locator("#page-tools > *").all() if each.is_visible()]
        boxes = [each.bounding_box() for each in shown]
        assert len(boxes) == 3
        assert len({round(box["y"]) for box in boxes if box}) == 1
        phone.locator(".tool-gloved summary").click()
        for name in ("Journal", "Figures"):
            way = phone.locator(".tool-gloved").get_by_role("link", name=name)
            box = way.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 95.5
    finally:
        phone.context.add_cookies([{"name": "hands", "value": "bare", "url": demo.url}])


def test_alarm_pages_asked_for_nothing_that_is_forbidden(phone: Page, demo: Demo) -> None:
    for name in PAGES:
        go(phone, demo, name)
    assert [text for text in phone.violations if "Content Security Policy" in text or "Error" in text] == []
