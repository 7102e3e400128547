"""A screen that looks at a shared view, on a real link that a test feeds by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn
from uuid import UUID, uuid4

from hmi.ingest.site_link import SiteLink
from hmi.live.hub import Hub, SharedView
from hmi.live.outbox import Outbox
from hmi.live.pictures import site_picture
from hmi.live.views import ReadingsView
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog
from hmi.sites.models import Site
from relay_bridge.contract.messages import CatalogAsset, CatalogTag, Limits, SourceState
from relay_bridge.contract.readings import Reading

T = 1_795_370_000_000
LEVELS = ["TK-101.level", "TK-102.level"]


def catalog(*tanks: str, mark: str = "a") -> Catalog:
    limits = Limits(ll=0.5, l=1.0, h=13.0, hh=14.0)
    return Catalog(
        mark,
        ("North farm",),
        tuple(CatalogAsset(tank, tank, "North farm", "tank") for tank in tanks),
        tuple(
            CatalogTag(f"{tank}.level", "Level", tank, "main", unit="m", dec=3, lo=0, hi=15, canon="level", lim=limits)
            for tank in tanks
        ),
    )


TWO_TANKS = catalog("TK-101", "TK-102")


async def nowhere(_: UUID) -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError


def make_access(site: Site) -> SiteAccess:
    scopes = frozenset({"status:read", "data:live"})
    return SiteAccess(site, uuid4(), 1, "viewer", scopes, datetime(2030, 1, 1, tzinfo=UTC), 1)


class Screen:
    """A member of a view that takes whatever is due when it is woken, and answers at once."""

    def __init__(self, hub: Hub, access: SiteAccess) -> None:
        self._hub, self.access = hub, access
        self.outbox = Outbox()
        self.frames: list[dict[str, Any]] = []
        self.texts: list[str] = []
        self.answers = True
        self.news = asyncio.Event()
        self.view: SharedView | None = None

    def look(self, key: Any, make: Any) -> SharedView:
        self.view = self._hub.join(key, self, make)
        self.wake()
        return self.view

    def live_accesses(self) -> Sequence[SiteAccess]:
        return [self.access]

    def wake(self) -> None:
        while self.view and (text := self.outbox.take(self.view, asyncio.get_running_loop().time())):
            self.texts.append(text)
            self.frames.append(json.loads(text))
            if self.answers:
                self.outbox.acknowledge(self.frames[-1]["n"])
            self.news.set()

    async def next(self, kind: str) -> dict[str, Any]:
        seen = len(self.frames)
        async with asyncio.timeout(5):
            while True:
                for frame in self.frames[seen:]:
                    if frame["k"] == kind:
                        return frame
                self.news.clear()
                await self.news.wait()


async def go_live(link: SiteLink, level: float = 5.0) -> None:
    """What a session would tell the link; first the link's own task gets its turn to begin."""
    await asyncio.sleep(0)
    link.took_sources({"main": SourceState(0, T, "")})
    link.took_catalog(TWO_TANKS)
    link.took_readings({tag: Reading(level, T) for tag in LEVELS})
    link.became_current(LEVELS)


def look(link: SiteLink, hub: Hub) -> Screen:
    screen = Screen(hub, make_access(link.site))
    screen.look("north", lambda: ReadingsView(link, site_picture))
    return screen
