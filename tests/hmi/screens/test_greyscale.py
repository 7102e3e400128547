"""Colour never alone: priorities, limits and qualities photographed, turned to grey, and still told apart."""

from __future__ import annotations

import io
import itertools
import zoneinfo

import pytest
from django.template.loader import render_to_string
from PIL import Image, ImageChops
from playwright.async_api import Page

from hmi.screens.presenters.values import Scene, show_value
from relay_bridge.contract.messages import CatalogTag
from relay_bridge.contract.readings import Reading
from tests.hmi.screens.page_server import PageServer, render_page

pytestmark = pytest.mark.asyncio(loop_scope="module")
THEMES = ("light", "night", "sun")
BANDS = {"crit": "1", "high": "2", "med": "3", "low": "4"}
LIMITS = ("HH", "H", "L", "LL")
NOW = 1_795_370_000_000
LEVEL = CatalogTag(id="TK-101.level", name="Level", asset="TK-101", source="main", unit="m", dec=3, canon="level")
# OPC UA status codes, each of a class or a look of its own (OPC 10000-8, 7.3.2), and a good one that is stale.
QUALITIES = {
    "good": (0, False),
    "forced": (0x00960000, False),
    "uncertain": (0x40930000, False),
    "last usable": (0x40900000, False),
    "bad": (0x80000000, False),
    "stale": (0, True),
}
SEEN = 48  # levels of grey out of 255 between two pixels from which on an eye tells them apart
ENOUGH = 0.03  # share of a sign's pixels that must differ from the other sign's


def signs(kind: str) -> dict[str, str]:
    """The markup of each sign, from the templates themselves."""
    if kind == "priorities":
        contexts = {band: {"band": band, "letter": letter, "words": ""} for band, letter in BANDS.items()}
        return {name: render_to_string("alarms/_priority.html", each) for name, each in contexts.items()}
    if kind == "limits":
        return {
            letters: render_to_string("screens/_badge.html", {"badge": {"letters": letters, "doubtful": False}})
            for letters in LIMITS
        }
    found = {}
    for name, (code, stale) in QUALITIES.items():
        scene = Scene(now=NOW, zone=zoneinfo.ZoneInfo("UTC"), stale=stale)
        shown = show_value(LEVEL, Reading(12.345, NOW - 2000, code), scene)
        value = render_to_string("screens/_reading.html", {"v": shown})
        found[name] = f'<span class="row{" is-stale" if stale else ""}">{value}</span>'
    return found


def difference(one: Image.Image, other: Image.Image) -> float:
    """The share of pixels that differ visibly, after both are laid on a ground of the size of the larger."""
    size = max(one.width, other.width), max(one.height, other.height)
    grounds = [Image.new("L", size, each.getpixel((0, 0))) for each in (one, other)]
    for ground, each in zip(grounds, (one, other), strict=True):
        ground.paste(each, ((size[0] - each.width) // 2, (size[1] - each.height) // 2))
    histogram = ImageChops.difference(*grounds).histogram()
    return sum(histogram[SEEN:]) / (size[0] * size[1])


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", ["priorities", "limits", "qualities"])
async def test_signs_are_told_apart_without_colour(server: PageServer, page: Page, kind: str, theme: str) -> None:
    found = signs(kind)
    marked = "".join(f'<p><span data-sign="{name}">{sign}</span></p>' for name, sign in found.items())
    whole = render_page("screens/offline.html", {}, theme=theme)
    before, main, after = whole.partition('<main id="content" tabindex="-1">')
    server.pages["/page/"] = before + main + marked + after
    await page.goto(f"{server.origin}/page/")
    grey = {}
    for name in found:
        picture = await page.locator(f"[data-sign='{name}'] > *").screenshot(animations="disabled")
        grey[name] = Image.open(io.BytesIO(picture)).convert("L")
    for one, other in itertools.combinations(found, 2):
        assert difference(grey[one], grey[other]) >= ENOUGH, (one, other)
