"""A dead hop makes every value on an open page stale within 5 s; its return makes them live within 10 s, no reload."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.support.demo import Demo, wait_for
from tests.support.phone import all_live, all_stale, tags

STALE_WITHIN = 5.0  # seconds; docs/architecture.md, honest freshness
LIVE_WITHIN = 10.0  # seconds after the hop's return

# Pages are watched from inside, so that the times do not hold the test's own polling.
WATCH = """() => {
  window.seen = {stale: null, live: null, start: performance.now()};
  window.timeline = [];
  const look = () => {
    const all = [...document.querySelectorAll('[data-tag]')];
    const stale = all.filter(e => e.hasAttribute('data-stale')).length;
    const strip = document.querySelector('header')?.innerText.replace(/\\s+/g, ' ').replace(/\\d\\d:\\d\\d:\\d\\d/, '');
    const line = `${stale}/${all.length} ${strip}`;
    if (window.lastLine !== line) { window.lastLine = line; window.timeline.push([Date.now(), line]); }
    if (window.seen.stale === null && stale === all.length) window.seen.stale = performance.now() - window.seen.start;
    if (stale === 0) { if (window.seen.live === null) window.seen.live = performance.now() - window.seen.start; }
    else window.seen.live = null;
  };
  window.seenTimer = setInterval(look, 50);
}"""
RESTART = "() => { window.seen = {stale: null, live: null, start: performance.now()}; }"
SETTLED = 2.0  # seconds of unbroken life before a hop is cut: what is measured must be this test's own cut


@pytest.fixture
def overview(operator: Page, demo: Demo) -> Page:
    operator.goto(f"{demo.url}/sites/demo/")
    wait_for(lambda: all_live(operator), "overview live", within=20)
    operator.evaluate(WATCH)
    settled = (
        f"window.seen.live !== null && performance.now() - window.seen.start - window.seen.live > {SETTLED * 1000}"
    )
    wait_for(lambda: operator.evaluate(settled), "overview steadily live", within=20)
    return operator


@pytest.mark.parametrize("name", ["agent", "relay", "plant", "web"])
@pytest.mark.parametrize("way", ["kill", "freeze"])
def test_dead_hop_is_seen_and_so_is_its_return(overview: Page, demo: Demo, name: str, way: str) -> None:
    overview.evaluate(RESTART)
    bring_back = getattr(demo, way)(name)
    try:
        noticed = "window.seen.stale !== null"
        wait_for(lambda: overview.evaluate(noticed), f"all stale after {way} of the {name}", within=STALE_WITHIN + 3)
        stale_after = overview.evaluate("window.seen.stale") / 1000
        text = overview.locator("[data-stale]").first.evaluate(
            "e => (e.closest('[data-asset]') || e.parentElement).textContent"
        )
        # Dead for long enough that nothing may come back by itself while the hop is down.
        overview.wait_for_timeout(2000)
        assert all_stale(overview), overview.evaluate("window.timeline")
    finally:
        bring_back()
    overview.evaluate(RESTART)
    back = "window.seen.live !== null"
    wait_for(lambda: overview.evaluate(back), f"live again after the {name}'s return", within=LIVE_WITHIN + 10)
    live_after = overview.evaluate("window.seen.live") / 1000
    print(f"{way} {name}: stale after {stale_after:.1f} s, live again after {live_after:.1f} s")
    assert stale_after <= STALE_WITHIN
    assert live_after <= LIVE_WITHIN
    assert "stale" in text.lower()


def test_phone_without_network(overview: Page) -> None:
    overview.evaluate(RESTART)
    overview.context.set_offline(True)
    try:
        # Chromium does not cut open sockets when it goes offline in a test; the page must notice by itself
        # or by the browser's word, whichever comes first.
        wait_for(lambda: all_stale(overview), "all stale without network", within=STALE_WITHIN)
    finally:
        overview.context.set_offline(False)
    wait_for(lambda: all_live(overview), "live again with network", within=LIVE_WITHIN)
    assert overview.evaluate("window.seenTimer") is not None  # the same document: no reload happened


def test_stale_value_shows_its_age(overview: Page, demo: Demo) -> None:
    bring_back = demo.freeze("plant")
    try:
        wait_for(lambda: all_stale(overview), "all stale", within=STALE_WITHIN + 1)
        first = tags(overview)[0]
        ages = overview.locator("[data-age]").all_text_contents()
        assert ages and any(character.isdigit() for character in "".join(ages)), first
    finally:
        bring_back()
    wait_for(lambda: all_live(overview), "live again", within=20)
