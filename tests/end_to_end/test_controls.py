"""A whole change at the plant in a browser: dialog, second factor, holding the button, read-back; axe on each page."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.test_screens import SMALL_TARGETS, THEMES
from tests.support.demo import Demo
from tests.support.phone import PHONE, sign_in, tags, violations_of

pytestmark = pytest.mark.end_to_end
UNIT = "/sites/demo/units/P-101/"
SETPOINT = "/sites/demo/setpoints/P-101.setpoint/"
TREND = "/sites/demo/trends/?tags=TK-101.level,TK-102.level,P-101.flow,P-101.run&span=1h"
AXE = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}
TALL = PHONE | {"height": 3000}  # axe takes for too small what happens to lie under the bar at the foot
LETS_IN = 150.0  # seconds after which an agent that was just started takes changes at the latest
OUTCOME = "[data-outcome]:not([data-outcome=sending])"


@pytest.fixture(scope="module")
def supervisor(browser: Browser, demo: Demo) -> Iterator[Page]:
    """The shift supervisor, who has no second factor yet."""
    context = browser.new_context(viewport=PHONE, has_touch=True)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    sign_in(page, demo, "shift supervisor")
    yield page
    context.close()


def code_of(secret: str, step: int) -> str:
    """What the authenticator app shows now, or ``step`` half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


def set_up_app(page: Page, demo: Demo) -> str:
    """Answers its secret. The code of this half minute is used up by it."""
    page.goto(f"{demo.url}/set-up/")
    page.get_by_role("link", name="Use an authenticator app").click()
    secret = page.locator("code.secret").inner_text().replace(" ", "")
    page.fill("input[name=code]", code_of(secret, 0))
    page.get_by_role("button", name="Done").click()
    expect(page.locator("ol.codes")).to_be_visible()
    return secret


def check(page: Page, what: str) -> None:
    """No violation in any theme, and nothing too small for a thumb."""
    page.set_viewport_size(TALL)
    for theme in THEMES:
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        found = violations_of(page, AXE)
        told = [(each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in found]
        assert told == [], (what, theme)
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    assert page.evaluate(SMALL_TARGETS) == [], what
    page.set_viewport_size(PHONE)


def ask(page: Page, demo: Demo, value: str) -> None:
    """From the page of the pump through the dialog to the page on which it is confirmed."""
    page.goto(demo.url + UNIT)
    page.get_by_role("link", name="Change Setpoint").click()
    page.fill("#value", value)
    page.fill("#why", "end-to-end test")
    page.wait_for_selector("button[data-closes-with]:not([disabled])")
    page.get_by_role("button", name=re.compile("^Next")).click()
    page.wait_for_url("**/setpoints/change/**")


def hold(page: Page) -> None:
    page.wait_for_selector("[data-hold]:not([disabled])")
    button = page.locator("[data-hold]")
    button.scroll_into_view_if_needed()
    button.hover()
    page.mouse.down()
    with page.expect_navigation():
        pass
    page.mouse.up()


def send(page: Page, demo: Demo, value: str) -> None:
    """Hold, and wait for the outcome. A site that was just started says for a while that it lets nothing in."""
    until = time.monotonic() + LETS_IN
    hold(page)
    page.wait_for_selector(OUTCOME, timeout=20_000)
    while "lets no change in just now" in page.locator(OUTCOME).inner_text():
        assert page.locator(OUTCOME).get_attribute("data-outcome") == "refused" and time.monotonic() < until
        page.wait_for_timeout(3000)
        ask(page, demo, value)
        hold(page)
        page.wait_for_selector(OUTCOME, timeout=20_000)


def shown(page: Page, tag: str) -> str:
    return next(each["text"] for each in tags(page) if each["tag"] == tag)


def test_setpoint_is_changed_and_read_back(supervisor: Page, demo: Demo) -> None:
    page = supervisor
    page.goto(demo.url + UNIT)
    before = float(shown(page, "P-101.setpoint"))
    wished = before + 5 if before < 100 else before - 5  # within the limits and the greatest step
    page.goto(demo.url + SETPOINT)
    check(page, "dialog")
    ask(page, demo, f"{wished}")
    expect(page.get_by_text("You have no second factor yet.")).to_be_visible()
    assert page.locator("[data-hold]").count() == 0
    check(page, "no second factor yet")
    change = page.url

    secret = set_up_app(page, demo)
    page.goto(change)
    page.get_by_role("link", name="Confirm it is you").click()
    page.fill("input[name=code]", code_of(secret, 1))  # a phone's clock may be half a minute ahead
    page.get_by_role("button", name="Confirm", exact=True).click()
    page.wait_for_url(change)
    check(page, "confirm")
    assert float(shown(page, "P-101.setpoint")) == before, "nothing was sent by looking"
    page.goto(f"{change}send/")
    check(page, "second page")
    page.goto(change)
    send(page, demo, f"{wished}")
    change = page.url
    assert page.locator(OUTCOME).get_attribute("data-outcome") == "done"
    expect(page.locator(OUTCOME)).to_contain_text(f"read back {wished:.1f}")
    expect(page.locator('[data-tag="P-101.setpoint"]')).to_have_text(f"{wished:.1f}")
    check(page, "outcome")

    # The same address, a reload, a second sending: it stays the one change that it was.
    page.goto(f"{change}send/")
    assert page.url == change and page.locator(OUTCOME).get_attribute("data-outcome") == "done"
    page.goto(f"{demo.url}/sites/demo/actions/")
    expect(page.get_by_text("end-to-end test").first).to_be_visible()
    assert page.locator("#notices .notice").count() == 0, "nothing at the site has changed"
    check(page, "actions")
    assert page.complaints == []


def test_trend_has_no_accessibility_violation_and_moves(supervisor: Page, demo: Demo) -> None:
    page = supervisor
    page.goto(demo.url + TREND)
    page.wait_for_selector("#trend-cursor:not([hidden])")
    check(page, "trend")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    start = page.get_attribute("#trend", "data-start")
    plot = page.locator("[data-plot]").first.bounding_box()
    assert plot is not None
    x, y = plot["x"] + plot["width"] / 3, plot["y"] + plot["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y, steps=4)
    page.mouse.up()
    page.wait_for_function("start => document.getElementById('trend').dataset.start < start", arg=start)
    assert "from=" in page.url and "span=" not in page.url, "the address is that of what is shown"
    assert page.complaints == []
