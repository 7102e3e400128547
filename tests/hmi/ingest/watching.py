"""A view that only watches: which tags, under whose access, and a way to wait for what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable

from hmi.ingest.site_link import SiteLink
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog

PATIENCE = 30.0  # seconds; every wait in these tests is for an event that comes far sooner


class Onlooker:
    """A ``Watcher``. ``until`` waits for a condition, looked at after every change it is told of."""

    def __init__(self, link: SiteLink, *accesses: SiteAccess, tags: Iterable[str] = ("TK-101.level",)) -> None:
        self.link = link
        self.people = list(accesses)
        self.tags = list(tags)
        self.phases: list[str] = []  # that it was told of, after "connecting"
        self._phase = "connecting"
        self.changed: list[set[str]] = []
        self._news = asyncio.Event()

    def wanted_tags(self, catalog: Catalog) -> Collection[str]:
        return self.tags

    def accesses(self) -> Iterable[SiteAccess]:
        return self.people

    def readings_changed(self, tags: Collection[str]) -> None:
        self.changed.append(set(tags))
        self._news.set()

    def link_changed(self) -> None:
        if self._phase != self.link.state.phase:
            self._phase = self.link.state.phase
            self.phases.append(self._phase)
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def until_phase(self, phase: str) -> None:
        await self.until(lambda: self.link.state.phase == phase)

    def value(self, tag: str = "TK-101.level") -> object:
        reading = self.link.latest.get(tag)
        return None if reading is None else reading.value


async def watch_live(link: SiteLink, *accesses: SiteAccess, tags: Iterable[str] = ("TK-101.level",)) -> Onlooker:
    """An onlooker at a link that has come to life."""
    watcher = Onlooker(link, *accesses, tags=tags)
    link.attach(watcher)
    await watcher.until_phase("live")
    return watcher


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for something that tells nobody: what the agent or the relay counts."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)
