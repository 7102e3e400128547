"""From the process server to the phone: the operator signs in, sees tanks that move, opens one, watches its level."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.support.demo import Demo, wait_for
from tests.support.phone import all_live, sign_in, tags


def open_overview(page: Page) -> None:
    page.click("a[href='/sites/demo/']")
    page.wait_for_url("**/sites/demo/")
    wait_for(lambda: all_live(page), "overview live")


def test_operator_sees_twelve_tanks_whose_numbers_move(operator: Page) -> None:
    open_overview(operator)
    levels = [each for each in tags(operator) if each["tag"].endswith(".level")]
    assert len({each["tag"] for each in levels}) >= 12
    assert all(each["text"] for each in levels)
    before = {each["tag"]: each["text"] for each in levels}

    def moved() -> bool:
        now = {each["tag"]: each["text"] for each in tags(operator)}
        return sum(now[tag] != text for tag, text in before.items()) >= 2

    wait_for(moved, "at least two levels move", within=15)


def test_operator_opens_a_moving_tank_and_watches_its_level_change(operator: Page, demo: Demo) -> None:
    open_overview(operator)
    before = {each["tag"]: each["text"] for each in tags(operator) if each["tag"].endswith(".level")}
    moving: list[str] = []

    def find_moving() -> bool:
        """Three millimetres: a tank that stands still may breathe by one."""
        now = {each["tag"]: each["text"] for each in tags(operator)}
        moving[:] = [tag for tag, text in before.items() if abs(float(now[tag]) - float(text)) > 0.0025]
        return bool(moving)

    wait_for(find_moving, "a tank moves", within=15)
    tank = moving[0].removesuffix(".level")
    operator.click(f"a[href='/sites/demo/tanks/{tank}/']")
    operator.wait_for_url(f"**/sites/demo/tanks/{tank}/")
    wait_for(lambda: all_live(operator), "tank page live")
    level = operator.locator(f"[data-tag='{moving[0]}']").first
    shown = level.text_content()
    wait_for(lambda: level.text_content() != shown, "the level on the tank page changes", within=15)


def test_pages_stand_before_they_are_live(demo: Demo, phone) -> None:
    """Server-rendered values are there with JavaScript switched off."""
    page = phone.browser.new_context(java_script_enabled=False).new_page()
    sign_in(page, demo, "viewer")
    page.goto(f"{demo.url}/sites/demo/")
    texts = page.locator("[data-tag$='.level']").all_text_contents()
    assert len(texts) >= 12
    assert sum(text.strip()[:1].isdigit() for text in texts) >= 12
    page.context.close()
