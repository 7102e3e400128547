"""Fan-out: what it costs the web app that many phones watch one site whose values change once a second.

Two whole web apps run side by side, on daphne and on uvicorn, and are measured in turn: one rests while the other
works. Every phone is a person of its own, really signed in, and answers each frame as the page does.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field

from benchmarks.figures import Spread, percentile
from benchmarks.measured_site import PUBLIC_URL, SLUG, BenchSite, own_cpu
from benchmarks.phones import Crowd
from benchmarks.programs import BenchError, Program
from benchmarks.sizes import Size

WINDOWS = 5  # tries for one that holds anything at all

Case = tuple[str, int, int]  # server, sockets, tags that change a second


@dataclass
class Runs:
    """Every repetition of one case. CPU in seconds per 1000 deliveries, delays in ms, shares of one core."""

    cpu: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    core: list[float] = field(default_factory=list)
    own_cpu: list[float] = field(default_factory=list)
    delivered: int = 0
    due: int = 0


@dataclass(frozen=True)
class FanOutFigure:
    """One row. ``core``: share of one core; ``own_cpu``: what the measuring side itself spent per 1000 deliveries."""

    server: str
    sockets: int
    changing: int
    cpu: Spread
    p50: Spread
    p99: Spread
    core: Spread
    own_cpu: float
    delivered: int
    due: int


@dataclass(frozen=True)
class IdleFigure:
    """The web app while nothing changes: heartbeats, and the look at everybody's access once a second."""

    server: str
    sockets: int
    core: Spread
    connect_ms: Spread  # of web app CPU for one more phone, until it shows live values


@dataclass(frozen=True)
class FanOut:
    rows: list[FanOutFigure]
    idle: list[IdleFigure]


async def measure(site: BenchSite, size: Size) -> FanOut:
    runs: dict[Case, Runs] = defaultdict(Runs)
    idle: dict[tuple[str, int], list[float]] = defaultdict(list)
    connect: dict[tuple[str, int], list[float]] = defaultdict(list)
    apps = {server: await site.start_web(server) for server in size.servers}
    try:
        for _ in range(size.fan_out_rounds):
            for server, (web, port) in apps.items():
                crowd = Crowd(port, SLUG, PUBLIC_URL, "sightline")
                try:
                    for sockets in size.sockets:
                        connect[server, sockets].append(await grow(crowd, site, web, sockets))
                        for changing in size.changing:
                            await _window(site, web, crowd, size, changing, runs[server, sockets, changing])
                        idle[server, sockets].append(await _idle(site, web, crowd, size))
                finally:
                    crowd.leave()
                await asyncio.sleep(size.settle_seconds)  # for closed sockets to be put away
    finally:
        for web, _ in apps.values():
            web.stop()
    return FanOut(
        [_figure(case, figures) for case, figures in runs.items()],
        [
            IdleFigure(server, sockets, Spread.of(cores), Spread.of(connect[server, sockets]))
            for (server, sockets), cores in idle.items()
        ],
    )


async def grow(crowd: Crowd, site: BenchSite, web: Program, sockets: int) -> float:
    """Let the crowd have ``sockets`` phones; the web app's CPU for each new one, in ms."""
    have = len(crowd.phones)
    before = web.cpu
    await crowd.grow(site.people[have:sockets])
    return (web.cpu - before) / (sockets - have) * 1000


async def _window(site: BenchSite, web: Program, crowd: Crowd, size: Size, changing: int, into: Runs) -> None:  # noqa: PLR0917
    site.change(changing)
    await asyncio.sleep(size.settle_seconds)
    for _ in range(WINDOWS):  # on a busy machine a short window may hold nothing: then it has measured nothing
        await crowd.begin_window()
        before, own, begun = web.cpu, own_cpu(), time.perf_counter()
        await asyncio.sleep(size.fan_out_seconds)
        tally = await crowd.end_window()
        spent, own, took = web.cpu - before, own_cpu() - own, time.perf_counter() - begun
        if tally.delays or crowd.problems:
            break
    if crowd.problems:
        raise BenchError(f"{len(crowd.problems)} troubles with phones, the first: {crowd.problems[0]}")
    delivered = len(tally.delays)
    if not delivered:
        raise BenchError("the phones got nothing")
    into.cpu.append(spent / delivered * 1000)
    into.own_cpu.append(own / delivered * 1000)
    into.p50.append(percentile(tally.delays, 0.50))
    into.p99.append(percentile(tally.delays, 0.99))
    into.core.append(spent / took)
    into.delivered += delivered
    # All phones look at the same view, so what the quickest got was there for each of them.
    into.due += max(phone.frames for phone in crowd.phones) * len(crowd.phones)


async def _idle(site: BenchSite, web: Program, crowd: Crowd, size: Size) -> float:
    site.change(0)
    await asyncio.sleep(size.settle_seconds)
    before, begun = web.cpu, time.perf_counter()
    await asyncio.sleep(size.idle_seconds)
    return (web.cpu - before) / (time.perf_counter() - begun)


def _figure(case: Case, runs: Runs) -> FanOutFigure:
    server, sockets, changing = case
    return FanOutFigure(
        server=server,
        sockets=sockets,
        changing=changing,
        cpu=Spread.of(runs.cpu),
        p50=Spread.of(runs.p50),
        p99=Spread.of(runs.p99),
        core=Spread.of(runs.core),
        own_cpu=Spread.of(runs.own_cpu).median,
        delivered=runs.delivered,
        due=runs.due,
    )
