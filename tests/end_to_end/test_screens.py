"""The running screens against docs/screens.md: targets, text, reflow, themes, contrast, strict CSP, installable."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.demo import Demo, wait_for
from tests.support.phone import PHONE, TABLET, all_live, sign_in, violations_of

PAGES = ["/", "/sites/demo/", "/sites/demo/tanks/TK-101/", "/sites/demo/units/P-101/"]
THEMES = ["light", "night", "sun"]

SMALL_TARGETS = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select, summary')]
  .filter(e => e.checkVisibility()).map(e => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
  .filter(([, box]) => box.width > 0 && (box.height < 47.5 || box.width < 47.5))
  .map(([html, box]) => [html, box.width, box.height])"""
SMALL_TEXT = """() => { const small = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !e.checkVisibility()) continue;
    if (e.closest('svg, .visually-hidden, noscript')) continue;
    const size = parseFloat(getComputedStyle(e).fontSize);
    if (size < 15.9) small.push([e.outerHTML.slice(0, 90), size]); }
  return small; }"""


@pytest.fixture(scope="module")
def signed_in(browser: Browser, demo: Demo) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.violations = []
    page.on("console", lambda message: message.type == "error" and page.violations.append(message.text))
    page.on("pageerror", lambda error: page.violations.append(str(error)))
    sign_in(page, demo, "field operator")
    yield page
    context.close()


def set_theme(page: Page, demo: Demo, theme: str) -> None:
    page.context.add_cookies([{"name": "theme", "value": theme, "url": demo.url}])


@pytest.mark.parametrize("path", PAGES)
def test_page_keeps_the_touch_and_text_numbers(signed_in: Page, demo: Demo, path: str) -> None:
    signed_in.set_viewport_size(PHONE)
    signed_in.goto(demo.url + path)
    assert signed_in.evaluate(SMALL_TARGETS) == []
    assert signed_in.evaluate(SMALL_TEXT) == []
    for element in signed_in.locator("[data-tag]").all()[:40]:
        if element.is_visible() and element.get_attribute("data-dec"):
            assert float(element.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")) >= 24


@pytest.mark.parametrize("width", [320, 390, 1024])
@pytest.mark.parametrize("path", PAGES)
def test_page_reflows(signed_in: Page, demo: Demo, path: str, width: int) -> None:
    signed_in.set_viewport_size({"width": width, "height": 800})
    signed_in.goto(demo.url + path)
    assert signed_in.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("path", PAGES)
def test_page_has_no_accessibility_violation(signed_in: Page, demo: Demo, path: str, theme: str) -> None:
    signed_in.set_viewport_size(PHONE)
    set_theme(signed_in, demo, theme)
    signed_in.goto(demo.url + path)
    if path != "/":
        wait_for(lambda: all_live(signed_in), "live", within=20)
    rules = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}
    found = [
        (each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in violations_of(signed_in, rules)
    ]
    assert found == []


def test_nothing_was_refused_by_the_content_security_policy(signed_in: Page, demo: Demo) -> None:
    for path in PAGES:
        for size in (PHONE, TABLET):
            signed_in.set_viewport_size(size)
            signed_in.goto(demo.url + path)
    assert [text for text in signed_in.violations if "Content Security Policy" in text or "Error" in text] == []


def test_it_installs(signed_in: Page, demo: Demo) -> None:
    """Chromium itself finds no reason against installing: manifest, icons and a service worker are right."""
    signed_in.goto(demo.url + "/")
    manifest = json.loads(signed_in.request.get(demo.url + "/manifest.webmanifest").text())
    assert manifest["display"] == "standalone"
    sizes = {icon["sizes"] for icon in manifest["icons"]}
    assert {"192x192", "512x512"} <= sizes
    for icon in manifest["icons"]:
        assert signed_in.request.get(demo.url + icon["src"]).status == 200
    session = signed_in.context.new_cdp_session(signed_in)
    wait_for(
        lambda: signed_in.evaluate("navigator.serviceWorker.getRegistration().then(r => !!(r && r.active))"),
        "service worker active",
        within=15,
    )
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # A test's browser profile is an incognito one, which Chromium names as the only reason left.
    assert {error["errorId"] for error in errors} <= {"in-incognito"}


def test_the_worker_caches_the_shell_and_no_page_with_data(signed_in: Page, demo: Demo) -> None:
    signed_in.goto(demo.url + "/sites/demo/")
    wait_for(lambda: all_live(signed_in), "live", within=20)
    cached = signed_in.evaluate(
        """async () => { const found = [];
          for (const name of await caches.keys()) for (const request of await (await caches.open(name)).keys())
            found.push(new URL(request.url).pathname);
          return found; }"""
    )
    assert cached
    shell = {"/offline/", "/offline/spoken"}  # the second is a word of the worker's own: in which language
    assert all(path.startswith("/static/") or path in shell for path in cached), cached
    stored = signed_in.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "TK-101" not in stored
