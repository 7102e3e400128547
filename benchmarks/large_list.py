"""A site of 300 tanks on one phone: what its overview costs to send, to draw and to keep live in a real browser.

Relay, agent, web app and Chromium are programs of their own. Every tank has eight tags; every level and every level
rate changes once a second, so every row changes. Chromium's own throttling makes a phone's processor of this one.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.measured_site import SLUG, SOURCE, BenchSite, running_site
from benchmarks.programs import LOOPBACK, BenchError, free_port
from benchmarks.sizes import Size
from tests.support.chromium import ARGUMENTS, find

MANY = 300
AREAS = ("North", "East", "South", "West")
PRODUCTS = ("Diesel", "Gasoline 95", "Jet A-1", "Fuel oil")
SLOWER = (1, 4)  # times that the processor is slowed down
PHONE = {"width": 390, "height": 844}
PATIENCE = 60_000  # ms for a page
WARM_UPS = 20
_TANK = """
[[tank]]
id = "TK-%(id)d"
source = "main"
area = "%(area)s farm"
map = { level = "A", level_rate = "B", temp_avg = "C", tov = "D", gov = "E", water_level = "F", product = "G", \
gauge_status = "H" }
limits = { ll = 0.5, l = 1.0, h = 13.0, hh = 14.0 }
"""
_LIVE = "() => document.getElementById('age-phone').textContent !== ''"
# Frames that the page could draw, and the longest time without one.
_FRAMES = """(ms) => new Promise((done) => {
  const begun = performance.now(); let last = begun, frames = 0, gap = 0;
  const step = (now) => { frames += 1; gap = Math.max(gap, now - last); last = now;
    if (now - begun < ms) requestAnimationFrame(step); else done([frames, now - begun, gap]); };
  requestAnimationFrame(step); })"""
_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
_MEASURED = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration", "TaskDuration")


@dataclass(frozen=True)
class LargeListFigure:
    """Milliseconds, except ``frames`` (a second). The four last: main-thread time for one data frame of the socket."""

    slower: int
    first_paint: float
    live: float
    frames: float
    longest_gap: float
    script: float
    layout: float
    style: float
    all_work: float


@dataclass(frozen=True)
class LargeList:
    """``server`` in ms: the first answer's time to the last byte. Bytes as sent, without TLS and TCP."""

    rows: list[LargeListFigure]
    page_bytes: int
    other_bytes: int
    requests: int
    server: float
    socket_bytes: float  # a minute
    elements: int


async def measure(size: Size) -> LargeList:
    path = find()
    if path is None:
        raise BenchError("no Chromium was found; make setup installs one")
    from playwright.async_api import async_playwright  # noqa: PLC0415 - half a second, only where it is measured

    port = free_port()
    async with running_site(1, large_site(), port) as site, async_playwright() as playwright:
        web, _ = await site.start_web("daphne", port)
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            site.change(MANY, MANY)
            await _warm_up(browser, site, port)
            visits = []
            for slower in SLOWER:
                visit = await _Visit.begin(browser, site, port, slower)
                visits.append((visit, await visit.figure(size.screen_seconds)))
                await visit.close()
        finally:
            await browser.close()
            web.stop()
    first, _ = visits[0]
    return LargeList(
        rows=[row for _, row in visits],
        page_bytes=first.page_bytes,
        other_bytes=first.other_bytes,
        requests=first.requests,
        server=first.server,
        socket_bytes=first.socket_bytes,
        elements=first.elements,
    )


async def _warm_up(browser: Any, site: BenchSite, port: int) -> None:
    """Until templates are compiled, the link is up, and the catalog of the site is known."""
    last = BenchError("nothing was tried")
    for _ in range(WARM_UPS):
        try:
            visit = await _Visit.begin(browser, site, port, 1)
        except BenchError as error:
            last = error
            continue
        await visit.close()
        return
    raise last


