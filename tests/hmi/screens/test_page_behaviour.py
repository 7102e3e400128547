"""What a tap does: switch the order, change the look, fail visibly; and what an installed app shows offline."""

from __future__ import annotations

import pytest
from django.shortcuts import render
from django.test import RequestFactory
from playwright.async_api import Browser, Page, expect

from hmi.screens import shell
from hmi.screens.contexts import site_context
from tests.hmi.screens.page_server import PageServer, render_page
from tests.hmi.screens.sample import NOW, sample_access, sample_answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/sites/north/"
LIVE = {"src": {"main": [0, 0, ""], "aux": [0, 0, ""]}, "link": ["live", NOW, ""], "hb": 2000}


def prepare(server: PageServer) -> None:
    answer = sample_answer()
    server.pages[PATH] = render_page("screens/site.html", site_context(sample_access(), answer), path=PATH)
    context = site_context(sample_access(), answer, order="abnormal")
    request = RequestFactory().get(PATH)
    server.parts[PATH] = render(request, "screens/_list_switched.html", context).content.decode()


async def test_order_is_switched_in_place_and_stays_live(server: PageServer, page: Page) -> None:
    prepare(server)
    await page.goto(server.origin + PATH)
    phone = await server.phone()
    frame = {"k": "s", "n": 1, "t": NOW, "h": {"TK-101.level": 1, "TK-103.level": 2}, "d": [[1, 12.9], [2, 14.9]]}
    await phone.say(frame | {"x": {"TK-103": {"alarm": "HH", "move": "still"}}} | LIVE)
    assert await phone.heard() == {"ok": 1}
    await page.get_by_role("link", name="Abnormal first").click()
    await expect(page.locator(".area h2").first).to_have_text("Needs attention")
    await expect(page.locator("#page-tools > .choice [aria-current]")).to_have_text("Abnormal first")
    await expect(page).to_have_url(f"{server.origin}{PATH}?order=abnormal")
    level = page.locator('[data-tag="TK-103.level"]')
    await expect(level).to_have_text("14.900")  # not what the server drew, but what is newer
    await phone.say({"k": "d", "n": 2, "t": NOW, "d": [[2, 15.1]]})
    await expect(level).to_have_text("15.100")
    await expect(page.locator('[data-badge-of="TK-103"]')).to_contain_text("HH")


@pytest.mark.parametrize(("status", "words"), [(500, "The server refused (500)"), (404, "no longer open to you")])
async def test_failed_request_is_told(server: PageServer, page: Page, status: int, words: str) -> None:
    prepare(server)
    await page.goto(server.origin + PATH)
    server.status[PATH] = status
    await page.get_by_role("link", name="Abnormal first").click()
    await expect(page.locator("#notices")).to_contain_text(words)
    await expect(page.locator('[data-tag="TK-101.level"]')).to_have_count(1)
    await page.locator("#notices").get_by_role("button", name="Close").click()
    await expect(page.locator("#notices .notice")).to_have_count(0)


async def test_request_without_connection_is_told(server: PageServer, page: Page) -> None:
    prepare(server)
    await page.goto(server.origin + PATH)
    await page.context.set_offline(True)
    await page.get_by_role("link", name="Abnormal first").click()
    await expect(page.locator("#notices")).to_contain_text("there is no connection")


async def test_signed_out_meanwhile_does_not_put_the_sign_in_page_into_the_list(server: PageServer, page: Page) -> None:
    prepare(server)
    server.pages["/sign-in/"] = "<!doctype html><title>Sign in</title><h1>Sign in</h1>"
    await page.goto(server.origin + PATH)
    gone = {"Location": "/sign-in/"}
    await page.route("**/sites/north/?order=*", lambda route: route.fulfill(status=302, headers=gone))
    await page.get_by_role("link", name="Abnormal first").click()
    await expect(page.locator("#notices")).to_contain_text("You are signed out.")
    await expect(page.locator("#list .row")).to_have_count(15)


async def test_look_changes_at_the_touch(server: PageServer, page: Page) -> None:
    prepare(server)
    server.files["/theme/"] = ("text/plain", "")
    await page.goto(server.origin + PATH)
    await page.get_by_role("button", name="Sun").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "sun")
    await expect(page.get_by_role("button", name="Sun")).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


async def test_phone_without_network_is_stale_at_once(server: PageServer, page: Page) -> None:
    prepare(server)
    await page.goto(server.origin + PATH)
    phone = await server.phone()
    await phone.say({"k": "s", "n": 1, "t": NOW, "h": {"TK-101.level": 1}, "d": [[1, 12.9]], "x": {}} | LIVE)
    await expect(page.locator('[data-tag="TK-101.level"]')).not_to_have_attribute("data-stale", "")
    await page.context.set_offline(True)
    await expect(page.locator('[data-tag="TK-101.level"]')).to_have_attribute("data-stale", "")
    await expect(page.locator("#strip-phone")).to_have_text("This phone is offline.")
    await page.context.set_offline(False)
    again = await server.phone()
    await again.say({"k": "s", "n": 1, "t": NOW, "h": {"TK-101.level": 1}, "d": [[1, 12.9]], "x": {}} | LIVE)
    await expect(page.locator('[data-tag="TK-101.level"]')).not_to_have_attribute("data-stale", "")


async def test_installed_app_offline_shows_the_shell_and_no_data(browser: Browser, server: PageServer) -> None:
    prepare(server)
    server.files["/sw.js"] = ("text/javascript", shell.worker_script())
    server.files["/manifest.webmanifest"] = ("application/manifest+json", "{}")
    server.pages["/offline/"] = render_page("screens/offline.html", {}, path="/offline/")
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(server.origin + PATH)
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    kept = await page.evaluate(
        """async () => { const paths = [];
          for (const name of await caches.keys())
            for (const one of await (await caches.open(name)).keys()) paths.push(new URL(one.url).pathname);
          return paths; }"""
    )
    assert "/offline/" in kept
    # "spoken" is the language of the last page, one of six words: test_keeping.py.
    assert all(path.startswith("/static/") or path in {"/offline/", "/offline/spoken"} for path in kept)
    await context.set_offline(True)
    await page.goto(server.origin + PATH)
    await expect(page.locator("h1")).to_have_text("No connection")
    await expect(page.locator("main")).to_contain_text("Nothing is known here about your sites")
    assert await page.evaluate("getComputedStyle(document.querySelector('.notice-end')).borderTopWidth") == "4px"
    await expect(page.locator("#offline-state")).to_have_text("The phone has no network.")
    await context.close()
