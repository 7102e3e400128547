"""Is what the screens show true? The whole demo with faults coming and going, three pages in a real browser that are
read twice a second, and a second OPC UA client that writes down what the plant itself says.

Afterwards every value and every alarm row that was on a screen must be the plant's for that moment, or be marked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.programs import ROOT, BenchError
from benchmarks.sizes import Size
from benchmarks.truth_faults import BAD_TANKS, Happened, Play, Trouble
from benchmarks.truth_judge import Judge, Tag, Verdict
from benchmarks.truth_record import Record
from benchmarks.truth_sampler import PERIOD, SCRIPT, Eyes
from relay_bridge.agent.gauges import MARKED
from relay_bridge.simulator.model import PlantModel
from tests.support.chromium import ARGUMENTS, find
from tests.support.demo import Demo

PAGES = {
    "overview": "/sites/demo/",
    "tank": f"/sites/demo/tanks/{BAD_TANKS[0]}/",
    "alarms": "/sites/demo/alarms/?view=list",
}
TANK_FARM = ROOT / "hmi" / "demo" / "tank_farm.toml"
PHONE = {"width": 390, "height": 844}
SETTLE = 10.0  # seconds of peace before the first fault, and after the last
SEED = 6
PATIENCE = 20_000  # ms for a page


@dataclass(frozen=True)
class Truth:
    """``late``: ms that values stood unmarked after another had taken their place: median, 99 of 100, longest."""

    seconds: float
    period: int
    looks: int
    values: dict[str, int]
    rows: dict[str, int]
    wrong: dict[str, int]
    evidence: list[str]
    late: tuple[float, float, float]
    episodes: dict[str, int]
    said: int  # readings that the plant gave meanwhile
    events: int  # of its alarms
    acknowledged: int


async def measure(size: Size) -> Truth:
    path = find()
    if path is None:
        raise BenchError("no Chromium was found; make setup installs one")
    with tempfile.TemporaryDirectory(prefix="sightline-truth-") as folder:
        demo = await asyncio.to_thread(Demo, Path(folder))
        try:
            return await _Run(demo, Path(folder), size.truth_seconds).go(path)
        finally:
            await asyncio.to_thread(demo.stop)


class _Run:
    def __init__(self, demo: Demo, folder: Path, seconds: float) -> None:
        self._demo, self._folder, self._seconds = demo, folder, seconds
        self._ports = json.loads((folder / "ports.json").read_text())
        self._eyes = {name: Eyes(name) for name in PAGES}
        self._pages: dict[str, Any] = {}
        self._context: Any = None
        self._acknowledged = 0
        self._trouble = Trouble(demo, self._ports, self._offline)

    async def go(self, chromium: str) -> Truth:
        from playwright.async_api import async_playwright  # noqa: PLC0415 - half a second, only where it is measured

        play = Play(self._trouble.episodes(), SEED, _say)
        recorder = await asyncio.to_thread(self._record)
        try:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
                try:
                    await self._open(browser)
                    await asyncio.sleep(SETTLE)
                    await play.run(self._seconds, self._reload, self._acknowledge)
                    await asyncio.sleep(SETTLE)
                finally:
                    await browser.close()
        finally:
            self._trouble.stop()
            recorder.terminate()
            await asyncio.to_thread(recorder.wait, 10)
        return self._judge(play.happened)

    def _record(self) -> subprocess.Popen[bytes]:
        (self._folder / "nodes.json").write_text(json.dumps(sorted(tag.node for tag in plant_tags().values())))
        url = f"opc.tcp://127.0.0.1:{self._ports['plant']}"
        places = [url, str(self._folder / "nodes.json"), str(self._folder / "said.jsonl")]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.truth_recorder", *places], cwd=ROOT, stdout=subprocess.PIPE
        )
        if process.stdout is None or not process.stdout.readline():
            raise BenchError("the recorder of the plant did not start")
        return process

    # --- the phone ------------------------------------------------------------------------------------------------

    async def _open(self, browser: Any) -> None:
        # Without the service worker: what is kept for reading offline stands under its own band and its own tests.
        context = self._context = await browser.new_context(
            viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2, service_workers="block"
        )
        page = await context.new_page()
        name, password = self._demo.password("field operator")
        await page.goto(f"{self._demo.url}/sign-in/")
        await page.fill("input[name=username]", name)
        await page.fill("input[name=password]", password)
        await page.click("button[type=submit]")
        await page.wait_for_url(f"{self._demo.url}/")
        await page.close()
        for name, path in PAGES.items():
            self._pages[name] = page = await context.new_page()
            eyes = self._eyes[name]
            await page.expose_function("truthTold", lambda text, eyes=eyes: eyes.told(text, json.loads))
            await page.add_init_script(SCRIPT)
            await page.goto(f"{self._demo.url}{path}", timeout=PATIENCE)

    async def _offline(self, offline: bool) -> None:
        await self._context.set_offline(offline)

    async def _reload(self) -> None:
        async def one(page: Any, path: str) -> None:
            # The web app may be slow to answer just now; then the page that was there stays.
            with contextlib.suppress(Exception):
                await page.goto(f"{self._demo.url}{path}", timeout=PATIENCE, wait_until="domcontentloaded")

        await asyncio.gather(*(one(self._pages[name], path) for name, path in PAGES.items()))

    async def _acknowledge(self) -> None:
        """One alarm by a touch on the page, one by another operator station."""
        button = self._pages["alarms"].locator(".alarm.is-waiting button.alarm-ack:enabled").first
        with contextlib.suppress(Exception):
            await button.click(timeout=3000)
            self._acknowledged += 1
        await asyncio.sleep(3)
        with contextlib.suppress(Exception):
            await self._trouble.acknowledge_at_plant()
            self._acknowledged += 1

    # --- afterwards -----------------------------------------------------------------------------------------------

    def _judge(self, happened: list[Happened]) -> Truth:
        with (self._folder / "said.jsonl").open(encoding="utf-8") as lines:
            record = Record.read(lines)
        model, known = PlantModel(), {}

        def calculated(node: str, ms: int) -> Any:
            if ms % 1000:
                return None
            if ms not in known:
                known[ms] = model.values(ms / 1000)
            return known[ms].get(node)

        looks = sorted((look for eyes in self._eyes.values() for look in eyes.looks), key=lambda look: look.at)
        verdict = Judge(record, plant_tags(), happened, calculated).run(looks)
        return Truth(
            seconds=self._seconds,
            period=PERIOD,
            looks=verdict.looks,
            values=dict(verdict.values),
            rows=dict(verdict.rows),
            wrong=dict(verdict.wrong),
            evidence=verdict.evidence,
            late=_late(verdict),
            episodes=dict(Counter(each.name for each in happened)),
            said=sum(map(len, record.values.values())),
            events=sum(map(len, record.standings.values())),
            acknowledged=self._acknowledged,
        )


def plant_tags() -> dict[str, Tag]:
    """Every tag of the demo and the plant's variable behind it, as the demo's configuration has it."""
    found = {}
    for asset in tomllib.loads(TANK_FARM.read_text(encoding="utf-8"))["tank"]:
        prefix = asset["prefix"].rpartition(";s=")[2]
        gauge = prefix + asset["map"]["gauge_status"] if "gauge_status" in asset["map"] else ""
        for canon, name in asset["map"].items():
            found[f"{asset['id']}.{canon}"] = Tag(prefix + name, gauge if canon in MARKED else "")
    return found


def _late(verdict: Verdict) -> tuple[float, float, float]:
    ordered = sorted(verdict.late) or [0]
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], ordered[-1]


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}   {what}", file=sys.stderr, flush=True)
