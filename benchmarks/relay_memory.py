"""Memory of the relay and of our listener: a thousand joined sockets that say nothing, and readers that do not read."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from benchmarks.relay_place import RelayPlace
from benchmarks.sizes import Size
from benchmarks.worker import Worker

UNREAD = ("unread_streams", "unread_answers", "unread_requests")
LOOKS = 0.1  # seconds between looks at memory


@dataclass(frozen=True)
class IdleSockets:
    """Resident KiB for each of ``sockets`` joined streams."""

    sockets: int
    relay: float
    listener: float
    sender: float


@dataclass(frozen=True)
class UnreadFigure:
    """``count`` ends that take nothing, for some seconds. Resident MiB before, half-way and at the end."""

    kind: str
    count: int
    seconds: float
    relay: tuple[float, float, float]
    listener: tuple[float, float, float]


@dataclass(frozen=True)
class RelayMemory:
    idle: IdleSockets
    unread: list[UnreadFigure]


async def measure(place: RelayPlace, size: Size) -> RelayMemory:
    idle = await _idle(place, size)
    attacker = await place.start_attacker()
    try:
        unread = [await _unread(place, attacker, kind, size) for kind in UNREAD]
    finally:
        attacker.stop()
    return RelayMemory(idle, unread)


async def _idle(place: RelayPlace, size: Size) -> IdleSockets:
    programs = place.relay, place.listener.program, place.sender.program
    # Once before: what the first crowd leaves behind in allocators is not what a socket costs.
    await place.sender.ask("open_idle", sockets=max(1, size.idle_sockets // 10))
    await place.sender.ask("close_idle")
    await asyncio.sleep(size.settle_seconds)
    before = [program.memory for program in programs]
    await place.sender.ask("open_idle", sockets=size.idle_sockets)
    await asyncio.sleep(size.settle_seconds)
    grown = [(program.memory - was) * 1024 / size.idle_sockets for program, was in zip(programs, before, strict=True)]
    await place.sender.ask("close_idle")
    return IdleSockets(size.idle_sockets, *grown)


async def _unread(place: RelayPlace, attacker: Worker, kind: str, size: Size) -> UnreadFigure:
    programs = place.relay, place.listener.program
    seen = [[program.memory] for program in programs]
    begun = time.monotonic()
    await attacker.ask("start", kind=kind, count=size.unread_count)
    for _ in range(2):
        highest = [0.0, 0.0]
        end = time.monotonic() + size.unread_seconds / 2
        while time.monotonic() < end:
            await asyncio.sleep(LOOKS)
            highest = [max(was, program.memory) for was, program in zip(highest, programs, strict=True)]
        for series, value in zip(seen, highest, strict=True):
            series.append(value)
    took = time.monotonic() - begun
    await attacker.ask("stop")
    await asyncio.sleep(size.settle_seconds)
    (a, b, c), (d, e, f) = seen
    return UnreadFigure(kind, size.unread_count, took, (a, b, c), (d, e, f))