class _Visit:
    """One opening of the overview in a browser profile of its own."""

    def __init__(self, context: Any, page: Any, cdp: Any, slower: int) -> None:
        self._context, self._page, self._cdp, self._slower = context, page, cdp, slower
        self.page_bytes = self.other_bytes = self.requests = self.elements = 0
        self.server = self.socket_bytes = self.first_paint = self.live = 0.0
        self._frame_sizes: list[int] = []
        self._documents: set[str] = set()

    @classmethod
    async def begin(cls, browser: Any, site: BenchSite, port: int, slower: int) -> _Visit:
        context = await browser.new_context(viewport=PHONE, device_scale_factor=2, service_workers="block")
        origin = f"http://{LOOPBACK}:{port}"
        key = site.people[0].session.session_key
        await context.add_cookies([{"name": "sightline", "value": key, "url": origin}])
        page = await context.new_page()
        cdp = await context.new_cdp_session(page)
        visit = cls(context, page, cdp, slower)
        await visit._open(f"{origin}/sites/{SLUG}/")
        return visit

    async def _open(self, address: str) -> None:
        cdp, page = self._cdp, self._page
        await cdp.send("Network.enable")
        # By the thread's own clock: what other programs do on this machine is not in it.
        await cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
        await cdp.send("Emulation.setCPUThrottlingRate", {"rate": self._slower})
        cdp.on("Network.responseReceived", self._answered)
        cdp.on("Network.loadingFinished", self._loaded)
        cdp.on("Network.webSocketFrameReceived", self._frame)
        answer = await page.goto(address, timeout=PATIENCE)
        if answer is None or answer.status != 200 or await page.locator(".row").count() != MANY:
            told = (await page.inner_text("main"))[:300]
            raise BenchError(f"the overview did not come whole: {answer.status if answer else 'no answer'}: {told}")
        await page.wait_for_function(_LIVE, timeout=PATIENCE)
        self.live = await page.evaluate("performance.now()")
        self.first_paint = await page.evaluate(_PAINT)
        self.elements = await page.evaluate("document.querySelectorAll('*').length")
        timing = answer.request.timing
        self.server = timing["responseEnd"] - timing["requestStart"]

    async def figure(self, seconds: float) -> LargeListFigure:
        """Look at the live page for a while."""
        await asyncio.sleep(seconds / 4)
        before, frames_before = await self._metrics(), len(self._frame_sizes)
        begun = time.perf_counter()
        frames, lasted, gap = await self._page.evaluate(_FRAMES, seconds * 1000)
        after, minutes = await self._metrics(), (time.perf_counter() - begun) / 60
        sizes = self._frame_sizes[frames_before:]
        self.socket_bytes = sum(sizes) / minutes
        spent = {name: (after[name] - before[name]) * 1000 / max(1, len(sizes)) for name in _MEASURED}
        return LargeListFigure(
            slower=self._slower,
            first_paint=self.first_paint,
            live=self.live,
            frames=frames / lasted * 1000,
            longest_gap=gap,
            script=spent["ScriptDuration"],
            layout=spent["LayoutDuration"],
            style=spent["RecalcStyleDuration"],
            all_work=spent["TaskDuration"],
        )

    async def close(self) -> None:
        await self._context.close()

    async def _metrics(self) -> dict[str, float]:
        answer = await self._cdp.send("Performance.getMetrics")
        return {each["name"]: each["value"] for each in answer["metrics"]}

    def _answered(self, event: dict[str, Any]) -> None:
        if event["type"] == "Document":
            self._documents.add(event["requestId"])

    def _loaded(self, event: dict[str, Any]) -> None:
        self.requests += 1
        if event["requestId"] in self._documents:
            self.page_bytes += int(event["encodedDataLength"])
        else:
            self.other_bytes += int(event["encodedDataLength"])

    def _frame(self, event: dict[str, Any]) -> None:
        self._frame_sizes.append(len(event["response"]["payloadData"]))


def large_site() -> str:
    """The tags of the large site, as the rest of its ``site.toml``."""
    numbers = range(1001, 1001 + MANY)
    values = ", ".join(
        f'"TK-{number}.level" = 5.0, "TK-{number}.level_rate" = 0.0, "TK-{number}.temp_avg" = 18.4, '
        f'"TK-{number}.tov" = 4100.0, "TK-{number}.gov" = 4090.0, "TK-{number}.water_level" = 0.05, '
        f'"TK-{number}.product" = "{PRODUCTS[number % len(PRODUCTS)]}", "TK-{number}.gauge_status" = "ok"'
        for number in numbers
    )
    tanks = (_TANK % {"id": number, "area": AREAS[number % len(AREAS)]} for number in numbers)
    return f"{SOURCE}values = {{ {values} }}\n{''.join(tanks)}"
