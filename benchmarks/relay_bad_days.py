"""Bad days at the relay: what healthy requests feel while others drip, crowd, shout or do not read.

Healthy requests are measured in turns, without and with each attack, on connections that are kept and on new ones. The
attacker is a program of its own; but it shares the machine's cores, so a part of every ratio is its own hunger.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks.figures import Spread
from benchmarks.relay_place import RelayPlace
from benchmarks.sizes import Size
from benchmarks.worker import Worker

HEALTHY_IN_FLIGHT = 4
KINDS = ("slow_heads", "half_open", "junk", "unread_streams", "unread_answers", "unread_requests")
ALL_HELD = 10.0  # seconds that an attack has to get its connections; the relay may refuse the last of them
LOOKS = 0.1  # seconds between looks


@dataclass(frozen=True)
class BadDayFigure:
    """``p95``: ms, of requests on kept connections; ``fresh``: on a connection of their own each. ``relay``: MiB.

    ``held``: connections that the attack had when the measurement began. ``cpu``: cores that the attacker itself took.
    """

    kind: str
    count: int
    held: int
    p95_before: Spread
    p95: Spread
    fresh_before: Spread
    fresh: Spread
    failed: int
    relay_before: float
    relay: float
    cpu: float


async def measure(place: RelayPlace, size: Size) -> list[BadDayFigure]:
    counts = {
        "slow_heads": size.slow_heads,
        "half_open": size.half_open,
        "junk": size.junk_each_second,
        **dict.fromkeys(("unread_streams", "unread_answers", "unread_requests"), size.unread_count),
    }
    attacker = await place.start_attacker()
    try:
        return [await _bad_day(place, attacker, kind, counts[kind], size) for kind in KINDS]
    finally:
        attacker.stop()


async def _bad_day(place: RelayPlace, attacker: Worker, kind: str, count: int, size: Size) -> BadDayFigure:
    before: list[tuple[float, float]] = []
    during: list[tuple[float, float]] = []
    failed, held, memory, cpu = 0, 0, [0.0, 0.0], 0.0
    for _ in range(size.bad_day_rounds):
        *healthy, lost = await _healthy(place, size)
        before.append((healthy[0], healthy[1]))
        memory[0] = max(memory[0], place.relay.memory)
        failed += lost
        await attacker.ask("start", kind=kind, count=count)
        held = await _all_held(attacker, kind, count)
        await asyncio.sleep(size.settle_seconds)  # past the rush of the beginning
        own, begun = attacker.program.cpu, asyncio.get_running_loop().time()
        *healthy, lost = await _healthy(place, size)
        cpu = max(cpu, (attacker.program.cpu - own) / (asyncio.get_running_loop().time() - begun))
        during.append((healthy[0], healthy[1]))
        memory[1] = max(memory[1], place.relay.memory)
        failed += lost
        await attacker.ask("stop")
        await asyncio.sleep(size.settle_seconds / 2)
    return BadDayFigure(
        kind=kind,
        count=count,
        held=held,
        p95_before=Spread.of([kept for kept, _ in before]),
        p95=Spread.of([kept for kept, _ in during]),
        fresh_before=Spread.of([fresh for _, fresh in before]),
        fresh=Spread.of([fresh for _, fresh in during]),
        failed=failed,
        relay_before=memory[0],
        relay=memory[1],
        cpu=cpu,
    )


async def _healthy(place: RelayPlace, size: Size) -> tuple[float, float, int]:
    """p95 on kept and on new connections, in ms, and how many requests failed."""
    kept = await place.window(
        place.sender, place.listener, "get", in_flight=HEALTHY_IN_FLIGHT, seconds=size.bad_day_seconds
    )
    fresh = await place.window(place.sender, place.listener, "first_byte", in_flight=1, seconds=size.bad_day_seconds)
    return kept.p95, fresh.p95, kept.failed + fresh.failed


async def _all_held(attacker: Worker, kind: str, count: int) -> int:
    """Wait until the attack has its connections, as far as it gets them."""
    loop = asyncio.get_running_loop()
    end = loop.time() + ALL_HELD
    held = 0
    while loop.time() < end:
        held = (await attacker.ask("look"))["held"]
        if kind == "junk" or held >= count:
            break
        await asyncio.sleep(LOOKS)
    return held
