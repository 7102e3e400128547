"""How long after access ended the last value reaches a phone: the seven ways, and with what tells of them missing.

Two web processes share one database; each person has a page at both. A change is made in the first process, so its
page hears the bell, and the other's is found by the news and the look of each second. *Nobody told*: the same changes
as SQL by another program. *Stopped*: the first web process is frozen (SIGSTOP), so that only the agent can end it.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.figures import percentile
from benchmarks.measured_site import BenchSite
from benchmarks.programs import BenchError
from benchmarks.revocation_place import EXPIRY_STEP, Place, RevocationPlace, Watcher, revocation_place
from benchmarks.sizes import Size

SPACING = 0.1  # seconds between two changes at most: each falls at another moment of a look's second
BATCH = 25  # people who watch at the same time
SITES = 5  # of which each is switched off and on again
OPEN_AHEAD = 1.5, 0.2  # seconds, and for each person, in which all pages are open before the first grant expires
FROZEN = 36.0  # seconds that the web process stands still: the lease and a margin
SINGLE_WAYS = ("edited", "expired", "disabled", "password", "factors", "session", "role")
SQL = {
    "edited": "UPDATE sites_grant SET revoked_at = valid_from WHERE id = :grant",
    "disabled": "UPDATE accounts_user SET is_active = 0 WHERE id = :person",
    "password": "UPDATE accounts_user SET password = '!gone' WHERE id = :person",
    "session": "DELETE FROM django_session WHERE session_key = :session",
    "role": "UPDATE accounts_role SET scopes = 'status:read' WHERE id = :role",
    "site": "UPDATE sites_site SET enabled = 0 WHERE id = :site",
}


@dataclass
class Ends:
    """Of one way and one kind of page, in ms after the change: the last data frame (0 when none came), and the end."""

    last: list[float] = field(default_factory=list)
    over: list[float] = field(default_factory=list)

    def add(self, changed_at: float, last_data: float, over_at: float) -> None:
        self.last.append(max(0.0, last_data - changed_at) * 1000)
        self.over.append(max(0.0, over_at - changed_at) * 1000)


@dataclass(frozen=True)
class EndFigure:
    """One row. ``told``: "same" process, "other" process, or "nobody". All times in ms."""

    way: str
    told: str
    count: int
    last_max: float
    last_p99: float
    over_p50: float
    over_max: float
    over_p99: float


@dataclass(frozen=True)
class Revocation:
    """``site``: ms from switching a site off until its agent let go of the last stream. ``lease``: the same from the
    moment at which the web process stood still. ``after_frozen``: data frames that came when it went on again."""

    rows: list[EndFigure]
    site: list[float]
    lease: list[float]
    after_frozen: int


async def measure(bench: BenchSite, size: Size) -> Revocation:
    ends: dict[tuple[str, str], Ends] = {}
    async with revocation_place(bench, min(SITES, size.revocations)) as place:
        for way in SINGLE_WAYS:
            # The two that end all sign-ins of a person are one way together.
            count = size.revocations // 2 if way in {"password", "factors"} else size.revocations
            await _single(place, way, max(1, count), ends)
        site = await _site_ways(place, size.revocations, ends)
        await _untold(place, size.untold_revocations, ends)
        lease, after = await _frozen(place) if size.frozen else ([], 0)
    return Revocation([_figure(*key, found) for key, found in ends.items()], site, lease, after)


async def _single(place: RevocationPlace, way: str, count: int, ends: dict[tuple[str, str], Ends]) -> None:
    slug = place.sites[0].site.slug
    named = "password or factors" if way in {"password", "factors"} else way
    for start in range(0, count, BATCH):
        many = min(BATCH, count - start)
        expires = time.time() + OPEN_AHEAD[0] + (OPEN_AHEAD[1] + EXPIRY_STEP) * many if way == "expired" else None
        watchers = await place.watchers(many, ends=expires)
        await asyncio.gather(*(place.open(watcher, slug) for watcher in watchers))
        if way != "expired":
            for watcher in watchers:
                await asyncio.sleep(random.uniform(0, SPACING))
                watcher.changed_at = (await place.webs[0].ask(way, **watcher.facts))["at"]
        await _collect(watchers, named, ends)


async def _collect(watchers: list[Watcher], way: str, ends: dict[tuple[str, str], Ends]) -> None:
    for watcher in watchers:
        for told, page in zip(("same", "other"), watcher.pages, strict=False):
            await page.until_over()
            ends.setdefault((way, told), Ends()).add(watcher.changed_at, page.last_data, page.over_at)
            await page.close()


async def _site_ways(place: RevocationPlace, count: int, ends: dict[tuple[str, str], Ends]) -> list[float]:
    """Switch sites off, and on again for the next person; answers what the agents' journals say of it."""
    let_go: list[float] = []
    for _ in range(0, count, len(place.sites)):
        watchers = [(await place.watchers(1, each.site))[0] for each in place.sites]
        pairs = list(zip(place.sites, watchers, strict=True))
        await asyncio.gather(*(place.open(watcher, each.site.slug) for each, watcher in pairs))
        for watcher in watchers:
            await asyncio.sleep(random.uniform(0, SPACING))
            watcher.changed_at = (await place.webs[0].ask("site", on=False, **watcher.facts))["at"]
        await _collect(watchers, "site", ends)
        for each, watcher in pairs:
            let_go.append(await _until_let_go(each, watcher.changed_at, sessions=2))
            await place.webs[0].ask("site", on=True, **watcher.facts)
    return let_go


