"""The server and the page's script say the same words for the same facts."""

from __future__ import annotations

import random
import zoneinfo
from typing import Any

import pytest
from playwright.async_api import Page

from hmi.controls.standing import mode_words
from hmi.screens.presenters import words
from hmi.screens.presenters.links import show_link
from hmi.screens.presenters.swatches import swatch_of
from hmi.screens.presenters.values import note_text, quality_note
from relay_bridge.contract import readings
from relay_bridge.contract.acting import SiteMode
from tests.hmi.screens.page_server import PageServer
from tests.hmi.screens.sample import NOW, PRODUCTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODES = [*readings._WORDS, 0, 0x40000000, 0x80000000, 0xC0000000, 0x0700, 0x80350000, 0x40940500, 0x40940600]


async def said(page: Page, server: PageServer, call: str, arguments: list[Any]) -> list[Any]:
    """What ``words.js`` answers to each list of arguments."""
    server.pages["/"] = "<!doctype html><title>words</title>"
    await page.goto(server.origin)
    return await page.evaluate(
        "async ([call, list]) => { const words = await import('/static/js/words.js'); "
        "return list.map(one => words[call](...one)); }",
        [call, arguments],
    )


async def test_qualities(page: Page, server: PageServer) -> None:
    answers = await said(page, server, "qualityNote", [[code] for code in CODES])
    assert answers == [quality_note(code) for code in CODES]


async def test_notes(page: Page, server: PageServer) -> None:
    cases = [(code, age, stale) for code in CODES for age in (-60.0, -2.0, 3.0, 500.0) for stale in (False, True)]
    arguments = [[code, age * 1000, "stale" if stale else ""] for code, age, stale in cases]
    answers = await said(page, server, "noteText", arguments)
    assert answers == [note_text(code, age, stale=stale) for code, age, stale in cases]


async def test_numbers_ages_and_durations(page: Page, server: PageServer) -> None:
    chance = random.Random(1)
    numbers = [[chance.uniform(-2000, 2000), chance.randrange(6)] for _ in range(200)]
    numbers += [[0.125, 2], [2.5, 0], [-2.5, 0], [-0.0004, 3], [1.005, 2], [0, 1]]
    assert await said(page, server, "numberText", numbers) == [words.number_text(*pair) for pair in numbers]
    spans = [0, 0.4, 59.9, 60, 61.5, 3599, 3600, 86_400, 172_799, 172_800, 900_000]
    assert await said(page, server, "ageText", [[span] for span in spans]) == [words.age_text(span) for span in spans]
    assert await said(page, server, "durationText", [[span] for span in spans]) == [
        words.duration_text(span) for span in spans
    ]


async def test_switch_at_the_plant(page: Page, server: PageServer) -> None:
    zone = zoneinfo.ZoneInfo("Europe/Oslo")
    cases = [
        SiteMode(mode, by, since)
        for mode in ("off", "read-only", "full")
        for by in ("", "Eva Berg")
        for since in (0, NOW - 60_000, NOW - 40 * 3_600_000)
    ]
    arguments = [[mode.mode, mode.since, mode.by, "Europe/Oslo", NOW] for mode in cases]
    assert await said(page, server, "modeText", arguments) == [mode_words(mode, zone, NOW) for mode in cases]


async def test_links_and_moments(page: Page, server: PageServer) -> None:
    zone = zoneinfo.ZoneInfo("Europe/Oslo")
    states = ("live", "connecting", "silent", "down", "")
    cases = [(state, since) for state in states for since in (0, NOW, NOW - 10**8)]
    answers = await said(page, server, "linkText", [[state, since, "Europe/Oslo", NOW] for state, since in cases])
    assert answers == [show_link(state, since, "", zone, NOW).words for state, since in cases]
    moments = [NOW, NOW - 3_600_000, NOW - 10**8]
    answers = await said(page, server, "momentText", [[moment, "Europe/Oslo", NOW] for moment in moments])
    assert answers == [words.moment_text(moment, zone, NOW) for moment in moments]


async def test_swatches(page: Page, server: PageServer) -> None:
    names = [*PRODUCTS, "", "Bensin \u00e6\u00f8\u00e5", "\U0001f6e2"]
    assert await said(page, server, "swatchOf", [[name] for name in names]) == [swatch_of(name) for name in names]
