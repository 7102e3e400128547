"""What the operator sees when the page is answered nonsense: by a proxy, a portal, or a server that fails half-way.

Never a value that looks fresh and is not, never somebody else's page inside ours, never a tap without an answer.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from hmi.screens.contexts import site_context, sites_context
from tests.hmi.screens.page_server import PageServer, Phone, render_page
from tests.hmi.screens.sample import NOW, sample_access, sample_answer, sample_summary

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIVE = ["live", NOW - 60_000, ""]
PORTAL = "<!DOCTYPE html><html><body><h1>Welcome to Hotel WiFi</h1></body></html>"
MISSED = "This part could not be brought up to date"
GARBAGE: dict[str, str] = {
    "a proxy's page": PORTAL,
    "no object": "[1, 2]",
    "items that are no list": json.dumps({"k": "d", "n": 2, "t": NOW, "d": {"a": 1}}),
    "items that are no items": json.dumps({"k": "d", "n": 2, "t": NOW, "d": [7]}),
    "a value that is none": json.dumps({"k": "d", "n": 2, "t": NOW, "d": [[1, {"x": 1}]]}),
    "a time that is none": json.dumps({"k": "d", "n": 2, "t": NOW, "d": [[1, 12.6, "later"]]}),
    "no moment": json.dumps({"k": "h", "n": 2, "t": "now"}),
    "a link that is none": json.dumps({"k": "h", "n": 2, "t": NOW, "link": 5}),
}


def snapshot(n: int = 1) -> dict[str, Any]:
    frame = {"k": "s", "n": n, "t": NOW, "h": {"TK-101.level": 1}, "d": [[1, 12.5, -400]], "hb": 2000}
    return frame | {"src": {"main": [0, 0, ""], "aux": [0, 0, ""]}, "link": LIVE, "x": {}}


@pytest_asyncio.fixture(loop_scope="module")
async def overview(server: PageServer, page: Page) -> Page:
    context = site_context(sample_access(), sample_answer(trouble=False))
    server.pages["/sites/north/"] = render_page("screens/site.html", context, path="/sites/north/")
    await page.clock.install()
    await page.goto(f"{server.origin}/sites/north/")
    return page


@pytest_asyncio.fixture(loop_scope="module")
async def start(server: PageServer, page: Page) -> Page:
    access = sample_access()
    context = sites_context([access], {"north": sample_summary()}, NOW)
    more = {"favourites": (), "recent": (), "sees_values": True, "badges": (), "person": "alice"}
    server.pages["/"] = render_page("screens/my_sites.html", context | more)
    await page.goto(f"{server.origin}/")
    return page


def fresh(page: Page) -> Any:
    return page.locator("[data-tag]:not([data-stale])")


@pytest.mark.parametrize("what", list(GARBAGE))
async def test_nonsense_on_the_socket_leaves_nothing_looking_fresh(
    overview: Page, server: PageServer, what: str
) -> None:
    phone = await server.phone()
    await phone.say(snapshot())
    assert await phone.heard() == {"ok": 1}
    await phone.connection.send(GARBAGE[what])
    assert await phone.heard() == {"resync": 1}
    await expect(overview.locator("#strip-phone")).to_have_text("Checking the connection")
    await expect(fresh(overview)).to_have_count(0)
    await phone.say(snapshot(2))
    await expect(overview.locator("#strip-phone")).to_have_text("This phone: connected")
    await expect(overview.locator('[data-tag="TK-101.level"]')).not_to_have_attribute("data-stale", "")


async def test_a_frame_that_cannot_be_shown_ends_the_connection_and_the_next_one_heals(
    overview: Page, server: PageServer
) -> None:
    phone = await server.phone()
    await phone.say(snapshot())
    assert await phone.heard() == {"ok": 1}
    await phone.say({"k": "h", "n": 2, "t": NOW, "al": {"s": "current", "top": [1, None, "crit"]}})
    await phone.lost()
    await expect(fresh(overview)).to_have_count(0)
    await overview.clock.run_for(2_000)
    again = await server.phone()
    await again.say(snapshot() | {"al": {"s": "none", "top": None}})
    await expect(overview.locator("#strip-phone")).to_have_text("This phone: connected")


async def test_without_any_frame_the_link_is_called_last_known(overview: Page, server: PageServer) -> None:
    await server.phone()
    link = overview.locator("#strip-link")
    await expect(link).to_have_attribute("data-state", "live")  # as the server drew it
    await overview.clock.run_for(6_000)
    await expect(overview.locator("#strip-link-words")).to_contain_text("last known:")
    await expect(link).to_have_attribute("data-state", "")


async def other_sites(phone: Phone, number: int) -> None:
    """The set of sites is another than on the page: it asks for the list."""
    sites = {f"new-{number}": {"link": LIVE, "tanks": 1, "stale": 0, "alarm": 0}}
    await phone.say({"k": "s", "n": number, "t": NOW, "sites": sites, "hb": 2000})


@pytest.mark.parametrize("answer", ["refused", "portal", "empty", "other text"])
async def test_part_that_asks_by_itself_stays_and_says_that_it_is_old(
    start: Page, server: PageServer, answer: str
) -> None:
    phone = await server.phone()
    if answer == "refused":
        server.status["/sites/"] = 500
    else:
        server.parts["/sites/"] = {"portal": PORTAL, "empty": "", "other text": "<b>ok</b>"}[answer]
    await other_sites(phone, 1)
    part = start.locator("#site-list")
    await expect(part).to_contain_text(MISSED)
    await expect(part.locator(".site")).to_have_count(1)
    await expect(start.locator("#notices .notice")).to_have_count(0)  # nobody tapped anything
    server.status.clear()
    server.parts["/sites/"] = '<ul class="sites" id="sites"><li class="site" data-site="south">South</li></ul>'
    await other_sites(phone, 2)
    await expect(part).to_contain_text("South")
    await expect(part).not_to_contain_text(MISSED)


async def test_tap_that_is_answered_by_a_portal_is_told(start: Page, server: PageServer) -> None:
    await server.phone()
    server.parts["/sites/"] = PORTAL
    await start.get_by_role("link", name="Refresh the list").click()
    await expect(start.locator("#notices")).to_contain_text("The answer could not be shown.")
    await expect(start.locator(".site")).to_have_count(1)
    await expect(start.get_by_text("Hotel")).to_have_count(0)
