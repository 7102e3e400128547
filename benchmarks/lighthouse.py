"""What Lighthouse says of the pages that an operator opens first: mobile, signed in, the whole demo behind them.

Lighthouse is Google's own, run by Node on the Chromium that the tests use. Without Node this part is left out, and the
page says so.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.programs import ROOT, BenchError, free_port
from benchmarks.sizes import Size
from tests.support.chromium import ARGUMENTS
from tests.support.chromium import find as find_chromium
from tests.support.demo import Demo
from tests.support.node import NodeMissing, Packages
from tests.support.node import ensure as ensure_node

FOLDER = ROOT / "benchmarks" / "lighthouse_node"
LIGHTHOUSE = Packages(FOLDER, "Lighthouse")
PAGES = {
    "start": "/",
    "overview": "/sites/demo/",
    "tank": "/sites/demo/tanks/TK-101/",
    "alarms": "/sites/demo/alarms/",
}
CATEGORIES = ("performance", "accessibility", "best-practices")
PATIENCE = 300.0  # seconds for all pages


@dataclass(frozen=True)
class LighthouseFigure:
    """``scores`` from 0 to 100 by category; ``lower``: what kept one below 100; times in ms as Lighthouse simulates."""

    page: str
    scores: dict[str, int]
    lower: list[str]
    first_paint: float
    largest_paint: float
    blocking: float
    shift: float


@dataclass(frozen=True)
class Lighthouse:
    version: str
    rows: list[LighthouseFigure]
    missing: str = ""  # why there are no rows


async def measure(size: Size) -> Lighthouse:
    version = json.loads((FOLDER / "package.json").read_text())["dependencies"]["lighthouse"]
    try:
        node = await asyncio.to_thread(ensure_node, LIGHTHOUSE)
    except NodeMissing as error:
        return Lighthouse(version, [], str(error))
    path = find_chromium()
    if path is None:
        raise BenchError("no Chromium was found; make setup installs one")
    with tempfile.TemporaryDirectory(prefix="sightline-lighthouse-") as folder:
        demo = await asyncio.to_thread(Demo, Path(folder) / "demo")
        try:
            rows = await look(demo.url, demo.password("field operator"), path, node, Path(folder) / "profile")
        finally:
            await asyncio.to_thread(demo.stop)
    return Lighthouse(version, rows)


async def look(url: str, person: tuple[str, str], chromium: str, node: str, profile: Path) -> list[LighthouseFigure]:
    """Lighthouse over the pages of the demo at ``url``, seen by ``person`` (name, password)."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - half a second, only where it is measured

    port = free_port()
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium, args=[*ARGUMENTS, f"--remote-debugging-port={port}"]
        )
        try:
            page = context.pages[0]
            await page.goto(f"{url}/sign-in/")
            await page.fill("input[name=username]", person[0])
            await page.fill("input[name=password]", person[1])
            await page.click("button[type=submit]")
            await page.wait_for_url(f"{url}/")
            for path in PAGES.values():  # until templates are compiled and the link to the site is up
                await page.goto(url + path)
            await page.goto("about:blank")
            told = await _run(node, port, [url + path for path in PAGES.values()])
        finally:
            await context.close()
    return [_figure(name, each) for name, each in zip(PAGES, told, strict=True)]


async def _run(node: str, port: int, addresses: list[str]) -> list[dict[str, Any]]:
    program = await asyncio.create_subprocess_exec(
        node, str(FOLDER / "look.js"), str(port), *addresses,
        cwd=FOLDER, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE):
            out, errors = await program.communicate()
    except TimeoutError:
        program.kill()
        await program.wait()
        raise BenchError(f"Lighthouse was not ready after {PATIENCE:g} s") from None
    told = [json.loads(line) for line in out.splitlines()]
    if program.returncode != 0 or len(told) != len(addresses):
        raise BenchError(f"Lighthouse failed: {errors.decode(errors='replace').strip()[-400:]}")
    for each in told:
        if each["failed"] or each["final"] != each["address"]:
            raise BenchError(f"Lighthouse saw {each['final']} where {each['address']} was meant. {each['failed']}")
    return told


def _figure(name: str, told: dict[str, Any]) -> LighthouseFigure:
    metrics = told["metrics"]
    return LighthouseFigure(
        page=name,
        scores={category: round(told["scores"][category] * 100) for category in CATEGORIES},
        lower=[f"{each['category']}: {each['title']} {each['value']}".strip() for each in told["lower"]],
        first_paint=metrics["first_paint"],
        largest_paint=metrics["largest_paint"],
        blocking=metrics["blocking"],
        shift=metrics["shift"],
    )
