"""The agent's own history: what the ring takes in, what it costs on the disk, and what ``hist`` answers out of it.

*Written* is what the process gave to the file system for the file, journal included; *file* what it grew by for each
sample. The ring is fed as the recorder feeds it, a flush at a time; ``hist`` is asked through the relay, of a real
agent whose file was filled beforehand with one sample a second.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.agent_place import AgentPlace
from benchmarks.figures import Spread
from benchmarks.sizes import Size
from relay_bridge.agent.history.recorder import FLUSH
from relay_bridge.agent.history.ring_store import RingStore, Sample
from relay_bridge.contract.codec import encode_result
from relay_bridge.contract.history import Hist, HistAnswer
from tests.relay_bridge.agent.support import HEAD, WebApp

MIB = 1024 * 1024
HOUR = 3_600_000  # ms
TAGS = [f"TK-{101 + number}.level" for number in range(8)]
ASKED = 5  # times each
MEMORY = """
[history]
max_mb = 2048
[limits]
requests_per_second = 100000
[[source]]
id = "main"
kind = "memory"
"""
TANK = """
[[tank]]
id = "{id}"
source = "main"
area = "Farm"
map = {{ level = "Level" }}
"""


@dataclass(frozen=True)
class RingFigure:
    """``every``: seconds between two flushes; ``busy``: of one core, in the thread of the file."""

    tags: int
    every: float
    takes: float  # samples a second, when it does nothing else
    busy: float
    bytes_each: float
    written_each: float


@dataclass(frozen=True)
class AnswerFigure:
    """``samples`` of one tag in the time that is asked for; ms at the measuring process; bytes of one answer."""

    hours: int
    samples: int
    tags: int
    took: Spread
    bytes: int
    pages: int


@dataclass(frozen=True)
class HistoryFigures:
    rings: list[RingFigure]
    answers: list[AnswerFigure]


async def measure(place: AgentPlace, size: Size) -> HistoryFigures:
    tags, hours = size.agent_history
    rings = [
        await asyncio.to_thread(_feed, place.folder / f"ring-{every:g}", tags, every, size.agent_flushes)
        for every in dict.fromkeys((2.0, FLUSH))
    ]
    return HistoryFigures(rings, await _ask(place, hours))


def _feed(folder: Path, tags: int, every: float, flushes: int) -> RingFigure:
    """``tags`` that change once a second, for as many seconds as the flushes cover."""
    store = RingStore(folder / "ring.sqlite3", 4096 * MIB)
    store.open()
    names = [f"TK-{number}.level" for number in range(tags)]
    now = int(time.time() * 1000)
    flushes = max(2, round(flushes * 2 / every))
    seconds, took, before = 0, 0.0, _written()
    try:
        for flush in range(flushes):
            batch = [
                Sample(name, now + (seconds + step) * 1000 + place, round(5 + math.sin(step + place + flush), 3), 0)
                for step in range(round(every))
                for place, name in enumerate(names)
            ]
            seconds += round(every)
            began = time.perf_counter()
            store.append(batch, now + seconds * 1000)
            took += time.perf_counter() - began
    finally:
        store.close()
    samples = tags * seconds
    return RingFigure(
        tags, every, samples / took, took / seconds, (folder / "ring.sqlite3").stat().st_size / samples,
        (_written() - before) / samples,
    )  # fmt: skip


async def _ask(place: AgentPlace, hours: int) -> list[AnswerFigure]:
    tanks = "".join(TANK.format(id=tag.partition(".")[0]) for tag in TAGS)
    place.site.configure(MEMORY, tanks, head=HEAD)
    file = place.site.folder / "state" / "history.sqlite3"
    now = int(time.time() * 1000)

    def fill() -> None:
        store = RingStore(file, 2048 * MIB)
        store.open()
        for tag in TAGS:
            samples = (
                Sample(tag, now - second * 1000, round(5 + math.sin(second / 700), 3), 0)
                for second in range(hours * 3600, 0, -1)
            )
            store.append(samples, now)
        store.close()

    rows = []
    async with place.agent(before=lambda: asyncio.to_thread(fill)), place.session() as (web_app, handle):
        for span in sorted({1, hours}):
            for tags in (TAGS[:1], TAGS):
                rows.append(await _measure(web_app, handle, tags, span, now))
    return rows


async def _measure(web_app: WebApp, handle: int, tags: list[str], hours: int, now: int) -> AnswerFigure:
    took, size, pages = [], 0, 0
    for _ in range(ASKED):
        size = pages = 0
        cursor: str | None = None
        began = time.perf_counter()
        while pages == 0 or cursor is not None:
            query = Hist(tags=tags, start=now - hours * HOUR, end=now, n=300, cur=cursor)
            answer = await web_app.call("hist", HistAnswer, query, handle)
            size += len(encode_result(1, answer))
            pages += 1
            cursor = answer.cur
        took.append((time.perf_counter() - began) * 1000)
    return AnswerFigure(hours, hours * 3600, len(tags), Spread.of(took), size, pages)


def _written() -> int:
    """Bytes that this process has given to the file system so far."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("wchar"):
            return int(line.split()[1])
    return 0
