"""A new version in a real browser: it is offered while a page is open, and nothing reloads unless it is taken."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from django.utils import translation
from playwright.async_api import Browser, BrowserContext, expect

from hmi.screens import shell
from hmi.screens.keeping import NOBODY, Keeping
from tests.hmi.screens.page_server import PageServer, render_page

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = "/sign-in/"
STANDS = """() => navigator.serviceWorker.ready.then(({active}) => new Promise((done) => {
  const look = () => active.state === 'activated' && navigator.serviceWorker.controller ? done() : setTimeout(look, 20);
  look();
}))"""
UPDATE = "navigator.serviceWorker.getRegistration().then((registration) => registration.update()).then(() => true)"
SPOKEN = """async (wanted) => {
  for (;;) {
    const kept = await caches.match('/offline/spoken');
    if (kept && await kept.text() === wanted) return true;
    await new Promise(requestAnimationFrame);
  }
}"""


@pytest_asyncio.fixture(loop_scope="module")
async def app(browser: Browser, server: PageServer) -> AsyncIterator[BrowserContext]:
    """A browser that wishes for English, and the pages of the app as this version has them."""
    server.files["/sw.js"] = ("text/javascript", shell.worker_script())
    server.files["/manifest.webmanifest"] = ("application/manifest+json", "{}")
    server.pages["/offline/"] = render_page("screens/offline.html", {"keeping": None}, path="/offline/")
    server.pages[PAGE] = render_page("screens/denied.html", {"keeping": Keeping(NOBODY)}, path=PAGE)
    context = await browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    context.set_default_timeout(20_000)
    yield context
    await context.close()


def release(server: PageServer, version: str) -> None:
    """The server has another version from now on; the page that is open is still of the one before."""
    server.files["/sw.js"] = ("text/javascript", shell.worker_script().replace(shell.version(), version))


async def test_new_version_is_offered_and_loaded_only_when_taken(server: PageServer, app: BrowserContext) -> None:
    page = await app.new_page()
    await page.goto(server.origin + PAGE)
    await page.evaluate(STANDS)
    await page.evaluate("window.typed = 'half a sentence'")
    offered = page.locator("#notices [data-kind=version]")
    await page.evaluate(UPDATE)  # the same version: nothing is said
    await expect(offered).to_have_count(0)
    release(server, "0123456789abcdef")
    loads = server.requests.count(PAGE)
    await page.evaluate(UPDATE)
    await expect(offered).to_contain_text("A new version is ready.", timeout=20_000)
    waits = "navigator.serviceWorker.getRegistration().then(({waiting}) => waiting !== null)"
    assert await page.evaluate(waits) and await page.evaluate("window.typed") == "half a sentence"
    assert server.requests.count(PAGE) == loads
    await offered.get_by_role("button", name="Load it now").click()
    await page.wait_for_function("() => window.typed === undefined")
    assert server.requests.count(PAGE) == loads + 1
    assert not await page.evaluate(waits)
    kept = await page.evaluate("caches.keys()")
    assert kept == ["sightline-shell-0123456789abcdef"]  # of the old version nothing is left
    await expect(offered).to_have_count(0)


async def test_offline_page_speaks_as_the_page_before_did_and_not_as_the_browser(
    server: PageServer, app: BrowserContext
) -> None:
    page = await app.new_page()
    with translation.override("sv"):
        server.pages[PAGE] = render_page("screens/denied.html", {"keeping": Keeping(NOBODY)}, path=PAGE)
        swedish = render_page("screens/offline.html", {"keeping": None}, path="/offline/")
    server.pages["/offline/?language=sv"] = swedish
    await page.goto(server.origin + PAGE)
    await page.evaluate(STANDS)
    await page.evaluate(SPOKEN, "sv")
    await app.set_offline(True)
    await page.goto(f"{server.origin}/sites/north/")
    await expect(page.locator("html")).to_have_attribute("lang", "sv")
    await expect(page.locator("h1")).to_have_text("Ingen anslutning")
    await expect(page.locator("#offline-state")).to_have_text("Telefonen har inget n\u00e4t.")  # said by a script
    # The next version speaks it as well, though no page of it was ever open.
    await page.close()  # with the network it would load itself again, in the middle of what follows
    await app.set_offline(False)
    page = await app.new_page()
    await page.goto(server.origin + PAGE)
    release(server, "fedcba9876543210")
    await page.evaluate(UPDATE)
    async with page.expect_navigation():
        await page.locator("#notices [data-kind=version] button").first.click()
    await page.evaluate(SPOKEN, "sv")
    # And once somebody reads English, so does it.
    server.pages[PAGE] = render_page("screens/denied.html", {"keeping": Keeping(NOBODY)}, path=PAGE)
    await page.goto(server.origin + PAGE)
    await page.evaluate(SPOKEN, "en")
    await app.set_offline(True)
    await page.goto(f"{server.origin}/sites/north/")
    await expect(page.locator("h1")).to_have_text("No connection")
