"""The pages in a language with a decimal comma and words 40 % longer: nothing is cut off, and programs read points."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page

from hmi.languages.unit_choice import units_of
from tests.hmi.languages import made_up
from tests.hmi.screens.page_server import PageServer, render_page
from tests.hmi.screens.test_page_looks import pages
from tests.support import attributes

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDE = """() => [...document.querySelectorAll('body *')]
  .filter((e) => e.checkVisibility() && !e.closest('.unseen, svg, table'))
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5 || e.getBoundingClientRect().left < -0.5)
  .map((e) => e.outerHTML.slice(0, 120))"""
# What stands in one line is cut off where it says so itself, with three dots; anything else must not hide a letter.
CUT = """() => [...document.querySelectorAll('main *, .strip *, .tools *')]
  .filter((e) => e.checkVisibility() && !e.closest('.unseen, svg') && e.scrollWidth > e.clientWidth + 1)
  .filter((e) => getComputedStyle(e).overflowX === 'hidden' && getComputedStyle(e).textOverflow !== 'ellipsis')
  .map((e) => e.outerHTML.slice(0, 120))"""
ENGLISH = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const { textContent, parentElement: e } = walker.currentNode;
    const said = /[a-z]{4,}/.test(textContent) && !/[\\u00e4\\u00f6\\u00e5]/.test(textContent);
    const ours = !e.closest('bdi, script, noscript, style, [data-kind=text], .strip-reason');
    if (said && ours) found.push(textContent.trim());
  }
  return found;
}"""
# Names and words of the sample plant and of its people, and what is the same everywhere.
NOT_OURS = re.compile(
    r"(?i)^(North( Terminal)?|Alice|Europe/Oslo|auditor|.*operator|.*Sightline.*|.*\b(farm|pump|tank|automatic)\b.*)$"
)


class Person:
    def __init__(self, units: str) -> None:
        self.units = units


@pytest.mark.parametrize("units", ["site", "us"])
@pytest.mark.parametrize("name", sorted(pages()))
async def test_programs_read_points(tmp_path: Path, name: str, units: str) -> None:
    with made_up.speaking("de", tmp_path), units_of(Person(units)):
        template, context = pages()[name]
        html = render_page(template, context)
    wrong, _, _ = attributes.read(html)
    assert wrong == []


@pytest.mark.parametrize("name", sorted(pages()))
async def test_long_words_find_their_room(server: PageServer, page: Page, tmp_path: Path, name: str) -> None:
    server.files["/static/js/texts/de.js"] = ("text/javascript", made_up.script("de"))
    with made_up.speaking("de", tmp_path), units_of(Person("us")):
        template, context = pages()[name]
        server.pages["/page/"] = render_page(template, context, path="/page/")
    for width in (390, 320):
        await page.set_viewport_size({"width": width, "height": 844})
        await page.goto(f"{server.origin}/page/")  # anew: rows below the screen are not laid out again
        assert await page.evaluate(WIDE) == [], width
        assert await page.evaluate(CUT) == [], width
    left = [text for text in await page.evaluate(ENGLISH) if not NOT_OURS.match(text)]
    assert left == []
