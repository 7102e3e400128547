"""Read path: what the way through gateway, relay and sealed session costs beside the agent's handler alone.

    gateway   Gateway.read, as a page calls it → relay → agent
    session   SiteSession.call on a session of its own → relay → agent: the same without the gateway's checks
    direct    SiteSession.call over a bare loopback socket → the same handler in the same agent

All three ask the same agent for the same ten tags. ``people`` is the gateway again, but with a different person behind
every call in flight, each under their own site token.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from benchmarks.figures import Spread, percentile
from benchmarks.measured_site import SLUG, BenchSite, own_cpu
from benchmarks.plain_channel import PlainChannel
from benchmarks.programs import LOOPBACK
from benchmarks.sizes import Size
from relay_bridge.contract.messages import VERSION, Hello, HelloAnswer, Read, ReadAnswer

TAGS = [f"TK-{101 + place}.level" for place in range(10)]  # as many as a tank page shows
PEOPLE = 64
READING = frozenset({"data:live"})
WARM_UP = 0.2  # seconds, or less when the measurement itself is shorter

Call = Callable[[int], Awaitable[Any]]  # one read; the argument says for which of those in flight


@dataclass
class Runs:
    """Every repetition of one way at one number in flight. Delays in ms, CPU in µs per round trip."""

    rate: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    web_cpu: list[float] = field(default_factory=list)
    relay_cpu: list[float] = field(default_factory=list)
    agent_cpu: list[float] = field(default_factory=list)
    failed: int = 0


@dataclass(frozen=True)
class ReadFigure:
    """One row. ``failed`` of ``done + failed`` calls got no reading."""

    way: str
    in_flight: int
    rate: Spread
    p50: Spread
    p99: Spread
    web_cpu: float
    relay_cpu: float
    agent_cpu: float
    failed: int


async def measure(site: BenchSite, size: Size) -> list[ReadFigure]:
    """The ways alternate within each repetition, so that noise of the machine falls on all of them."""
    from hmi.sites.gateway import Gateway  # noqa: PLC0415 - Django must have its settings first

    gateway = Gateway()
    sealed, sealed_call = await _sealed(site)
    direct, direct_call = await _direct(site)
    accesses = [await _access(site, place) for place in range(min(PEOPLE, len(site.people)))]
    ways: dict[str, Call] = {
        "direct": direct_call,
        "session": sealed_call,
        "gateway": lambda _: gateway.read(accesses[0], TAGS),
    }
    runs = {(way, in_flight): Runs() for in_flight in size.in_flight for way in ways}
    most = max(size.in_flight)
    crowd: Call = lambda place: gateway.read(accesses[place % len(accesses)], TAGS)  # noqa: E731
    runs["people", most] = Runs()
    try:
        for _ in range(size.read_rounds):
            for (way, in_flight), figures in runs.items():
                call = crowd if way == "people" else ways[way]
                await _run(call, in_flight, min(WARM_UP, size.read_seconds), site, Runs())
                await _run(call, in_flight, size.read_seconds, site, figures)
    finally:
        await asyncio.gather(gateway.close(), sealed.close(), direct.close())
    return [_figure(way, in_flight, figures) for (way, in_flight), figures in runs.items()]


async def _run(call: Call, in_flight: int, seconds: float, site: BenchSite, into: Runs) -> None:
    from hmi.sites.errors import SiteError  # noqa: PLC0415

    delays: list[float] = []
    failed = 0
    before = own_cpu(), site.relay.cpu, site.agent.cpu
    begun = time.perf_counter()
    end = begun + seconds

    async def keep_asking(place: int) -> None:
        nonlocal failed
        while (asked := time.perf_counter()) < end:
            try:
                await call(place)
            except SiteError:
                failed += 1
            else:
                delays.append((time.perf_counter() - asked) * 1000)

    await asyncio.gather(*(keep_asking(place) for place in range(in_flight)))
    took = time.perf_counter() - begun
    spent = [after - was for after, was in zip((own_cpu(), site.relay.cpu, site.agent.cpu), before, strict=True)]
    into.rate.append(len(delays) / took)
    into.p50.append(percentile(delays, 0.50))
    into.p99.append(percentile(delays, 0.99))
    for series, seconds_spent in zip((into.web_cpu, into.relay_cpu, into.agent_cpu), spent, strict=True):
        series.append(seconds_spent / max(1, len(delays)) * 1e6)
    into.failed += failed


def _figure(way: str, in_flight: int, runs: Runs) -> ReadFigure:
    return ReadFigure(
        way=way,
        in_flight=in_flight,
        rate=Spread.of(runs.rate),
        p50=Spread.of(runs.p50),
        p99=Spread.of(runs.p99),
        web_cpu=Spread.of(runs.web_cpu).median,
        relay_cpu=Spread.of(runs.relay_cpu).median,
        agent_cpu=Spread.of(runs.agent_cpu).median,
        failed=runs.failed,
    )


async def _access(site: BenchSite, place: int) -> Any:
    from hmi.sites.access import aget_site_for  # noqa: PLC0415

    person = site.people[place]
    return await aget_site_for(person.user, SLUG, scope="data:live", session=person.session)


async def _sealed(site: BenchSite) -> tuple[Any, Call]:
    from hmi.sites.conduit_info import aget_conduit_info  # noqa: PLC0415
    from hmi.sites.site_session import SiteSession  # noqa: PLC0415

    session = await SiteSession.open(await aget_conduit_info(site.site.id))
    return session, await _under_token(site, session)


async def _direct(site: BenchSite) -> tuple[Any, Call]:
    from hmi.sites.conduit_info import aget_conduit_info  # noqa: PLC0415
    from hmi.sites.site_session import SiteSession  # noqa: PLC0415

    reader, writer = await asyncio.open_connection(LOOPBACK, site.direct_port)
    info = await aget_conduit_info(site.site.id)
    # It needs nothing of its channel but to send, to receive and to close.
    session = SiteSession(info, cast(Any, PlainChannel(reader, writer, "")), None)
    session.hello = await session.call("hello", Hello(v=VERSION), HelloAnswer)
    return session, await _under_token(site, session)


async def _under_token(site: BenchSite, session: Any) -> Call:
    """``read`` under a site token of the first person. It lives 120 s, so it is renewed when half of that is over."""
    from hmi.sites.tokens import asite_token_for  # noqa: PLC0415

    access = await _access(site, 0)
    handle: int | None = None
    presented = 0.0

    async def call(_: int) -> Any:
        nonlocal handle, presented
        if time.monotonic() - presented > 60:
            presented = time.monotonic()
            handle = (await session.authenticate(await asite_token_for(access, READING), renew=handle)).a
        return await session.call("read", Read(tags=TAGS), ReadAnswer, handle=handle)

    await call(0)
    return call
