"""Every screen of the demo as tests and pictures visit it: its name, who may see it, and how one gets there.

A new page gets a line here; the walk over all of them is tests/end_to_end/test_all_screens.py, the pictures are made by
tests/support/photograph.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

SITE = "/sites/demo/"
TREND = f"{SITE}trends/?tags=TK-101.level,TK-102.level,P-101.flow,P-101.run&span=1h"
SETPOINT = f"{SITE}setpoints/P-101.setpoint/"
NOBODY = ""

Steps = Callable[[Page], object]


@dataclass(frozen=True)
class Screen:
    """``person`` is a role, or nobody. ``steps`` lead on from ``path``; ``tiles`` sets the list's cookie."""

    name: str
    person: str
    path: str
    steps: Steps | None = None
    status: int = 200
    tiles: bool = False


def first_alarm(page: Page) -> None:
    page.locator("[data-alarm] a").first.click()
    page.wait_for_url("**/alarms/*/**")


def review(page: Page) -> None:
    picked = page.locator("[data-alarm]").first.get_attribute("data-alarm")
    page.goto(re.sub(r"/alarms/.*", f"/alarms/review/?pick={picked}", page.url))


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true; })")


def open_menu(page: Page) -> None:
    page.locator("footer details.menu summary").first.click()


def first_of(selector: str) -> Steps:
    def follow(page: Page) -> None:
        page.locator(selector).first.click()
        page.wait_for_load_state()

    return follow


OPERATOR, SUPERVISOR, VIEWER, AUDITOR, ADMIN = (
    "field operator", "shift supervisor", "viewer", "auditor", "superuser",
)  # fmt: skip

SCREENS = (
    Screen("sign-in", NOBODY, "/sign-in/"),
    Screen("offline", NOBODY, "/offline/"),
    Screen("start", OPERATOR, "/"),
    Screen("search", OPERATOR, "/search/?q=TK-10"),
    Screen("favourites", OPERATOR, "/favourites/"),
    Screen("choose-tags", OPERATOR, "/favourites/demo/TK-101/"),
    Screen("overview", OPERATOR, SITE),
    Screen("overview-tiles", OPERATOR, SITE, tiles=True),
    Screen("overview-abnormal", OPERATOR, f"{SITE}?order=abnormal"),
    Screen("overview-menu", OPERATOR, SITE, open_menu),
    Screen("tank", OPERATOR, f"{SITE}tanks/TK-101/"),
    Screen("tank-high", OPERATOR, f"{SITE}tanks/TK-107/"),
    Screen("pump", OPERATOR, f"{SITE}units/P-101/"),
    Screen("trends", OPERATOR, TREND),
    Screen("trends-choose", OPERATOR, f"{SITE}trends/"),
    Screen("alarms", SUPERVISOR, f"{SITE}alarms/"),
    Screen("alarms-by-unit", OPERATOR, f"{SITE}alarms/?view=unit"),
    Screen("alarm", SUPERVISOR, f"{SITE}alarms/", first_alarm),
    Screen("alarm-review", SUPERVISOR, f"{SITE}alarms/", review),
    Screen("alarms-shelved", SUPERVISOR, f"{SITE}alarms/shelved/"),
    Screen("alarm-journal", OPERATOR, f"{SITE}alarms/journal/"),
    Screen("alarm-figures", OPERATOR, f"{SITE}alarms/figures/"),
    Screen("setpoint", SUPERVISOR, SETPOINT),
    Screen("setpoint-denied", VIEWER, SETPOINT, status=403),
    Screen("actions", OPERATOR, f"{SITE}actions/"),
    Screen("watch-lists", OPERATOR, f"{SITE}lists/"),
    Screen("watch-add", OPERATOR, f"{SITE}lists/add/?asset=TK-101"),
    Screen("notes-site", OPERATOR, f"{SITE}notes/"),
    Screen("notes", OPERATOR, f"{SITE}notes/assets/TK-101/"),
    Screen("notes-viewer", VIEWER, f"{SITE}notes/assets/TK-101/"),
    Screen("hand-overs", OPERATOR, f"{SITE}shifts/"),
    Screen("hand-over-new", OPERATOR, f"{SITE}shifts/new/"),
    Screen("access", OPERATOR, "/account/access/", open_all),
    Screen("ask-for-access", VIEWER, "/account/access/ask/?site=demo"),
    Screen("sign-ins", OPERATOR, "/account/sign-ins/"),
    Screen("password", OPERATOR, "/account/password/"),
    Screen("preferences", OPERATOR, "/account/preferences/"),
    Screen("factors", OPERATOR, "/account/factors/"),
    Screen("connections", OPERATOR, "/oauth/"),
    Screen("device", OPERATOR, "/oauth/device/"),
    Screen("set-up", OPERATOR, "/set-up/"),
    Screen("set-up-app", OPERATOR, "/set-up/app/"),
    Screen("confirm", OPERATOR, "/confirm/"),
    Screen("not-found", OPERATOR, "/sites/nowhere/", status=404),
    Screen("link-only", AUDITOR, SITE),
    Screen("trail", AUDITOR, "/audit/"),
    Screen("tank-viewer", VIEWER, f"{SITE}tanks/TK-107/"),
)  # fmt: skip
