"""The favourites in a real browser: each site's values under its own link and clock, on one socket; and the scanner."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from hmi.screens.contexts import sites_context
from hmi.screens.presenters.badges import ALL_BADGES
from hmi.screens.presenters.favourites import show_favourites
from hmi.sites.access import SiteAccess
from hmi.sites.models import Site
from hmi.watch.favourites import Favourite
from tests.hmi.screens.page_server import PageServer, Phone, render_page
from tests.hmi.screens.sample import NOW, sample_access, sample_answer, sample_summary

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIVE, DOWN = ["live", NOW - 60_000, ""], ["down", NOW - 60_000, "The relay does not answer."]
AHEAD = 3_600_000  # ms that South's clock is ahead of the web app's
FAVOURITES = (("north", "asset", "TK-101"), ("south", "asset", "TK-101"), ("north", "tag", "TK-102.temp_avg"))


def two_sites() -> dict[str, SiteAccess]:
    north = sample_access()
    other = Site(slug="south", name="South Depot", time_zone="Europe/Oslo")
    return {"north": north, "south": dataclasses.replace(north, site=other, grant_id=uuid.UUID(int=2))}


def part(value: float, t: int = NOW, **changes: Any) -> dict[str, Any]:
    told = {
        "t": t, "h": {"TK-101.level": 1, "TK-102.temp_avg": 2}, "d": [[1, value, -1000], [2, 18.5, -1000]],
        "x": {"TK-101": {"alarm": "", "move": "still"}}, "src": {"main": [0, 0, ""]}, "link": LIVE,
    }  # fmt: skip
    return told | changes


def snapshot(n: int = 1, **fav: Any) -> dict[str, Any]:
    sites = {slug: {"link": LIVE, "tanks": 14, "stale": 0, "alarm": 0} for slug in ("north", "south")}
    parts = {"north": part(12.5), "south": part(3.25, NOW + AHEAD)} | fav
    return {"k": "s", "n": n, "t": NOW, "sites": sites, "fav": parts, "hb": 2000}


def level(page: Page, slug: str, tag: str = "TK-101.level") -> Any:
    return page.locator(f'[data-part="{slug}"] [data-tag="{tag}"]')


def note(page: Page, slug: str) -> Any:
    return page.locator(f'[data-part="{slug}"] [data-note-for="TK-101.level"]')


@pytest_asyncio.fixture(loop_scope="module")
async def start(server: PageServer, page: Page) -> Page:
    accesses = two_sites()
    answer = sample_answer(trouble=False)
    answers = {access.site.id: answer for access in accesses.values()}
    rows = [
        Favourite(pk=number, person_id=1, site=accesses[slug].site, kind=kind, target=target, place=number)
        for number, (slug, kind, target) in enumerate(FAVOURITES, start=1)
    ]
    context = sites_context(accesses.values(), {slug: sample_summary() for slug in accesses}, NOW)
    context |= {
        "favourites": show_favourites(rows, list(accesses.values()), answers),
        "recent": (),
        "sees_values": True,
        "badges": ALL_BADGES,
        "person": "alice",
    }
    server.pages["/"] = render_page("screens/my_sites.html", context)
    await page.clock.install()
    await page.goto(f"{server.origin}/")
    return page


@pytest_asyncio.fixture(loop_scope="module")
async def phone(server: PageServer, start: Page) -> Phone:
    return await server.phone()


async def test_the_same_tag_of_two_sites_is_told_apart(start: Page, phone: Phone) -> None:
    await expect(level(start, "north")).to_have_text("12.345")  # as the server drew it
    await phone.say(snapshot())
    await expect(level(start, "north")).to_have_text("12.500")
    await expect(level(start, "south")).to_have_text("3.250")
    await expect(level(start, "north", "TK-102.temp_avg")).to_have_text("18.5")
    await phone.say(
        {"k": "d", "n": 2, "t": NOW + 500, "sites": {}, "fav": {"south": {"t": NOW + AHEAD, "d": [[1, 3.5]]}}}
    )
    await expect(level(start, "south")).to_have_text("3.500")
    await expect(level(start, "north")).to_have_text("12.500")


async def test_each_sites_ages_follow_its_own_clock(start: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    for slug in ("north", "south"):
        await expect(note(start, slug)).to_have_text("good \u00b7 1 s")


async def test_a_lost_site_marks_its_own_values_only(start: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    await expect(note(start, "south")).to_have_text("good \u00b7 1 s")
    state = {"t": NOW + AHEAD, "src": {"main": [0, 0, ""]}, "link": DOWN}
    await phone.say({"k": "h", "n": 2, "t": NOW, "fav": {"south": state}})
    await expect(level(start, "south")).to_have_attribute("data-stale", "")
    await expect(note(start, "south")).to_contain_text("stale")
    assert await level(start, "north").get_attribute("data-stale") is None
    state = {"t": NOW, "src": {"main": [2, 0, "no answer"]}, "link": LIVE}
    await phone.say({"k": "h", "n": 3, "t": NOW, "fav": {"north": state}})
    await expect(level(start, "north")).to_have_attribute("data-stale", "")


async def test_silence_marks_everything(start: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    assert await phone.heard() == {"ok": 1}
    await start.clock.run_for(4_000)
    assert await level(start, "north").get_attribute("data-stale") is None
    await start.clock.run_for(1_000)
    await expect(level(start, "north")).to_have_attribute("data-stale", "")
    assert await start.locator("[data-tag]:not([data-stale])").count() == 0


async def test_a_snapshot_that_says_nothing_of_a_favourite_leaves_it_stale(start: Page, phone: Phone) -> None:
    await phone.say(snapshot(north=part(12.5, h={"TK-101.level": 1}, d=[[1, 12.5]])))
    await expect(level(start, "north", "TK-102.temp_avg")).to_have_attribute("data-stale", "")
    assert await level(start, "north").get_attribute("data-stale") is None
    frame = snapshot(2)
    del frame["fav"]["north"]
    await phone.say(frame)
    await expect(level(start, "north")).to_have_attribute("data-stale", "")


async def test_an_alarm_comes_with_its_badge_and_is_doubtful_when_stale(start: Page, phone: Phone) -> None:
    await phone.say(snapshot(south=part(14.7, x={"TK-101": {"alarm": "HH", "move": "still"}})))
    badge = start.locator('[data-part="south"] [data-fav-badge]')
    await expect(badge).to_contain_text("HH")
    await expect(start.locator('[data-part="north"] [data-fav-badge] .badge')).to_have_count(0)
    await phone.say({"k": "h", "n": 2, "t": NOW, "fav": {"south": {"t": NOW, "src": {}, "link": DOWN}}})
    await expect(badge).to_contain_text("HH?")


async def test_a_site_that_is_gone_takes_its_favourites_along(start: Page, phone: Phone, server: PageServer) -> None:
    server.parts["/sites/"] = '<ul id="sites"></ul>'
    await phone.say(snapshot())
    frame = snapshot(2)
    del frame["fav"]["south"], frame["sites"]["south"]
    await phone.say(frame)
    await expect(start.locator('[data-part="south"]')).to_have_count(0)
    await expect(start.locator('[data-part="north"]')).to_have_count(2)


async def test_an_ended_access_leaves_nothing(start: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    await expect(level(start, "north")).to_have_text("12.500")
    await phone.say({"k": "bye", "n": 2, "why": "Your access to North Terminal ended at 14:00."})
    await phone.close(4403)
    await expect(start.locator("[data-part]")).to_have_count(0)


CAMERA = """() => {
  window.asked = 0;
  window.seen = [];
  window.BarcodeDetector = class {
    static getSupportedFormats() { return Promise.resolve(["qr_code"]); }
    detect() { return Promise.resolve(window.seen.map((rawValue) => ({ rawValue }))); }
  };
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d");
  setInterval(() => pen.fillRect(0, 0, Math.random() * 99, 9), 20); // a stream without frames never plays
  Object.defineProperty(navigator, "mediaDevices", { value: {
    getUserMedia: () => {
      window.asked += 1;
      window.stream = canvas.captureStream(5);
      return Promise.resolve(window.stream);
    } } });
}"""


@pytest_asyncio.fixture(loop_scope="module")
async def search_page(server: PageServer, page: Page) -> Page:
    server.pages["/search/"] = render_page("screens/search.html", {"query": ""}, path="/search/")
    server.pages["/t/north/TK-101"] = "<!doctype html><title>opened</title>"
    return page


async def test_without_a_detector_no_camera_is_offered(server: PageServer, search_page: Page) -> None:
    await search_page.add_init_script("delete window.BarcodeDetector")
    await search_page.goto(f"{server.origin}/search/")
    await expect(search_page.locator("#find")).to_be_focused()
    assert not await search_page.locator("#scan").is_visible()


async def test_the_camera_waits_for_a_tap_and_opens_labels_of_this_web_app_only(
    server: PageServer, search_page: Page
) -> None:
    await search_page.add_init_script(f"({CAMERA})()")
    await search_page.goto(f"{server.origin}/search/")
    await expect(search_page.locator("[data-scan-begin]")).to_be_visible()
    assert await search_page.evaluate("asked") == 0
    await search_page.locator("[data-scan-begin]").click()
    await expect(search_page.locator("video")).to_be_visible()
    for stranger in ("https://evil.example/t/north/TK-101", f"{server.origin}/admin/", "javascript:alert(1)", "TK-101"):
        await search_page.evaluate(
            "text => { seen = [text]; document.querySelector('[data-scan-says]').textContent = '' }", stranger
        )
        await expect(search_page.locator("[data-scan-says]")).to_have_text("This is not a label of this web app.")
    await search_page.locator("[data-scan-end]").click()
    assert await search_page.evaluate("stream.getTracks().every((track) => track.readyState === 'ended')")
    await search_page.locator("[data-scan-begin]").click()
    await search_page.evaluate("text => { seen = [text] }", f"{server.origin}/t/north/TK-101")
    await search_page.wait_for_url("**/t/north/TK-101")


async def test_a_count_and_its_word_are_one_or_many(start: Page, phone: Phone) -> None:
    counts = start.locator('[data-site="north"] .site-counts')
    await expect(counts.locator('[data-site-count="tanks"]')).to_have_text("14 tanks")  # as the server drew it
    frame = snapshot()
    frame["sites"] = {"north": {"link": LIVE, "tanks": 1, "stale": 0, "alarm": 0, "al": {"u": [0, 1, 0, 0]}}}
    await phone.say(frame)
    await expect(counts.locator('[data-site-count="tanks"]')).to_have_text("1 tank")
    await phone.say(frame | {"k": "d", "n": 2, "sites": {"north": {"tanks": 2}}})
    await expect(counts.locator('[data-site-count="tanks"]')).to_have_text("2 tanks")
