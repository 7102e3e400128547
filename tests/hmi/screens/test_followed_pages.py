"""Pages that show no values in a real browser: their strip and banner live, and what is typed on them stays."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from hmi.screens.alarm_contexts import page_context
from hmi.screens.contexts import above_context
from hmi.screens.keeping import Keeping
from hmi.screens.presenters.all_alarms import show_all_alarms
from tests.hmi.screens.page_server import DEADLINE, PageServer, Phone, render_page
from tests.hmi.screens.presenters.test_all_alarms import CASES, LISTS, QUIET, access_to, waits
from tests.hmi.screens.sample import NOW, sample_access, sample_summary

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTES, FAVOURITES = "/sites/north/notes/assets/TK-101/", "/favourites/"
LIVE = ["live", NOW - 60_000, ""]
TYPED = "Valve 3 drips, the mechanic is"
KEPT = """async () => {
  const { read } = await import('/static/js/kept.js');
  return (await read()).map(({ title }) => title);
}"""


def frame(n: int, k: str = "s", **more: Any) -> dict[str, Any]:
    return {"k": k, "n": n, "t": NOW + n * 1000} | more


async def open_notes(server: PageServer, page: Page, **more: Any) -> Phone:
    context = page_context(sample_access(), sample_summary(), slug="north", asset_id="TK-101", asset_name="TK-101")
    context |= {"may_write": True, "max_text": 2000, "notes": (), "newest": True} | more
    server.pages[NOTES] = render_page("notes/asset.html", context, path=NOTES)
    await page.clock.install()
    await page.goto(server.origin + NOTES)
    return await server.phone()


async def test_a_note_half_typed_outlasts_an_alarm_a_lost_link_and_a_lost_connection(
    server: PageServer, page: Page
) -> None:
    phone = await open_notes(server, page)
    banner, text = page.locator("#alarm-banner"), page.locator("#text")
    await expect(banner).to_contain_text("Alarms not known yet")
    await text.press_sequentially(TYPED)
    await phone.say(frame(1, al=QUIET, link=LIVE, src={}, sec=[], rows={}))
    await expect(banner).to_contain_text("No alarm waits")
    await expect(page.locator("#age-link")).to_have_text(re.compile(r"Link <3\ss"))
    await expect(page.locator("#age-phone")).to_have_text(re.compile(r"Phone \d\ss"))
    await expect(page.locator("#age-source")).to_have_text("")  # no value stands here that could be of any age
    await phone.say(frame(2, "d", al=waits("TK-103 Level HighHigh", "crit", more=2)))
    await expect(banner).to_contain_text("TK-103 Level HighHigh")
    await expect(banner.locator("[data-banner-more]")).to_have_text("+2")
    await phone.say(frame(3, "h", link=["down", NOW, "no answer"]))
    await expect(banner).to_have_class(re.compile("is-stale"))
    await expect(banner).to_contain_text("Last known:")
    await phone.say(frame(4, "h", link=LIVE))
    await expect(banner).not_to_have_class(re.compile("is-stale"))
    await page.clock.run_for(5000)  # nothing is heard any more
    await expect(banner).to_have_class(re.compile("is-stale"))
    await phone.close(1001)
    await page.clock.run_for(2000)
    phone = await server.phone()
    await phone.say(frame(1, al=QUIET, link=LIVE, src={}, sec=[], rows={}))
    await expect(banner).to_contain_text("No alarm waits")
    assert await text.input_value() == TYPED
    assert await page.evaluate("document.activeElement.id") == "text"
    assert server.requests.count(NOTES) == 1, "the page was never fetched again"
    assert await page.locator("#awake").count() == 0


async def test_waking_up_says_checking_first(server: PageServer, page: Page) -> None:
    phone = await open_notes(server, page)
    await phone.say(frame(1, al=waits("TK-103 Level HighHigh"), link=LIVE, src={}, sec=[], rows={}))
    banner = page.locator("#alarm-banner")
    await expect(banner).not_to_have_class(re.compile("is-stale"))
    await page.evaluate("() => document.dispatchEvent(new Event('resume'))")
    await expect(page.locator("#strip-phone")).to_have_text("Checking the connection")
    await expect(banner).to_have_class(re.compile("is-stale"))


async def test_without_any_connection_the_drawn_banner_is_no_present(server: PageServer, page: Page) -> None:
    server.refuse = True
    summary = sample_summary()
    summary.alarms.update(waits("TK-103 Level HighHigh"))  # type: ignore[attr-defined]
    context = page_context(sample_access(), summary, notes=(), newest=True)
    server.pages["/sites/north/notes/"] = render_page("notes/site.html", context, path="/sites/north/notes/")
    await page.clock.install()
    await page.goto(f"{server.origin}/sites/north/notes/")
    banner = page.locator("#alarm-banner")
    await expect(banner).to_contain_text("TK-103 Level HighHigh")
    await page.clock.run_for(6000)
    await expect(banner).to_have_class(re.compile("is-stale"))
    await expect(banner).to_contain_text("Last known:")


async def test_a_page_that_answered_a_form_asks_at_its_own_address_why_it_is_shut(
    server: PageServer, page: Page
) -> None:
    phone = await open_notes(server, page)
    drawn = server.pages[NOTES].replace("<body ", f'<body data-here="{NOTES}" ')
    write = f"{NOTES}write/"
    server.pages[write] = drawn
    await page.goto(server.origin + write)
    phone = await server.phone()
    await phone.say({"k": "bye", "n": 1, "why": "Your access to North Terminal ended at 14:00."})
    await phone.close(4403)
    assert await page.locator("#ended a").get_attribute("href") == NOTES


async def test_notes_are_kept_for_reading_and_go_when_the_access_ends(server: PageServer, page: Page) -> None:
    keeping = Keeping("a" * 24, keeps=True, left=3_600_000, idle=1_800_000)
    context = page_context(sample_access(), sample_summary(), notes=(), newest=True) | {"keeping": keeping}
    path = "/sites/north/notes/"
    server.pages[path] = render_page("notes/site.html", context, path=path)
    await page.goto(server.origin + path)
    phone = await server.phone()
    async with asyncio.timeout(DEADLINE):
        while await page.evaluate(KEPT) != ["Notes · North Terminal · Sightline"]:
            await asyncio.sleep(0.02)
    await phone.say({"k": "bye", "n": 1, "why": "Your access to North Terminal ended at 14:00."})
    await phone.close(4403)
    await expect(page.locator("#ended")).to_contain_text("ended at 14:00")
    async with asyncio.timeout(DEADLINE):
        while await page.evaluate(KEPT):
            await asyncio.sleep(0.02)
    await expect(page.locator("#alarm-banner")).to_have_count(0)


@pytest.mark.parametrize("name", CASES)
async def test_the_banner_over_all_sites_says_the_same_live_as_drawn(server: PageServer, page: Page, name: str) -> None:
    summaries = dict(zip(("north", "south"), CASES[name][:2], strict=True))
    accesses = [access_to(slug) for slug in summaries]
    drawn = show_all_alarms(accesses, summaries)
    assert drawn is not None
    above = above_context(accesses, {}, NOW)  # nothing is known when the page is drawn
    server.pages[FAVOURITES] = render_page("watch/favourites.html", {"above": above}, path=FAVOURITES)
    await page.goto(server.origin + FAVOURITES)
    banner = page.locator("#alarm-banner")
    await expect(banner).to_contain_text("Alarms not known yet")
    phone = await server.phone()
    lines = {}
    for slug, summary in summaries.items():
        link = [summary.link.phase, NOW, ""] if summary.link else ["connecting", NOW, ""]
        lines[slug] = {"link": link, "al": dict(summary.alarms) or {"s": "unknown"}}
    await phone.say(frame(1, sites=lines))
    await expect(page.locator("#strip-phone")).to_have_text("This phone: connected")
    await expect(banner.locator("[data-banner-text]")).to_have_text(drawn.text)
    assert await banner.locator("a").get_attribute("href") == drawn.href
    assert ("is-stale" in (await banner.get_attribute("class") or "")) is drawn.stale
    for mark, shown in (("more", drawn.more), ("flood", drawn.flood)):
        assert await banner.locator(f"[data-banner-{mark}]").is_visible() is bool(shown), mark
    missing = f"{drawn.missing} site not reached" if drawn.missing else ""
    await expect(page.locator("#sites-missing:not([hidden])")).to_have_text([missing] if missing else [])
    for band in ("crit", "high", "med", "low"):
        assert await banner.locator(f'[data-banner-prio="{band}"]').is_visible() is (band == drawn.band)
    await expect(page.locator("#age-phone")).to_have_text(re.compile(r"Phone \d\ss"))


async def test_silence_of_one_site_is_none_of_another(server: PageServer, page: Page) -> None:
    await page.add_init_script(
        f"sessionStorage.setItem('alarm-silence {LISTS['north']}', '{NOW}');"
        "window.rings = 0; navigator.vibrate = () => { window.rings += 1; return true; };"
    )
    above = above_context([access_to("north"), access_to("south")], {}, NOW)
    server.pages[FAVOURITES] = render_page("watch/favourites.html", {"above": above}, path=FAVOURITES)
    await page.goto(server.origin + FAVOURITES)
    phone = await server.phone()
    await page.locator("h1").click()  # browsers give sound and vibration from the first touch on
    north, south = {"link": LIVE, "al": waits("one")}, {"link": LIVE, "al": QUIET}
    await phone.say(frame(1, sites={"north": north, "south": south}))
    bell = page.locator("[data-sound]")
    await expect(bell).to_have_text("Silenced")
    await phone.say(frame(2, "d", sites={"south": south | {"al": waits("two")}}))
    await expect(bell).to_have_text("Silence")
    assert await page.evaluate("window.rings") == 1
    await bell.click()
    await expect(bell).to_have_text("Silenced")
    assert await page.evaluate(f"sessionStorage.getItem('alarm-silence {LISTS['south']}')") == str(NOW)
    # A site that is not reached for a moment and comes back brings nothing new.
    await phone.say(frame(3, "d", sites={"south": {"link": ["down", NOW, ""], "al": waits("two", s="old")}}))
    await phone.say(frame(4, "d", sites={"south": south | {"al": waits("two")}}))
    await expect(page.locator("#sites-missing")).to_be_hidden()
    await expect(bell).to_have_text("Silenced")
    assert await page.evaluate("window.rings") == 1
    # One more at the same moment does, at a site that was silenced.
    await phone.say(frame(5, "d", sites={"south": south | {"al": waits("two", more=1)}}))
    await expect(bell).to_have_text("Silence")
    assert await page.evaluate("window.rings") == 2
