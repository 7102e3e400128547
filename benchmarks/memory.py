"""Memory: what agent, relay and web app hold at rest and with many phones watching one site."""

from __future__ import annotations

import asyncio
import urllib.request
from dataclasses import dataclass

from benchmarks.measured_site import PUBLIC_URL, SLUG, BenchSite
from benchmarks.phones import Crowd
from benchmarks.programs import LOOPBACK, BenchError
from benchmarks.sizes import TANKS, Size

PAGES = 5  # drawn before "at rest": a web app that never drew a page has not loaded half of itself
PAGE_DEADLINE = 10.0  # seconds


@dataclass(frozen=True)
class MemoryFigure:
    """Resident MiB of each program."""

    server: str
    sockets: int
    web: float
    agent: float
    relay: float


async def measure(site: BenchSite, size: Size) -> list[MemoryFigure]:
    rows = []
    for server in size.servers:
        web, port = await site.start_web(server)
        crowd = Crowd(port, SLUG, PUBLIC_URL, "sightline")
        try:
            await asyncio.to_thread(_draw_pages, port, site.people[0].session.session_key)
            await asyncio.sleep(size.settle_seconds)
            rows.append(MemoryFigure(server, 0, web.memory, site.agent.memory, site.relay.memory))
            site.change(TANKS)
            for sockets in size.sockets:
                await crowd.grow(site.people[len(crowd.phones) : sockets])
                await asyncio.sleep(size.memory_seconds)
                rows.append(MemoryFigure(server, sockets, web.memory, site.agent.memory, site.relay.memory))
        finally:
            crowd.leave()
            site.change(0)
            web.stop()
    return rows


def _draw_pages(port: int, session_key: str) -> None:
    request = urllib.request.Request(
        f"http://{LOOPBACK}:{port}/sites/{SLUG}/", headers={"Cookie": f"sightline={session_key}"}
    )
    for _ in range(PAGES):
        with urllib.request.urlopen(request, timeout=PAGE_DEADLINE) as answer:
            if b'data-tag="TK-101.level"' not in answer.read():
                raise BenchError("the overview shows no level of TK-101")
