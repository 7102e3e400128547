"""The display rules on the pages of the running demo: one browser walks what an operator looks at all day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support.demo import Demo, wait_for
from tests.support.phone import PHONE, TABLET, all_live, sign_in

PAGES = ("/", "/sites/demo/", "/sites/demo/tanks/TK-101/", "/sites/demo/units/P-101/", "/sites/demo/alarms/")
TARGETS = (
    "a[href], button, input:not([type=hidden], [type=radio], [type=checkbox]), select, textarea, summary,"
    " label:has(> input[type=radio], > input[type=checkbox])"
)
# Boxes of everything that can be touched. A link within a sentence is text (WCAG 2.2, 2.5.8).
FOUND = f"""const found = [...document.querySelectorAll({TARGETS!r})]
  .filter(e => e.checkVisibility({{visibilityProperty: true}}) && !e.matches('.skip'))
  .filter(e => e.matches('.button, .tool') || !e.closest('p a'))
  .map(e => [e, e.getBoundingClientRect(), Boolean(e.closest('.top, .strip, .tools-page'))])
  .filter(([, box]) => box.width > 2);
  const name = (e) => e.outerHTML.replace(/\\s+/g, ' ').slice(0, 80);"""
SMALL = f"""(least) => {{ {FOUND}
  return found.filter(([, box]) => box.width < least - 0.5 || box.height < least - 0.5)
    .map(([e, box]) => [name(e), Math.round(box.width), Math.round(box.height)]); }}"""
NEAR = f"""(least) => {{ {FOUND}
  const near = [];
  for (const [i, [a, x, p]] of found.entries()) for (const [b, y, q] of found.slice(i + 1)) {{
    if (p !== q || a.contains(b) || b.contains(a)) continue;
    const gap = Math.max(x.left - y.right, y.left - x.right, x.top - y.bottom, y.top - x.bottom);
    if (gap < least - 0.6) near.push([name(a), name(b), Math.round(gap)]);
  }}
  return near; }}"""
MOVING = """() => document.getAnimations().map((each) => {
  const { duration, iterations } = each.effect.getTiming();
  const element = each.effect.target;
  return [element.outerHTML.slice(0, 60), Boolean(element.closest('[data-waits], .is-waiting')), duration, iterations];
})"""
JUMPING = """() => [...document.querySelectorAll('.num[data-tag][data-kind=number]')].filter((e) => e.checkVisibility())
  .filter((e) => {
    const before = e.textContent;
    const width = (digit) => {
      e.textContent = before.replace(/[0-9]/g, digit);
      return e.getBoundingClientRect().width;
    };
    const widths = ['1', '8', '0'].map(width);
    e.textContent = before;
    return Math.max(...widths) - Math.min(...widths) > 0.1;
  }).map((e) => e.dataset.tag)"""
NAMELESS = """() => [...document.querySelectorAll('button, a[href]')].filter((e) => e.checkVisibility())
  .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.getAttribute('aria-labelledby')))
  .map((e) => e.outerHTML.slice(0, 80))"""
VALUES = """() => [...document.querySelectorAll('.num[data-kind=number]')].filter((e) => e.checkVisibility())
  .map((e) => parseFloat(getComputedStyle(e).fontSize))"""


@pytest.fixture(scope="module")
def walker(browser: Browser, demo: Demo) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, has_touch=True)
    page = context.new_page()
    sign_in(page, demo, "field operator")
    yield page
    context.close()


@pytest.fixture(scope="module")
def walked(walker: Page, demo: Demo) -> dict[str, dict[str, Any]]:
    """What was measured, by address."""
    found = {}
    for address in PAGES:
        answer = walker.goto(demo.url + address)
        assert answer is not None
        assert answer.status == 200, address
        found[address] = _measure(walker)
    return found


def _measure(page: Page) -> dict[str, Any]:
    found = {
        "bare small": page.evaluate(SMALL, 48),
        "jumping": page.evaluate(JUMPING),
        "moving": page.evaluate(MOVING),
        "nameless": page.evaluate(NAMELESS),
        "landmarks": [page.locator(each).count() for each in ("main", "footer", "#alarm-loud")],
    }
    page.emulate_media(reduced_motion="reduce")
    found["moving though reduced"] = page.evaluate(MOVING)
    page.emulate_media(reduced_motion="no-preference")
    page.evaluate("document.documentElement.dataset.hands = 'gloves'")
    found["gloves small"] = page.evaluate(SMALL, 96)
    found["gloves near"] = page.evaluate(NEAR, 16)
    found["gloves wide"] = page.evaluate("Math.max(0, document.documentElement.scrollWidth - innerWidth)")
    found["gloves values"] = page.evaluate(VALUES)
    return found


def only(walked: dict[str, dict[str, Any]], what: str) -> dict[str, Any]:
    return {address: found[what] for address, found in walked.items() if found[what]}


@pytest.mark.parametrize("what", ["bare small", "gloves small", "gloves near", "gloves wide"])
def test_everything_is_big_enough_for_bare_hands_and_for_gloves(walked: dict[str, dict[str, Any]], what: str) -> None:
    assert only(walked, what) == {}


def test_values_for_gloves_are_read_from_further_away(walked: dict[str, dict[str, Any]]) -> None:
    sizes = only(walked, "gloves values")
    assert sizes
    assert {address: size for address, size in sizes.items() if min(size) < 32} == {}


def test_nothing_moves_but_what_nobody_acknowledged(walked: dict[str, dict[str, Any]]) -> None:
    for address, moving in only(walked, "moving").items():
        for element, waits, duration, _ in moving:
            assert waits, (address, element)
            assert duration >= 500, (address, element)  # ms: at most 2 Hz
    assert only(walked, "moving though reduced") == {}


def test_digits_keep_their_place(walked: dict[str, dict[str, Any]]) -> None:
    assert only(walked, "jumping") == {}


def test_pages_have_landmarks_one_loud_region_and_names(walked: dict[str, dict[str, Any]]) -> None:
    assert only(walked, "nameless") == {}
    for address, found in walked.items():
        main, footer, loud = found["landmarks"]
        assert (main, footer) == (1, 1), address
        assert loud <= 1, address


def test_three_ages_are_always_in_sight(walker: Page, demo: Demo) -> None:
    for address in ("/sites/demo/", "/sites/demo/tanks/TK-101/", "/sites/demo/units/P-101/"):
        walker.goto(demo.url + address)
        wait_for(lambda: all_live(walker), f"{address} live", within=20)
        walker.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        for name, words in (
            ("source", r"^Sample \d+\s(s|min|h)"),
            ("link", r"^Link <3\ss$"),
            ("phone", r"^Phone \d\ss$"),
        ):
            place = walker.locator(f"#age-{name}")
            wait_for(lambda place=place, words=words: re.match(words, place.inner_text()), f"{name} on {address}")
            box = place.bounding_box()
            assert box is not None
            assert 0 <= box["y"] < 120


def test_tablet_shows_the_list_beside_the_tank_and_both_live(walker: Page, demo: Demo) -> None:
    walker.set_viewport_size(TABLET)
    walker.goto(demo.url + "/sites/demo/tanks/TK-102/")
    walker.locator("#beside .row").first.wait_for()
    wait_for(lambda: all_live(walker), "tank and list live", within=20)
    assert walker.locator("#beside [aria-current=page]").inner_text().startswith("TK-102")
    assert walker.evaluate("document.documentElement.scrollWidth") <= TABLET["width"]
    left, right = walker.locator("#beside").bounding_box(), walker.locator("main").bounding_box()
    assert left is not None
    assert right is not None
    assert left["x"] + left["width"] <= right["x"] + 1
    walker.locator("#beside .row-link", has_text="TK-104").click()
    walker.wait_for_url(f"{demo.url}/sites/demo/tanks/TK-104/")
    assert walker.locator("h1").inner_text() == "TK-104"
    walker.set_viewport_size(PHONE)
    assert not walker.locator("#beside").is_visible()


def test_it_stays_on_only_by_the_switch_and_says_when_it_cannot(walker: Page, demo: Demo) -> None:
    walker.goto(demo.url + "/sites/demo/tanks/TK-101/")
    button, words = walker.locator("#awake"), walker.locator("#awake-words")
    button.wait_for()
    assert button.get_attribute("aria-pressed") == "false"
    # What the phone answers cannot be had from a headless browser: the platform's side of the API is put there.
    asked = """(answer) => { window.asked = 0;
      const request = async () => {
        window.asked += 1;
        if (!answer) throw new Error('low battery');
        window.lock = new EventTarget();
        window.lock.release = async () => window.lock.dispatchEvent(new Event('release'));
        return window.lock;
      };
      Object.defineProperty(navigator, 'wakeLock', {configurable: true, value: { request }}); }"""
    walker.evaluate(asked, False)
    button.click()
    wait_for(lambda: "refuses" in words.inner_text(), "the refusal in words")
    assert button.get_attribute("aria-pressed") == "false"
    walker.evaluate(asked, True)
    button.click()
    wait_for(lambda: walker.evaluate("window.asked") == 1, "the lock")
    assert (button.get_attribute("aria-pressed"), words.inner_text()) == ("true", "")
    walker.evaluate("window.lock.release()")  # the phone takes it back
    wait_for(lambda: "no longer" in words.inner_text(), "the loss in words")
