"""The pages in a real browser against the numbers of the display rules: colour, targets, text, reflow, words."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page

from hmi.screens.contexts import asset_context, link_only_context, site_context, sites_context
from tests.hmi.screens.page_server import PageServer, render_page
from tests.hmi.screens.pixels import read_pixels, saturation
from tests.hmi.screens.sample import NOW, sample_access, sample_answer, sample_catalog, sample_summary, silent_answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

THEMES = ("light", "night", "sun")
TARGETS = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), summary')]
  .filter(e => e.checkVisibility()).map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
  .filter(([, box]) => box.width < 47.9 || box.height < 47.9).map(([html, box]) => [html, box.width, box.height])"""
SMALL = """() => [...document.querySelectorAll('body *')]
  .filter(e => !e.closest('svg, noscript') && e.checkVisibility())
  .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
  .filter(e => parseFloat(getComputedStyle(e).fontSize) < 16).map(e => e.outerHTML.slice(0, 80))"""
VALUES = """() => [...document.querySelectorAll('[data-tag][data-kind=number]')]
  .map(e => parseFloat(getComputedStyle(e).fontSize))"""


def pages() -> dict[str, tuple[str, dict[str, Any]]]:
    access, answer, catalog = sample_access(), sample_answer(), sample_catalog()
    tank = asset_context(access, answer, catalog.asset("TK-103"), "/ws/sites/north/tanks/TK-103/")
    pump = asset_context(access, answer, catalog.asset("P-101"), "/ws/sites/north/units/P-101/")
    sites = sites_context([access], {"north": sample_summary()}, NOW) | {"person": "Alice"}
    return {
        "site": ("screens/site.html", site_context(access, answer)),
        "abnormal": ("screens/site.html", site_context(access, answer, order="abnormal")),
        "area": ("screens/site.html", site_context(access, answer, area="South farm")),
        "silent": ("screens/site.html", site_context(access, silent_answer())),
        "tank": ("screens/asset.html", tank),
        "pump": ("screens/asset.html", pump),
        "sites": ("screens/my_sites.html", sites),
        "link": ("screens/link_only.html", link_only_context(sample_access("auditor"), sample_summary(), NOW)),
        "offline": ("screens/offline.html", {}),
    }


def normal_pages() -> dict[str, tuple[str, dict[str, Any]]]:
    access, answer = sample_access(), sample_answer(trouble=False)
    tank = asset_context(access, answer, sample_catalog().asset("TK-101"), "/ws/sites/north/tanks/TK-101/")
    return {"site": ("screens/site.html", site_context(access, answer)), "tank": ("screens/asset.html", tank)}


async def open_page(server: PageServer, page: Page, name: str, theme: str = "light") -> None:
    template, context = pages()[name]
    server.pages["/page/"] = render_page(template, context, theme=theme, path="/page/")
    await page.goto(f"{server.origin}/page/")


@pytest.mark.parametrize("name", sorted(pages()))
async def test_targets_text_and_values_are_big_enough(server: PageServer, page: Page, name: str) -> None:
    await open_page(server, page, name)
    assert await page.evaluate(TARGETS) == []
    assert await page.evaluate(SMALL) == []
    assert all(size >= 24 for size in await page.evaluate(VALUES))


@pytest.mark.parametrize("name", ["site", "tank"])
async def test_values_in_the_sun_are_bigger(server: PageServer, page: Page, name: str) -> None:
    await open_page(server, page, name, "sun")
    assert all(size >= 32 for size in await page.evaluate(VALUES))
    assert await page.evaluate("Number(getComputedStyle(document.body).fontWeight)") >= 600


@pytest.mark.parametrize("name", sorted(pages()))
async def test_nothing_is_cut_off_at_320_and_at_twice_the_text(server: PageServer, page: Page, name: str) -> None:
    await page.set_viewport_size({"width": 320, "height": 640})
    await open_page(server, page, name, "sun")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    # 200 % zoom of a 780 px wide window, as a browser does it: half the width in CSS pixels.
    await page.set_viewport_size({"width": 390, "height": 422})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", ["site", "tank"])
async def test_everything_normal_has_no_colour(browser: Browser, server: PageServer, name: str, theme: str) -> None:
    template, context = normal_pages()[name]
    server.pages["/page/"] = render_page(template, context, theme=theme, path="/page/")
    view = await browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page = await view.new_page()
    await page.goto(f"{server.origin}/page/")
    colours = read_pixels(await page.screenshot())
    await view.close()
    assert len(colours) > 10
    assert [colour for colour in colours if saturation(colour) > 0.40] == []


async def test_wide_screens_have_two_columns(server: PageServer, page: Page) -> None:
    await page.set_viewport_size({"width": 1024, "height": 768})
    await open_page(server, page, "site")
    lefts = await page.evaluate("new Set([...document.querySelectorAll('.row')].map(e => e.offsetLeft)).size")
    assert lefts == 2


async def test_without_script_the_page_is_whole_and_says_that_it_is_not_live(
    browser: Browser, server: PageServer
) -> None:
    template, context = pages()["site"]
    server.pages["/page/"] = render_page(template, context, path="/page/")
    view = await browser.new_context(java_script_enabled=False)
    page = await view.new_page()
    await page.goto(f"{server.origin}/page/")
    assert "not live without JavaScript: the values are as of 18:53:20" in await page.inner_text("main")
    assert await page.locator(".row").count() == 15
    assert await page.locator("#page-tools a[href='?order=abnormal']").count() == 1
    assert await page.locator("form#themes[action='/theme/'] button").count() == 3
    await view.close()


async def test_stale_looks_different_without_colour(server: PageServer, page: Page) -> None:
    await open_page(server, page, "silent")
    row = page.locator('[data-asset="TK-101"]')
    assert "hatch.svg" in await row.evaluate("e => getComputedStyle(e, '::before').maskImage")
    assert (await row.locator("[data-note-for]").inner_text()).startswith("stale ")
    assert await page.locator('[data-badge-of="TK-103"] .badge').get_attribute("data-doubtful") == ""
