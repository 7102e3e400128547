"""The running demo in another language and in other units: what people read changes, what programs read does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from hmi.screens.presenters.units import feet_text
from tests.support import attributes
from tests.support.demo import Demo, wait_for
from tests.support.phone import all_live, open_phone, sign_in

TANK = "/sites/demo/tanks/TK-101/"
MOST_PAGES = 70
LEAST_PAGES = 25  # of the demo: fewer were walked when something is wrong with the walk
# Not walked: what ends the sign-in, is no page, or is the administration's, which speaks English alone.
LEFT_OUT = re.compile(r"^/(sign-out|admin|static|sw\.js|manifest|offline|oauth|\.well-known|accounts/logout|setup)")


@contextmanager
def reading_in(page: Page, demo: Demo, language: str, units: str) -> Iterator[None]:
    """This person's choice, taken back afterwards: the other tests read English in the site's units."""
    choose(page, demo, language, units)
    try:
        yield
    finally:
        choose(page, demo, "en", "site")


def choose(page: Page, demo: Demo, language: str, units: str) -> None:
    page.goto(f"{demo.url}/account/preferences/")
    page.check(f"input[name=language][value={language}]")
    page.check(f"input[name=units][value={units}]")
    page.click("form[action='/account/preferences/'] button")
    page.wait_for_selector(f"html[lang={language}] .notice")


def walk(phone: BrowserContext, demo: Demo) -> dict[str, str]:
    """Every page and part that one of them leads to, by its address; of long lists of the same kind the first ones."""
    waiting, found, kinds = ["/", TANK, "/sites/demo/units/P-101/"], {}, {}
    while waiting and len(found) < MOST_PAGES:
        address = waiting.pop(0)
        kind = re.sub(r"[A-Z]+-\d+[\w.]*|\d+|[0-9a-f-]{36}", "*", urlsplit(address).path)
        kinds[kind] = kinds.get(kind, 0) + 1
        if address in found or kinds[kind] > 2 or LEFT_OUT.match(address):
            continue
        answer = phone.request.get(demo.url + address)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        found[address] = answer.text()
        for link in attributes.read(found[address])[1]:
            there = urlsplit(urljoin(demo.url + address, link))
            if f"{there.scheme}://{there.netloc}" == demo.url:
                waiting.append(f"{there.path}?{there.query}" if there.query else there.path)
    return found


@pytest.mark.parametrize("units", ["site", "us"])
def test_nothing_that_a_program_reads_has_a_decimal_comma(
    operator: Page, phone: BrowserContext, demo: Demo, units: str
) -> None:
    with reading_in(operator, demo, "de", units):
        operator.goto(f"{demo.url}{TANK}")
        wait_for(lambda: all_live(operator), "the tank is live")
        pages = walk(phone, demo)
        csv = phone.request.get(f"{demo.url}/sites/demo/trends/values.csv?tags=TK-101.level").text()
    assert len(pages) >= LEAST_PAGES, sorted(pages)
    wrong = {address: found for address, html in pages.items() if (found := attributes.read(html)[0])}
    assert wrong == {}
    names = set().union(*(attributes.read(html)[2] for html in pages.values()))
    # The walk saw what it is about: drawings, live values, trends, forms.
    assert {"d", "points", "y", "height", "data-low", "data-dec", "data-values", "value"} - names <= {"points"}
    assert ("data-factor" in names) and ("data-rate-factor" in names) == (units == "us")
    # People read a comma, programs a point and the site's own unit.
    assert re.search(r">-?\d+,\d+<", pages[TANK])
    assert not re.search(r">-?\d+\.\d+<", pages[TANK])
    assert re.search(r",-?\d+\.\d+,", csv)
    assert re.search(r",mm?,-?\d", csv) and ",ft," not in csv


def test_two_people_watch_the_same_tank_in_their_own_units(operator: Page, browser: Browser, demo: Demo) -> None:
    other = open_phone(browser)
    try:
        american = other.new_page()
        sign_in(american, demo, "viewer")
        with reading_in(american, demo, "en", "us"):
            operator.goto(f"{demo.url}/sites/demo/")
            found: list[str | None] = []  # the page goes on meanwhile: what was found once may be doubtful just now
            wait_for(
                lambda: found.append(operator.evaluate(MOVING)) or found[-1],
                "a tank with a good level is receiving or discharging",
            )
            tank = found[-1]
            for page in (operator, american):
                page.goto(f"{demo.url}/sites/demo/tanks/{tank}/")
                wait_for(lambda page=page: all_live(page), f"{tank} is live")
            compared: dict[str, str] = {}
            wait_for(
                lambda: same_level(operator, american, f"{tank}.level", compared) and len(compared) > 1,
                f"both read the same two levels of {tank}",
                within=60,
            )
            assert same_custody(operator, american)
    finally:
        other.close()


# Which tank moves goes by the clock; with doubt about its level there would be no number to compare.
MOVING = """() => [...document.querySelectorAll('.row[data-asset]')].find((row) => {
  const level = row.querySelector('[data-tag$=".level"]');
  return row.querySelector('[data-move] > span')?.textContent.trim() && level?.dataset.quality === "good"
    && !level.hasAttribute("data-stale");
})?.dataset.asset"""
READ = """(tag) => {
  const { dataset, textContent } = document.querySelector(`[data-tag="${tag}"]`);
  return { t: dataset.t, text: textContent };
}"""


def same_level(operator: Page, american: Page, tag: str, compared: dict[str, str]) -> bool:
    """Of the same sample: what one reads in metres or millimetres, the other reads in feet. Adds it to ``compared``."""
    ours, theirs = operator.evaluate(READ, tag), american.evaluate(READ, tag)
    unit = operator.locator(f".reading:has([data-tag='{tag}']) .unit").first.text_content()
    metres = {"m": 1.0, "mm": 0.001}[unit or ""]
    if ours["t"] != theirs["t"]:
        return False
    feet = float(ours["text"]) * (metres / 0.3048)
    # The number on the other screen is rounded to its digits; the feet come from the number as it was sent.
    rounded = 10.0 ** -len(ours["text"].partition(".")[2]) * metres / 0.3048 / 2
    possible = {feet_text(feet - rounded), feet_text(feet), feet_text(feet + rounded)}
    assert theirs["text"] in possible, (ours, unit)
    compared[ours["text"]] = theirs["text"]
    return True


def same_custody(operator: Page, american: Page) -> bool:
    figures = """() => [...document.querySelectorAll('[data-tag$=".gov"], [data-tag$=".nsv"]')]
      .map(e => e.closest('.reading').querySelector('.unit').textContent + e.dataset.dec + (e.dataset.factor ?? ''))"""
    both = operator.evaluate(figures), american.evaluate(figures)
    assert both[0], "the tank page has custody figures"
    return both[0] == both[1]
