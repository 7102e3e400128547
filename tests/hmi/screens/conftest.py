"""A real browser and a real page server for the tests of the pages' scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.hmi.screens.page_server import PageServer
from tests.support.chromium import ARGUMENTS, ensure


# One browser a module: starting one takes longer than most tests. So these tests share their module's event loop.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    path = await asyncio.to_thread(ensure)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def server() -> AsyncIterator[PageServer]:
    async with PageServer() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A phone's page; whatever the browser complains about fails the test at the end."""
    context = await browser.new_context(viewport={"width": 390, "height": 844}, service_workers="block")
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: _note(complaints, message.text))
    yield page
    await context.close()
    assert complaints == []


def _note(complaints: list[str], text: str) -> None:
    if "Content Security Policy" in text or "Uncaught" in text:
        complaints.append(text)
