"""From the start page of the demo: every tag in three taps or fewer, and a starred tank that stays true."""

from __future__ import annotations

import tomllib
from typing import Any

from playwright.sync_api import Page

from hmi import demo as demo_package
from tests.support.demo import Demo, wait_for

FARM = demo_package.__path__[0] + "/tank_farm.toml"
SHOWN = "elements => elements.filter((each) => each.checkVisibility()).map((each) => each.dataset.tag)"


def tags_of_the_demo() -> dict[str, set[str]]:
    """By asset, as the demo's site is configured: not as any page shows it."""
    with open(FARM, "rb") as file:  # noqa: PTH123 - the package's own path is a string
        farm: dict[str, Any] = tomllib.load(file)
    found: dict[str, set[str]] = {}
    for asset in [*farm.get("tank", []), *farm.get("pump", []), *farm.get("unit", [])]:
        found[asset["id"]] = {f"{asset['id']}.{word}" for word in asset.get("map", {})}
    for tag in farm.get("tag", []):
        found.setdefault(tag.get("asset", ""), set()).add(tag["id"])
    return found


def test_every_tag_is_three_taps_away(operator: Page, demo: Demo) -> None:
    wanted = tags_of_the_demo()
    assert sum(map(len, wanted.values())) > 200
    operator.tap(".site-link")  # the first tap
    operator.wait_for_url("**/sites/demo/")
    rows = operator.locator("[data-asset]")
    links = {
        row.get_attribute("data-asset"): row.locator("a[href*='/sites/demo/']").first.get_attribute("href")
        for row in rows.all()
        if row.locator("a[href*='/sites/demo/']").count()
    }
    assert links.keys() >= wanted.keys()
    first = operator.locator(f"[href='{links['TK-101']}']").first
    first.scroll_into_view_if_needed()
    first.tap()  # the second: the address is that of the link, so the others are opened by it
    operator.wait_for_url(f"**{links['TK-101']}")
    missing: dict[str, set[str]] = {}
    for asset, tags in wanted.items():
        operator.goto(demo.url + str(links[asset]))
        seen = set(operator.locator("[data-tag]").evaluate_all(SHOWN))
        for summary in operator.locator("main summary:visible").all() if not tags <= seen else ():
            summary.tap()  # the third, of each that may be opened
            seen |= set(operator.locator("[data-tag]").evaluate_all(SHOWN))
        if tags - seen:
            missing[asset] = tags - seen
    assert missing == {}


def test_a_starred_tank_shows_on_the_start_page_what_its_own_page_shows(operator: Page, demo: Demo) -> None:
    operator.goto(f"{demo.url}/sites/demo/tanks/TK-102/")
    star = operator.locator(".asset-star button")
    star.tap()
    operator.wait_for_selector(".asset-star button[aria-pressed=true]")
    try:
        operator.goto(f"{demo.url}/")
        value = operator.locator('.fav [data-tag="TK-102.level"]')
        wait_for(
            lambda: value.get_attribute("data-stale") is None and value.get_attribute("data-t"), "fresh", within=20
        )
        operator.locator(".fav-link").tap()
        operator.wait_for_url("**/tanks/TK-102/")
        operator.goto(f"{demo.url}/")
        assert operator.locator(".recent").first.inner_text().startswith("TK-102")
    finally:
        operator.goto(f"{demo.url}/favourites/")
        operator.locator(".arrange-remove").tap()
        wait_for(lambda: operator.locator(".arrange-remove").count() == 0, "taken off the start page", within=10)


def test_typing_finds_and_enter_opens(operator: Page, demo: Demo) -> None:
    operator.fill("#find", "tk-104 lev")
    operator.wait_for_selector("#found .hit")
    assert "TK-104.level" in operator.locator("#found").inner_text()
    operator.fill("#find", "demo TK-104.level")
    operator.press("#find", "Enter")
    operator.wait_for_url("**/tanks/TK-104/")
