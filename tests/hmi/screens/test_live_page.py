"""live.js in a real browser: what the phone shows while frames come, stop coming, come out of order, and end."""

from __future__ import annotations

import re
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from hmi.screens.contexts import asset_context, site_context
from tests.hmi.screens.page_server import PageServer, Phone, render_page
from tests.hmi.screens.sample import NOW, sample_access, sample_answer, sample_catalog

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEVELS = ("TK-101", "TK-103", "TK-105", "TK-206")
HANDLES = {f"{tank}.level": number for number, tank in enumerate(LEVELS, start=1)}
SOURCES = {"main": [0, 0, ""], "aux": [0, 0, ""]}
LIVE = ["live", NOW - 60_000, ""]


def snapshot(n: int = 1, t: int = NOW, **changes: Any) -> dict[str, Any]:
    data = [[1, 12.5, -400], [2, 14.7, -400], [3, 3.3, -400], [4, 9.0, -400]]
    derived = {
        "TK-101": {"alarm": "", "move": "receiving", "rate": 12.34, "rate_unit": "mm/min", "to": {"h": 81.0}},
        "TK-103": {"alarm": "HH", "move": "still", "rate": 0.0, "rate_unit": "mm/min"},
    }
    frame = {"k": "s", "n": n, "t": t, "h": HANDLES, "d": data, "x": derived, "src": SOURCES, "link": LIVE, "hb": 2000}
    return frame | changes


def level(page: Page, tank: str) -> Any:
    return page.locator(f'[data-tag="{tank}.level"]')


def note(page: Page, tank: str) -> Any:
    return page.locator(f'[data-note-for="{tank}.level"]')


@pytest_asyncio.fixture(loop_scope="module")
async def site_page(server: PageServer, page: Page) -> Page:
    """The overview, opened with a clock that only the test moves; its socket waits to be picked up."""
    context = site_context(sample_access(), sample_answer(trouble=False))
    server.pages["/sites/north/"] = render_page("screens/site.html", context, path="/sites/north/")
    await page.clock.install()
    await page.goto(f"{server.origin}/sites/north/")
    return page


@pytest_asyncio.fixture(loop_scope="module")
async def phone(server: PageServer, site_page: Page) -> Phone:
    return await server.phone()


async def test_page_is_drawn_before_it_is_live(site_page: Page, phone: Phone) -> None:
    await expect(level(site_page, "TK-101")).to_have_text("12.345")
    await expect(site_page.locator("#strip-phone")).to_have_text("Connecting")
    assert await level(site_page, "TK-101").get_attribute("data-stale") is None