async def _until_let_go(place: Place, since: float, *, sessions: int) -> float:
    """ms until the last of so many streams ended, by the agent's journal: withdrawn, run out, or the session over."""
    deadline = time.time() + 45.0
    while time.time() < deadline:
        ends: dict[str, int] = {}
        for event in _events(place):
            if event.tag in {"agent:lease:ended", "agent:session:ended"} and event.at >= since * 1000 - 1:
                ends.setdefault(event.request_id, event.at)
        if len(ends) >= sessions:
            return max(0.0, max(ends.values()) - since * 1000)
        await asyncio.sleep(0.05)
    raise BenchError(f"the agent of {place.site.slug} went on streaming")


def _events(place: Place) -> list[Any]:
    from relay_bridge.agent.journal_files import journal_files, read_events  # noqa: PLC0415

    return [event for file in journal_files(place.journal)[-1:] for event in read_events(file)]


async def _untold(place: RevocationPlace, count: int, ends: dict[tuple[str, str], Ends]) -> None:
    """The changes as SQL: no bell, no news, only the look of each second."""
    for way, statement in SQL.items():
        sites = place.sites if way == "site" else place.sites[:1] * count
        watchers = [(await place.watchers(1, each.site))[0] for each in sites]
        pairs = list(zip(sites, watchers, strict=True))
        await asyncio.gather(*(place.open(watcher, each.site.slug, webs=1) for each, watcher in pairs))
        for watcher in watchers:
            await asyncio.sleep(random.uniform(0, SPACING))
            watcher.changed_at = await asyncio.to_thread(_execute, place, statement, watcher.facts)
        for watcher in watchers:
            (page,) = watcher.pages
            await page.until_over()
            ends.setdefault((way, "nobody"), Ends()).add(watcher.changed_at, page.last_data, page.over_at)
            await page.close()
        if way == "site":
            for watcher in watchers:
                await place.webs[0].ask("site", on=True, **watcher.facts)


def _execute(place: RevocationPlace, statement: str, facts: dict[str, Any]) -> float:
    database = place.bench.folder / "state" / "sightline.sqlite3"
    # Django keeps UUIDs in SQLite as 32 hexadecimal digits.
    values = {name: value.replace("-", "") if name in {"grant", "site"} else value for name, value in facts.items()}
    connection = sqlite3.connect(database, timeout=10, isolation_level=None)
    try:
        changed = connection.execute(statement, values).rowcount
        at = time.time()
    finally:
        connection.close()
    if changed != 1:
        raise BenchError(f"{changed} rows were changed instead of one: {statement}")
    return at


async def _frozen(place: RevocationPlace) -> tuple[list[float], int]:
    """Stop the first web process, end everybody's access, and let it go on after the lease."""
    watchers = [(await place.watchers(1, each.site))[0] for each in place.sites]
    pairs = list(zip(place.sites, watchers, strict=True))
    await asyncio.gather(*(place.open(watcher, each.site.slug, webs=1) for each, watcher in pairs))
    await asyncio.sleep(2.0)
    web = place.webs[0].program
    web.signal(signal.SIGSTOP)
    stopped_at = time.time()
    try:
        for watcher in watchers:
            watcher.changed_at = await asyncio.to_thread(_execute, place, SQL["edited"], watcher.facts)
        await asyncio.sleep(FROZEN)
        left = [await _until_let_go(each, stopped_at, sessions=1) for each in place.sites]
    finally:
        web.signal(signal.SIGCONT)
    for watcher in watchers:
        await watcher.pages[0].until_over()
    after = sum(page.last_data > watcher.changed_at for watcher in watchers for page in watcher.pages)
    for watcher in watchers:
        await watcher.pages[0].close()
    return left, after


def _figure(way: str, told: str, ends: Ends) -> EndFigure:
    over: Callable[[float], float] = lambda share: percentile(ends.over, share)  # noqa: E731
    return EndFigure(
        way=way,
        told=told,
        count=len(ends.over),
        last_max=max(ends.last),
        last_p99=percentile(ends.last, 0.99),
        over_p50=over(0.5),
        over_max=max(ends.over),
        over_p99=over(0.99),
    )
