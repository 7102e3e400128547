"""What the pages weigh on a phone's first visit, and how soon they say something on a slow network.

The demo as a whole, a real browser with nothing in its cache. Bytes are as sent, heads of answers included, TLS and TCP
not. Slow 4G and the slower processor are Chromium's own throttling, with the numbers of its developer tools.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.programs import BenchError
from benchmarks.sizes import Size
from tests.support.chromium import ARGUMENTS, find
from tests.support.demo import Demo

PAGES = {
    "start": "/",
    "overview": "/sites/demo/",
    "tank": "/sites/demo/tanks/TK-101/",
    "alarms": "/sites/demo/alarms/",
    "trend": "/sites/demo/trends/?tags=TK-101.level",
}
PHONE = {"width": 390, "height": 844}
SLOW_4G = {
    "offline": False,
    "latency": 562.5,
    "downloadThroughput": 1.6e6 / 8 * 0.9,
    "uploadThroughput": 0.75e6 / 8 * 0.9,
}
SLOWER = 4  # times that the processor is slowed down
SOON = 1_500  # ms after the page is live or loaded in which whatever is fetched later still counts
PATIENCE = 60_000  # ms for a page
_LOADED = "() => document.readyState === 'complete'"
_LIVE = "() => !document.body.dataset.live || document.getElementById('age-phone')?.textContent"
_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


@dataclass(frozen=True)
class PageWeight:
    """Bytes and requests of a first visit; times in ms from the tap (medians), Slow 4G and a processor 4x slower."""

    page: str
    requests: int
    sent: int
    document: int
    styles: int
    scripts: int
    first_paint: float
    live: float


@dataclass(frozen=True)
class Weight:
    """``shell``: what the service worker fetches once beside the first page, for use without network."""

    rows: list[PageWeight]
    shell: tuple[int, int]  # requests, bytes


async def measure(size: Size) -> Weight:
    path = find()
    if path is None:
        raise BenchError("no Chromium was found; make setup installs one")
    with tempfile.TemporaryDirectory(prefix="sightline-weight-") as folder:
        demo = await asyncio.to_thread(Demo, Path(folder))
        try:
            return await weigh(demo.url, demo.password("field operator"), path, size.weight_rounds)
        finally:
            await asyncio.to_thread(demo.stop)


async def weigh(url: str, person: tuple[str, str], chromium: str, rounds: int) -> Weight:
    """The pages of the demo at ``url`` as ``person`` (name, password) sees them."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - half a second, only where it is measured

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            cookies = await _sign_in(browser, url, person)
            rows = [await _row(browser, url, cookies, page, rounds) for page in PAGES]
            shell = await _visit(browser, url, cookies, "tank", worker=True)
        finally:
            await browser.close()
    return Weight(rows, (len(shell.sizes), sum(shell.sizes.values())))


async def _sign_in(browser: Any, url: str, person: tuple[str, str]) -> list[Any]:
    context = await browser.new_context(viewport=PHONE, service_workers="block")
    page = await context.new_page()
    await page.goto(f"{url}/sign-in/")
    await page.fill("input[name=username]", person[0])
    await page.fill("input[name=password]", person[1])
    await page.click("button[type=submit]")
    await page.wait_for_url(f"{url}/")
    for path in PAGES.values():  # until templates are compiled and the link to the site is up
        await page.goto(url + path)
        await page.wait_for_function(_LIVE, timeout=PATIENCE)
    cookies: list[Any] = await context.cookies()
    await context.close()
    return cookies


async def _row(browser: Any, url: str, cookies: list[Any], page: str, rounds: int) -> PageWeight:
    light = await _visit(browser, url, cookies, page)
    slow = [await _visit(browser, url, cookies, page, slow=True) for _ in range(rounds)]
    of = {
        kind: sum(light.sizes[each] for each in light.sizes if light.kinds[each] == kind)
        for kind in light.kinds.values()
    }
    return PageWeight(
        page=page,
        requests=len(light.sizes),
        sent=sum(light.sizes.values()),
        document=of.get("Document", 0),
        styles=of.get("Stylesheet", 0),
        scripts=of.get("Script", 0),
        first_paint=statistics.median(each.first_paint for each in slow),
        live=statistics.median(each.live for each in slow),
    )


class _Visit:
    """A first visit: what was fetched, by request, and when what stood there."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self.addresses: dict[str, str] = {}
        self.first_paint = self.live = 0.0

    def listen(self, cdp: Any) -> None:
        cdp.on("Network.responseReceived", self._answered)
        cdp.on("Network.loadingFinished", self._loaded)

    def _answered(self, event: dict[str, Any]) -> None:
        self.kinds[event["requestId"]] = event["type"]
        self.addresses[event["requestId"]] = event["response"]["url"]

    def _loaded(self, event: dict[str, Any]) -> None:
        if event["encodedDataLength"]:  # 0: out of the cache
            self.sizes[event["requestId"]] = int(event["encodedDataLength"])


async def _visit(
    browser: Any, url: str, cookies: list[Any], page_name: str, *, slow: bool = False, worker: bool = False
) -> _Visit:
    context = await browser.new_context(
        viewport=PHONE, device_scale_factor=2, is_mobile=True, service_workers="allow" if worker else "block"
    )
    visit = _Visit()
    try:
        await context.add_cookies(cookies)
        page = await context.new_page()
        cdp = await context.new_cdp_session(page)
        if worker:  # its requests belong to no page: the browser's own count of them all
            visits: list[Any] = []
            context.on("requestfinished", lambda request: visits.append(request))  # noqa: PLW0108 - it must be a function
        else:
            visit.listen(cdp)
        await cdp.send("Network.enable")
        if slow:
            await cdp.send("Network.emulateNetworkConditions", SLOW_4G)
            await cdp.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        await page.goto(url + PAGES[page_name], timeout=PATIENCE)
        await page.wait_for_function(_LOADED, timeout=PATIENCE)
        await page.wait_for_function(_LIVE, timeout=PATIENCE)
        visit.live = await page.evaluate("performance.now()")
        visit.first_paint = await page.evaluate(_PAINT)
        if worker:
            await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
            for request in [each for each in visits if each.service_worker]:
                sizes = await request.sizes()
                visit.sizes[request.url] = sizes["responseBodySize"] + sizes["responseHeadersSize"]
        elif not slow:
            await asyncio.sleep(SOON / 1000)
    finally:
        await context.close()
    return visit