async def test_snapshot_and_delta_reach_the_elements(site_page: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    await expect(level(site_page, "TK-101")).to_have_text("12.500")
    assert await phone.heard() == {"ok": 1}
    await expect(site_page.locator("#strip-phone")).to_have_text("This phone: connected")
    await expect(site_page.locator('[data-badge-of="TK-103"]')).to_contain_text("HH")
    await expect(site_page.locator('[data-badge-of="TK-103"] .unseen')).to_have_text("Alarm: level high-high")
    await expect(site_page.locator('[data-rate="TK-101"]')).to_have_text("+12.3 mm/min")
    await phone.say({"k": "d", "n": 2, "t": NOW + 1000, "d": [[1, 12.512, -100]]})
    await expect(level(site_page, "TK-101")).to_have_text("12.512")
    assert await level(site_page, "TK-101").get_attribute("data-t") == str(NOW + 900)
    assert await phone.heard() == {"ok": 2}


async def test_level_bar_follows_the_level(site_page: Page, phone: Phone) -> None:
    await phone.say(snapshot(d=[[1, 8.0, 0]]))
    fill = site_page.locator('[data-bar="TK-101.level"] [data-fill]')
    await expect(fill).to_have_attribute("height", "29.00")  # half of the range, half of 58 units
    await phone.say({"k": "d", "n": 2, "t": NOW, "d": [[1, 17.0]]})
    await expect(site_page.locator('[data-bar="TK-101.level"]')).to_have_attribute("data-over", "top")


async def test_bad_shows_a_dash_and_the_word_uncertain_a_question_mark(site_page: Page, phone: Phone) -> None:
    await phone.say(snapshot(d=[[1, 12.5, 0, 0x808C0000], [2, 14.7, 0, 0x40930000]]))
    await expect(level(site_page, "TK-101")).to_have_text("\u2014")
    assert await level(site_page, "TK-101").get_attribute("data-quality") == "bad"
    await expect(note(site_page, "TK-101")).to_contain_text("bad: sensor failure")
    await expect(level(site_page, "TK-103")).to_have_text("14.700")
    await expect(site_page.locator('[data-mark-for="TK-103.level"]')).to_have_text("?")


async def test_silence_makes_everything_stale_with_its_age(site_page: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    assert await phone.heard() == {"ok": 1}
    await site_page.clock.run_for(4_000)
    assert await level(site_page, "TK-101").get_attribute("data-stale") is None
    await site_page.clock.run_for(1_000)
    await expect(level(site_page, "TK-101")).to_have_attribute("data-stale", "")
    assert await site_page.locator("[data-tag]:not([data-stale])").count() == 0
    await expect(note(site_page, "TK-101")).to_have_text("stale 5 s")
    await site_page.clock.run_for(2_000)
    await expect(note(site_page, "TK-101")).to_have_text("stale 7 s")
    await expect(site_page.locator('[data-badge-of="TK-103"]')).to_contain_text("HH?")


async def test_heartbeats_keep_values_fresh(site_page: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    for number in range(2, 5):
        await site_page.clock.run_for(2_000)
        await phone.say({"k": "h", "n": number, "t": NOW + (number - 1) * 2000, "src": SOURCES, "link": LIVE})
        await expect(note(site_page, "TK-101")).to_have_text(f"good \u00b7 {(number - 1) * 2} s")
    assert await level(site_page, "TK-101").get_attribute("data-stale") is None


async def test_page_without_a_first_snapshot_goes_stale(site_page: Page, phone: Phone) -> None:
    await site_page.clock.run_for(6_000)
    assert await site_page.locator("[data-tag]:not([data-stale])").count() == 0
    await expect(site_page.locator("#strip")).to_have_attribute("data-trouble", "")


async def test_link_that_opens_with_the_page_moves_nothing(site_page: Page, phone: Phone) -> None:
    strip = site_page.locator("#strip")
    height = await strip.evaluate("strip => strip.offsetHeight")
    connecting = {"link": ["connecting", NOW - 60_000, ""]}
    await phone.say(snapshot() | connecting)
    await expect(strip).to_contain_text("Connecting")
    assert await strip.get_attribute("data-trouble") is None
    assert await strip.evaluate("strip => strip.offsetHeight") == height
    assert await level(site_page, "TK-101").get_attribute("data-stale") == "", "its values are no less doubtful"
    await site_page.clock.run_for(3_500)
    await phone.say({"k": "h", "n": 2, "t": NOW + 3500, "src": SOURCES} | connecting)
    await expect(strip).to_have_attribute("data-trouble", "")


async def test_one_dead_source_marks_exactly_its_own_tags(site_page: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    await phone.say({"k": "h", "n": 2, "t": NOW, "src": SOURCES | {"aux": [2, NOW, "no answer"]}, "link": LIVE})
    await expect(level(site_page, "TK-206")).to_have_attribute("data-stale", "")
    assert await level(site_page, "TK-101").get_attribute("data-stale") is None


async def test_link_that_is_not_live_marks_everything_and_says_so(site_page: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    down = ["down", NOW, "The relay does not answer."]
    await phone.say({"k": "h", "n": 2, "t": NOW, "src": SOURCES, "link": down})
    await expect(site_page.locator("#strip-link-words")).to_contain_text("Site not reachable since 18:53, trying")
    assert await site_page.locator("[data-tag]:not([data-stale])").count() == 0


async def test_gap_asks_for_a_snapshot_and_trusts_nothing_until_it_comes(site_page: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    assert await phone.heard() == {"ok": 1}
    await phone.say({"k": "d", "n": 3, "t": NOW, "d": [[1, 99.0]]})
    assert await phone.heard() == {"resync": 1}
    await expect(level(site_page, "TK-101")).to_have_text("12.500")
    await expect(level(site_page, "TK-101")).to_have_attribute("data-stale", "")
    await phone.say(snapshot(n=4))
    assert await phone.heard() == {"ok": 4}
    await expect(level(site_page, "TK-101")).not_to_have_attribute("data-stale", "")


async def test_lost_connection_is_stale_at_once_and_comes_back_by_itself(
    server: PageServer, site_page: Page, phone: Phone
) -> None:
    await phone.say(snapshot())
    await phone.heard()
    await phone.close(1012)
    await expect(level(site_page, "TK-101")).to_have_attribute("data-stale", "")
    await site_page.clock.run_for(5_000)
    again = await server.phone()
    await again.say(snapshot())
    await expect(level(site_page, "TK-101")).not_to_have_attribute("data-stale", "")


async def test_waking_up_is_checked_before_anything_counts_as_fresh(site_page: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    assert await phone.heard() == {"ok": 1}
    await site_page.clock.fast_forward(60_000)  # timers fire once at most, as after a sleep
    await expect(level(site_page, "TK-101")).to_have_attribute("data-stale", "")
    await expect(site_page.locator("#strip-phone")).to_have_text("Checking the connection")
    assert await phone.heard() == {"resync": 1}
    await phone.say(snapshot(n=2, t=NOW + 60_000))
    await expect(level(site_page, "TK-101")).not_to_have_attribute("data-stale", "")


async def test_dead_socket_after_waking_up_is_replaced(server: PageServer, site_page: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    await phone.heard()
    await site_page.evaluate("window.dispatchEvent(new Event('online'))")
    assert await phone.heard() == {"resync": 1}
    await site_page.clock.run_for(3_500)
    again = await server.phone()
    await again.say(snapshot())
    await expect(level(site_page, "TK-101")).not_to_have_attribute("data-stale", "")


async def test_hidden_page_says_so_and_returns_with_a_check(site_page: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    assert await phone.heard() == {"ok": 1}
    await set_hidden(site_page, hidden=True)
    assert await phone.heard() == {"bg": True}
    await set_hidden(site_page, hidden=False)
    assert await phone.heard() == {"bg": False}
    await expect(level(site_page, "TK-101")).to_have_attribute("data-stale", "")
    await phone.say(snapshot(n=2))
    await expect(level(site_page, "TK-101")).not_to_have_attribute("data-stale", "")


async def test_end_of_access_takes_the_values_away_for_good(server: PageServer, site_page: Page, phone: Phone) -> None:
    await phone.say(snapshot())
    await phone.heard()
    await phone.say({"k": "bye", "n": 2, "why": "Your access to North Terminal ended at 14:00."})
    await phone.close(4403)
    await expect(site_page.locator("#ended")).to_contain_text("Your access to North Terminal ended at 14:00.")
    # The page's own address says what to do: ask, or sign in.
    await expect(site_page.locator("#ended a")).to_have_attribute("href", site_page.url)
    await expect(level(site_page, "TK-101")).to_have_text("\u2014")
    assert await site_page.get_by_text("HH", exact=True).count() == 0
    await site_page.clock.run_for(60_000)
    assert server._phones.empty()


@pytest.mark.parametrize("status", [403, 404])
async def test_refused_socket_asks_the_page_itself(
    server: PageServer, site_page: Page, phone: Phone, status: int
) -> None:
    await phone.say(snapshot())
    await phone.heard()
    server.refuse = True
    server.status["/sites/north/"] = status
    await phone.close(1012)
    await expect(level(site_page, "TK-101")).to_have_attribute("data-stale", "")
    for _ in range(6):
        await site_page.clock.run_for(5_000)
        if await site_page.locator("#ended").count():
            break
        await site_page.wait_for_timeout(100)
    await expect(site_page.locator("#ended")).to_contain_text("no longer open to you")


async def test_tank_page_paints_drawing_limits_and_last_value(server: PageServer, page: Page) -> None:
    answer = sample_answer(trouble=False)
    tank = sample_catalog().asset("TK-101")
    path = "/sites/north/tanks/TK-101/"
    context = asset_context(sample_access(), answer, tank, f"/ws{path}")
    server.pages[path] = render_page("screens/asset.html", context, path=path)
    await page.clock.install()
    await page.goto(server.origin + path)
    phone = await server.phone()
    handles = {tag.id: number for number, tag in enumerate(sample_catalog().tags_of("TK-101"), start=1)}
    frame = snapshot(h=handles, d=[[handles["TK-101.level"], 8.0], [handles["TK-101.water_level"], 1600]])
    await phone.say(frame | {"x": {"TK-101": frame["x"]["TK-101"]}})
    drawing = page.locator(".tank-drawing")
    await expect(drawing.locator("[data-fill]")).to_have_attribute("height", "118.00")
    await expect(drawing.locator("[data-water]")).to_have_attribute("height", "23.60")  # 1600 mm of 16 m
    await expect(page.locator('[data-to="TK-101"][data-limit="h"]')).to_have_text("1 h 21 min")
    await expect(page.locator('[data-tag="TK-101.gsv"]')).to_have_attribute("data-stale", "")  # not in the snapshot
    await phone.say({"k": "d", "n": 2, "t": NOW + 1000, "d": [[handles["TK-101.level"], 8.1, 0, 0x808C0000]]})
    last = page.locator('[data-last-for="TK-101.level"]')
    await expect(last).to_be_visible()
    await last.locator("summary").click()
    await expect(last).to_contain_text(re.compile(r"8\.100 m, \d+\ss old"))


async def set_hidden(page: Page, *, hidden: bool) -> None:
    """What the browser does when another app comes to the front."""
    await page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


async def test_level_that_turns_bad_takes_the_certainty_from_its_badge(site_page: Page, phone: Phone) -> None:
    uncertain = {"TK-101": {"alarm": "", "move": "still", "doubtful": True}}
    await phone.say(snapshot(d=[[1, 12.5, 0, 0x40930000]], x=uncertain))
    badge = site_page.locator('[data-badge-of="TK-101"]')
    await expect(badge.locator(".badge")).to_have_count(0)
    await phone.say({"k": "d", "n": 2, "t": NOW, "d": [[1, 12.5, 0, 0x808C0000]]})
    await expect(badge.locator(".unseen")).to_have_text("Alarm state not known")
