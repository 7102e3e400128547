"""The server and the page's script say the same words and numbers for the same facts, in every language and unit."""

from __future__ import annotations

import random
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from playwright.async_api import Page

from hmi.controls.standing import mode_words
from hmi.languages import dates
from hmi.languages.choices import CODES
from hmi.languages.qualities import CLASSES, WORDS
from hmi.screens.presenters import words
from hmi.screens.presenters.links import show_link
from hmi.screens.presenters.swatches import swatch_of
from hmi.screens.presenters.units import _KINDS, shown_in
from hmi.screens.presenters.values import look_of, mark_text, note_text, quality_note
from relay_bridge.contract import readings
from relay_bridge.contract.acting import SiteMode
from tests.hmi.languages import made_up
from tests.hmi.screens.page_server import PageServer
from tests.hmi.screens.sample import NOW, PRODUCTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

OSLO = zoneinfo.ZoneInfo("Europe/Oslo")
CODE_LIST = [*readings._WORDS, 0, 0x40000000, 0x80000000, 0xC0000000, 0x0700, 0x80350000, 0x40940500, 0x40940600]
MADE_UP = "made up"
Cases = dict[str, tuple[str, list[Any], list[Any]]]  # what is compared: the script's call, its arguments, our answers


def cases() -> Cases:
    """Said in the language that is active."""
    return {
        "qualities": ("qualityNote", [[code] for code in CODE_LIST], [quality_note(code) for code in CODE_LIST]),
        "marks": ("markOf", [[code] for code in CODE_LIST], [mark_text(code) for code in CODE_LIST]),
        "looks": ("lookOf", [[code] for code in CODE_LIST], [look_of(code) for code in CODE_LIST]),
        "notes": _notes(),
        "numbers": _numbers("numberText", words.number_text),
        "numbers for programs": _numbers("plainNumber", words.plain_number),
        "ages": _spans("ageText", words.age_text),
        "durations": _spans("durationText", words.duration_text),
        "the switch at the plant": _modes(),
        "links": _links(),
        "moments": _moments(),
        "swatches": _swatches(),
        "units": _units(),
    }


def _notes() -> tuple[str, list[Any], list[Any]]:
    all_of_them = [(code, age, old) for code in CODE_LIST for age in (-60.0, -2.0, 3.0, 500.0) for old in (False, True)]
    arguments = [[code, age * 1000, "stale" if old else ""] for code, age, old in all_of_them]
    return "noteText", arguments, [note_text(code, age, stale=old) for code, age, old in all_of_them]


def _numbers(call: str, ours: Callable[[float, int], str]) -> tuple[str, list[Any], list[Any]]:
    chance = random.Random(1)
    numbers: list[Any] = [[chance.uniform(-2000, 2000), chance.randrange(6)] for _ in range(200)]
    numbers += [[0.125, 2], [2.5, 0], [-2.5, 0], [-0.0004, 3], [1.005, 2], [0, 1]]
    return call, numbers, [ours(*pair) for pair in numbers]


def _spans(call: str, ours: Callable[[float], str]) -> tuple[str, list[Any], list[Any]]:
    spans = [0, 0.4, 59.9, 60, 61.5, 3599, 3600, 86_400, 172_799, 172_800, 900_000]
    return call, [[span] for span in spans], [ours(span) for span in spans]


def _modes() -> tuple[str, list[Any], list[Any]]:
    modes = [
        SiteMode(mode, by, since)
        for mode in ("off", "read-only", "full")
        for by in ("", "Eva Berg", "{clock}")
        for since in (0, NOW - 60_000, NOW - 40 * 3_600_000)
    ]
    arguments = [[mode.mode, mode.since, mode.by, "Europe/Oslo", NOW] for mode in modes]
    return "modeText", arguments, [mode_words(mode, OSLO, NOW) for mode in modes]


def _links() -> tuple[str, list[Any], list[Any]]:
    states = ("live", "connecting", "silent", "down", "")
    links = [(state, since) for state in states for since in (0, NOW, NOW - 10**8)]
    arguments = [[state, since, "Europe/Oslo", NOW] for state, since in links]
    return "linkText", arguments, [show_link(state, since, "", OSLO, NOW).words for state, since in links]


def _moments() -> tuple[str, list[Any], list[Any]]:
    # One in each month: their names are texts like all others.
    moments = [NOW, NOW - 3_600_000, *(NOW - 30 * 86_400_000 * month for month in range(1, 13))]
    arguments = [[moment, "Europe/Oslo", NOW] for moment in moments]
    return "momentText", arguments, [words.moment_text(moment, OSLO, NOW) for moment in moments]


def _swatches() -> tuple[str, list[Any], list[Any]]:
    names = [*PRODUCTS, "", "Bensin \u00e6\u00f8\u00e5", "\U0001f6e2"]
    return "swatchOf", [[name] for name in names], [swatch_of(name) for name in names]


def _units() -> tuple[str, list[Any], list[Any]]:
    chance = random.Random(2)
    arguments, answers = [], []
    for system in ("site", "si", "us"):
        for unit in (*(unit for units in _KINDS.values() for unit in units), "rpm", ""):
            for value in (0.0, -0.001, 12.345, chance.uniform(-3000, 3000)):
                shown = shown_in(system, unit, 3)
                # As the element carries it: everything is text there, and what is empty is left out.
                carried = {"dec": str(shown.decimals)} | {key: text for key, text in shown.attributes.items() if text}
                arguments.append([value, carried])
                answers.append(shown.text(value))
    return "shown", arguments, answers


@contextmanager
def spoken(speech: str, server: PageServer, folder: Path) -> Iterator[str]:
    """The language is active here, and the server has its texts for the page; answers its code."""
    if speech == MADE_UP:
        server.files["/static/js/texts/de.js"] = ("text/javascript", made_up.script("de"))
        with made_up.speaking("de", folder):
            yield "de"
    else:
        with translation.override(speech):
            yield speech


@pytest.mark.parametrize("speech", [*sorted(CODES), MADE_UP])
async def test_server_and_script_say_the_same(page: Page, server: PageServer, tmp_path: Path, speech: str) -> None:
    with spoken(speech, server, tmp_path) as code:
        texts = "" if code == "en" else f'<script src="/static/js/texts/{code}.js" defer></script>'
        server.pages["/"] = f'<!doctype html><html lang="{code}"><title>words</title>{texts}'
        await page.goto(server.origin)
        answers = await page.evaluate(
            "async (cases) => { const words = await import('/static/js/words.js');"
            " const shown = (value, carried) => words.shownNumber(value, words.formatOf(carried));"
            " return Object.fromEntries(Object.entries(cases).map(([name, [call, list]]) =>"
            " [name, list.map(one => (words[call] ?? shown)(...one))])); }",
            {name: [call, arguments] for name, (call, arguments, _) in cases().items()},
        )
        assert answers == {name: ours for name, (_, _, ours) in cases().items()}
        if speech == MADE_UP:
            assert answers["numbers"][0] == answers["numbers for programs"][0].replace(".", ",")
            plain = [note for note in answers["notes"] if made_up.FILLER[0] not in note]
            assert plain == [], "a note without a letter of the made-up language was not translated"


@pytest.mark.parametrize("code", sorted(CODES))
async def test_every_language_has_twelve_months(code: str) -> None:
    with translation.override(code):
        assert len(set(str(dates.MONTHS).split(" "))) == 12


async def test_every_quality_is_marked_for_translation() -> None:
    assert set(WORDS) == set(readings._WORDS.values())
    assert CLASSES == ("good", "uncertain", "bad")
