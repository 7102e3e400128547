"""What the tank page costs on a phone's first visit: bytes and requests of a browser with nothing in its cache."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.support.demo import Demo, wait_for
from tests.support.phone import open_phone, sign_in, tags

MOST_BYTES = 60_000  # as sent, heads of answers included
MOST_REQUESTS = 12
MOST_SCRIPT = 60_000
EXTENSIONS = "sec-websocket-extensions"
TANK, TREND = "/sites/demo/tanks/TK-101/", "/sites/demo/trends/?tags=TK-101.level"
LIVE = "document.getElementById('age-phone').textContent !== ''"


@pytest.fixture(scope="module")
def cookies(browser: Browser, demo: Demo) -> list[Any]:
    context = open_phone(browser)
    page = context.new_page()
    sign_in(page, demo, "field operator")
    page.goto(demo.url + TANK)
    wait_for(lambda: page.evaluate(LIVE), "the tank live", within=20)
    found = context.cookies()
    context.close()
    return found


def first_visit(context: BrowserContext, address: str) -> tuple[dict[str, int], dict[str, int]]:
    """Bytes by address and by kind; a WebSocket is no request of these, and what the worker keeps comes after them."""
    page = context.new_page()
    cdp = context.new_cdp_session(page)
    kinds: dict[str, tuple[str, str]] = {}
    sizes: dict[str, int] = {}
    cdp.on("Network.responseReceived", lambda e: kinds.update({e["requestId"]: (e["response"]["url"], e["type"])}))
    cdp.on("Network.loadingFinished", lambda e: sizes.update({e["requestId"]: int(e["encodedDataLength"])}))
    cdp.send("Network.enable")
    page.goto(address)
    wait_for(lambda: page.evaluate(LIVE), "the page live", within=20)
    wait_for(lambda: any("keeping" in kinds[each][0] for each in sizes if each in kinds), "the page kept", within=20)
    assert tags(page), "the page shows values"
    page.wait_for_load_state("networkidle")
    by_kind: dict[str, int] = {}
    for each, size in sizes.items():
        by_kind[kinds[each][1]] = by_kind.get(kinds[each][1], 0) + size
    return {kinds[each][0]: size for each, size in sizes.items() if size}, by_kind


@pytest.mark.parametrize("language", ["en", "fi"])
def test_tank_page(browser: Browser, demo: Demo, cookies: list[Any], language: str) -> None:
    context = open_phone(browser, service_workers="block")
    context.add_cookies([*cookies, {"name": "language", "value": language, "url": demo.url}])
    sizes, _ = first_visit(context, demo.url + TANK)
    context.close()
    assert sum(sizes.values()) <= MOST_BYTES, sizes
    assert len(sizes) <= MOST_REQUESTS, sizes
    assert sum(sizes.values()) > 20_000, "it was no first visit"


def test_script_of_the_trend_page(browser: Browser, demo: Demo, cookies: list[Any]) -> None:
    context = open_phone(browser, service_workers="block")
    context.add_cookies(cookies)
    _, kinds = first_visit(context, demo.url + TREND)
    context.close()
    assert 20_000 < kinds["Script"] <= MOST_SCRIPT, kinds


def test_the_live_socket_is_compressed(browser: Browser, demo: Demo, cookies: list[Any]) -> None:
    context = open_phone(browser, service_workers="block")
    context.add_cookies(cookies)
    page = context.new_page()
    cdp = context.new_cdp_session(page)
    agreed: list[str] = []
    cdp.on(
        "Network.webSocketHandshakeResponseReceived",
        lambda e: agreed.append(
            {name.lower(): value for name, value in e["response"]["headers"].items()}.get(EXTENSIONS, "")
        ),
    )
    cdp.send("Network.enable")
    page.goto(demo.url + TANK)
    wait_for(lambda: page.evaluate(LIVE), "the page live", within=20)
    context.close()
    assert agreed and agreed[0].startswith("permessage-deflate")
