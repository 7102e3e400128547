"""A phone in a test: a Chromium page at 390x844, signed in as one of the demo's people."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.demo import Demo

PHONE = {"width": 390, "height": 844}
TABLET = {"width": 1024, "height": 768}

# Every live element of the page as plain facts.
READ_TAGS = """() => [...document.querySelectorAll('[data-tag]')].map(e => ({
  tag: e.dataset.tag, text: e.textContent.trim(), t: Number(e.dataset.t || 0),
  quality: e.dataset.quality, stale: e.hasAttribute('data-stale'), source: e.dataset.source }))"""


def open_phone(browser: Browser, **options: object) -> BrowserContext:
    return browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2, **options)


def sign_in(page: Page, demo: Demo, role: str) -> None:
    username, password = demo.password(role)
    page.goto(f"{demo.url}/sign-in/")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url(f"{demo.url}/")


def tags(page: Page) -> list[dict]:
    return page.evaluate(READ_TAGS)


def all_live(page: Page) -> bool:
    """True when every live element is fresh."""
    seen = tags(page)
    return bool(seen) and not any(each["stale"] for each in seen)


def all_stale(page: Page) -> bool:
    seen = tags(page)
    return bool(seen) and all(each["stale"] for each in seen)


# What sticks to an edge covers whatever lies under it just then, and axe takes that for too small to touch.
UNSTICK = """() => {
  for (const each of document.querySelectorAll("body *")) {
    if (["sticky", "fixed"].includes(getComputedStyle(each).position)) each.style.position = "static";
  }
}"""
RESTICK = "() => { for (const each of document.querySelectorAll('[style]')) each.style.position = ''; }"


def violations_of(page: Page, options: dict[str, Any]) -> list[Any]:
    """What axe finds wrong with the page as a whole, wherever it is scrolled to."""
    page.evaluate(UNSTICK)
    try:
        found: list[Any] = Axe().run(page, options=options).response["violations"]
    finally:
        page.evaluate(RESTICK)
    return found
