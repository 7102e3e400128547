"""The screens of the demo that only exist once somebody has done something, and the steps that do it, in this order.

A list, a note, a hand-over, a shelved alarm, a setpoint that is changed, the shift supervisor's second factor: for
pictures, not for the tests that share one demo.
"""

from __future__ import annotations

import base64
import hmac
import re
import time
from pathlib import Path

from playwright.sync_api import Page

from tests.support.frozen import frozen_in_the_middle
from tests.support.screens import ADMIN, OPERATOR, SETPOINT, SITE, SUPERVISOR, Screen, Steps, first_of

secrets: dict[str, str] = {}
TRIES = 3


def code(role: str, step: int) -> str:
    """What the person's authenticator app shows now, or ``step`` half minutes later (RFC 6238)."""
    key = base64.b32decode(secrets[role])
    digest = hmac.digest(key, (int(time.time()) // 30 + step).to_bytes(8, "big"), "sha1")
    number = int.from_bytes(digest[digest[-1] & 15 :][:4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def press(name: str) -> Steps:
    def steps(page: Page) -> None:
        page.get_by_role("button", name=re.compile(name)).first.click()
        page.wait_for_load_state()

    return steps


def star(page: Page) -> None:
    for asset in ("tanks/TK-101", "tanks/TK-107", "units/P-101"):
        page.goto(re.sub(r"/sites/demo/.*", f"{SITE}{asset}/", page.url))
        page.locator(".asset-star button").click()
        page.wait_for_selector(".asset-star button[aria-pressed=true]")
    page.goto(re.sub(r"/sites/demo/.*", "/", page.url))


def make_list(page: Page) -> None:
    page.fill("#name", "Night round")
    page.get_by_role("button", name="Make the list").click()
    page.wait_for_url("**/lists/*-*/**")


def fill_list(page: Page) -> None:
    make_list(page)
    edit = page.url.rstrip("/").removesuffix("/edit") + "/edit/"
    page.goto(edit)
    for _ in range(3):
        with page.expect_response("**/change/"):
            page.locator("#more ~ ul button").first.click()
        page.wait_for_timeout(300)
    page.goto(edit.removesuffix("edit/"))


def leave_note(page: Page) -> None:
    page.fill("#text", "Valve 3 drips by about a drop a second. Mechanic is told, tray stands below it.")
    page.get_by_role("button", name="Save the note").click()
    page.wait_for_load_state()


def draft(page: Page) -> None:
    press("Collect the events")(page)
    page.wait_for_url(re.compile("/shifts/.*-"))


def acknowledge(page: Page) -> None:
    page.locator("[data-alarm].is-waiting a").first.click()
    page.wait_for_url("**/alarms/*/**")
    page.locator("form[action$='/acknowledge/'] .act").click()
    page.locator("#alarm-outcome [data-next-nonce]").wait_for(state="attached")  # the answer came


def shelve(page: Page) -> None:
    page.locator("[data-alarm] a").last.click()
    page.wait_for_url("**/alarms/*/**")
    page.locator("summary", has_text="Shelve").click()
    page.fill("#reason", "Float sticks, fitter is on the way")
    page.locator("form:has(#reason) .act").click()
    page.locator("#alarm-outcome [data-next-nonce]").wait_for(state="attached")  # the answer came
    page.goto(re.sub(r"/alarms/.*", "/alarms/shelved/", page.url))
    page.get_by_text("Float sticks").first.wait_for()


def set_up(page: Page) -> None:
    secrets[SUPERVISOR] = page.locator("code.secret").inner_text().replace(" ", "")
    page.fill("input[name=code]", code(SUPERVISOR, 0))
    page.get_by_role("button", name="Done").click()
    page.wait_for_load_state()


def ask(page: Page) -> None:
    shown = page.locator('[data-tag="P-101.setpoint"]').first.inner_text()
    page.fill("#value", str(float(shown) + (5 if float(shown) < 100 else -5)))
    page.fill("#why", "As agreed with the ship")
    page.wait_for_selector("button[data-closes-with]:not([disabled])")
    page.get_by_role("button", name=re.compile("^Next")).click()
    page.wait_for_url("**/setpoints/change/**")


def confirm(page: Page) -> None:
    ask(page)
    way = page.get_by_role("link", name="Confirm it is you")
    if way.count():
        way.click()
        page.fill("input[name=code]", code(SUPERVISOR, 1))
        page.get_by_role("button", name="Confirm", exact=True).click()
        page.wait_for_url("**/setpoints/change/**")
    page.wait_for_selector("[data-hold]:not([disabled])")


def sure(page: Page) -> None:
    confirm(page)
    page.goto(page.url + "send/")


def send(page: Page) -> None:
    sure(page)
    page.wait_for_selector(".control-go:not([disabled])")
    page.locator(".control-go").click()
    page.wait_for_selector("[data-outcome]:not([data-outcome=sending])", timeout=20_000)


def send_to_nobody(page: Page) -> None:
    """The agent stands still from the moment of sending until the web app has stopped asking: nobody knows then."""
    for _ in range(TRIES):  # an agent that was quicker has answered
        sure(page)
        page.wait_for_selector(".control-go:not([disabled])")
        go = page.locator(".control-go")
        with frozen_in_the_middle(Path(secrets["demo"]), lambda go=go: go.click(no_wait_after=True)):
            page.wait_for_selector("[data-outcome]:not([data-outcome=sending])", timeout=120_000)
        if page.locator("[data-outcome=unknown]").count():
            break
        page.goto(re.sub(r"/sites/demo/.*", SETPOINT, page.url))
    page.wait_for_selector("[data-outcome=unknown] button")
    page.wait_for_selector("[data-tag='P-101.setpoint']:not([data-stale])", timeout=60_000)


def second_factor(page: Page) -> None:
    """As somebody who gave the password and is asked for the code."""
    page.context.clear_cookies()
    page.goto(re.sub(r"(//[^/]+)/.*", r"\1/sign-in/", page.url))
    page.fill("input[name=username]", SUPERVISOR.replace(" ", "-"))
    page.fill("input[name=password]", secrets["password"])
    page.click("button[type=submit]")
    page.wait_for_url("**/second-factor/**")


def both(one: Steps, other: Steps) -> Steps:
    def steps(page: Page) -> None:
        one(page)
        other(page)

    return steps


def onward(end: str) -> Steps:
    return lambda page: page.goto(page.url + end)


def site_labels(page: Page) -> None:
    page.locator("#result_list tbody a").first.click()
    page.wait_for_url("**/change/")
    page.goto(page.url.replace("/change/", "/labels/"))


def print_labels(page: Page) -> None:
    site_labels(page)
    page.fill("#assets", "TK-101 Gasoline 95\nTK-102\nP-101 Transfer pump")
    page.locator("#content input[type=submit]").click()
    page.wait_for_load_state()


LEAVING = (
    Screen("start-favourites", OPERATOR, SITE, star),
    Screen("favourites-some", OPERATOR, "/favourites/"),
    Screen("watch-list", OPERATOR, f"{SITE}lists/", fill_list),
    Screen("watch-list-edit", OPERATOR, f"{SITE}lists/", both(first_of(".watch-open"), onward("edit/"))),
    Screen("note-left", OPERATOR, f"{SITE}notes/assets/TK-101/", leave_note),
    Screen("hand-over-draft", OPERATOR, f"{SITE}shifts/new/", draft),
    Screen("hand-over-signed", OPERATOR, f"{SITE}shifts/", both(first_of(".shift-open"), press("Sign and hand over"))),
    Screen("hand-over-taking", SUPERVISOR, f"{SITE}shifts/", first_of(".shift-open")),
    Screen("hand-over-paper", SUPERVISOR, f"{SITE}shifts/", both(first_of(".shift-open"), onward("paper/"))),
    Screen("alarm-outcome", SUPERVISOR, f"{SITE}alarms/", acknowledge),
    Screen("alarms-shelved-one", SUPERVISOR, f"{SITE}alarms/", shelve),
    Screen("change-no-factor", SUPERVISOR, SETPOINT, ask),
    Screen("recovery-codes", SUPERVISOR, "/set-up/app/", set_up),
    Screen("change-confirm", SUPERVISOR, SETPOINT, confirm),
    Screen("change-sure", SUPERVISOR, SETPOINT, sure),
    Screen("change-outcome", SUPERVISOR, SETPOINT, send),
    Screen("change-unknown", SUPERVISOR, SETPOINT, send_to_nobody),
    Screen("actions-some", SUPERVISOR, f"{SITE}actions/"),
    Screen("command", SUPERVISOR, f"{SITE}units/P-101/", first_of("#controls a[href*='/commands/']")),
    Screen("pump-supervisor", SUPERVISOR, f"{SITE}units/P-101/"),
    Screen("labels", ADMIN, "/admin/sites/site/", site_labels),
    Screen("labels-print", ADMIN, "/admin/sites/site/", print_labels),
    Screen("second-factor", SUPERVISOR, "/", second_factor),
)  # fmt: skip
