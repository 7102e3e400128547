"""The hold button and what closes it, in a browser: the page's own script over a page as the server draws it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.hmi.screens.page_server import PageServer
from tests.support.chromium import ARGUMENTS, ensure

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = """<!doctype html><html lang="en"><title>act</title><script type="module" src="/static/js/controls.js"></script>
<body data-words-closed="Closed while the value is not good or may be old.">
<span data-tag="P-101.sp" data-quality="good">60.0</span>
<form id="act" method="get" action="/sent/"></form>
<form method="get" action="/second-page/">
<button type="submit" data-hold="act" data-closes-with="P-101.sp">Hold</button></form>
<p id="hold-help" data-holding="Keep holding." data-sending="Sending."
data-let-go="Not sent: let go.">Keep it pressed.</p></body></html>"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=await asyncio.to_thread(ensure), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with PageServer() as server:
        server.pages["/"] = PAGE
        server.pages["/sent/"] = server.pages["/second-page/"] = "<!doctype html><title>there</title>"
        page = await browser.new_page()
        await page.goto(server.origin)
        await page.wait_for_selector("[data-hold][data-ready]")
        yield page
        await page.close()


async def press(page: Page) -> None:
    await page.hover("[data-hold]")
    await page.mouse.down()


async def test_hold_sends_and_a_tap_does_not(page: Page) -> None:
    await page.click("[data-hold]")
    assert page.url.endswith("/") and "second-page" not in page.url
    assert "Not sent" in await page.inner_text("#hold-help")
    await press(page)
    await page.wait_for_url("**/sent/**")


async def test_finger_that_slides_off_has_changed_its_mind(page: Page) -> None:
    await press(page)
    assert await page.get_attribute("[data-hold]", "class") == "is-held"
    await page.mouse.move(600, 500)
    assert "Not sent" in await page.inner_text("#hold-help")
    assert await page.get_attribute("[data-hold]", "class") == ""
    await page.mouse.up()


async def test_keyboard_goes_to_the_second_page(page: Page) -> None:
    await page.focus("[data-hold]")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/second-page/**")


@pytest.mark.parametrize("doubt", ["n.setAttribute('data-stale', '')", "n.dataset.quality = 'bad'"])
async def test_button_is_closed_while_the_value_is_doubtful(page: Page, doubt: str) -> None:
    await page.evaluate(f"() => {{ const n = document.querySelector('[data-tag]'); {doubt}; }}")
    await page.wait_for_selector("[data-hold][disabled]")
    assert "may be old" in await page.inner_text(".control-closed")
    await page.evaluate("() => { const n = document.querySelector('[data-tag]'); "
                        "n.removeAttribute('data-stale'); n.dataset.quality = 'good'; }")  # fmt: skip
    await page.wait_for_selector("[data-hold]:not([disabled])")
    assert await page.locator(".control-closed").count() == 0
