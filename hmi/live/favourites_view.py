"""The start page with favourites as a shared view: the lines of the sites, and beside them chosen readings of each.

One socket for all sites. What is sent of a site's favourites is what the page of that site would send
(``ReadingsView``), so quality, age and staleness are judged in the same way. People with the same sites and the same
favourites share one view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from hmi.live.demand import Link
from hmi.live.pictures import DERIVED_CANONS, Picture, main_tag_id
from hmi.live.sites_view import SiteSummary, SitesView
from hmi.live.views import ReadingsView
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog


class Wish(NamedTuple):
    """One favourite at a site: ``kind`` is ``asset`` or ``tag``, ``target`` its id."""

    kind: str
    target: str


Finder = Callable[[Any], Mapping[UUID, tuple[Wish, ...]]]
_registered: list[Finder] = []


def register_finder(find: Finder) -> None:
    """Called once, when the app of the favourites starts. ``find``: a person's favourites by site."""
    _registered[:] = [find]


def find_wishes(person: Any) -> Mapping[UUID, tuple[Wish, ...]]:
    return _registered[0](person) if _registered else {}


def favourites_picture(catalog: Catalog, wishes: Iterable[Wish]) -> Picture:
    """The tags, of an asset its main one and what its alarm rests on; what the site does not have is left out."""
    tags: dict[str, None] = {}
    needed: set[str] = set()
    assets: list[str] = []
    for kind, target in wishes:
        if kind == "tag":
            tag_id = target if catalog.tag(target) is not None else None
        else:
            asset = catalog.asset(target)
            tag_id = None if asset is None else main_tag_id(catalog, asset)
            if asset is not None:
                assets.append(target)
                found = (catalog.tag_of(target, canon) for canon in DERIVED_CANONS)
                needed.update(tag.id for tag in found if tag is not None)
        if tag_id is not None:
            tags[tag_id] = None
    return Picture(tuple(tags), frozenset(needed), tuple(assets))


class FavouritesPart(ReadingsView):
    """The favourites at one site. It has no sockets of its own: what it has to say, the page's view says."""

    def __init__(self, owner: StartView, slug: str, link: Link, wishes: tuple[Wish, ...]) -> None:
        super().__init__(link, lambda catalog: favourites_picture(catalog, wishes))
        self._owner = owner
        self._slug = slug

    def accesses(self) -> Iterable[SiteAccess]:
        yield from self._owner.accesses_to(self._slug)

    def values_changed(self, *, after: float = 0.0) -> None:
        self._owner.values_changed(after=after)

    def say_now(self, *, layout: bool = False, state: bool = False) -> None:
        self._owner.say_now(layout=layout, state=state)

    def publish(self, revision: int) -> bool:
        """Work out what belongs to the page's ``revision``; False when nothing of this site does."""
        self.revision = revision - 1
        self.collect()
        return self.revision == revision

    def changed_since(self, revision: int) -> bool:
        changes = (*self._changed_at.values(), *self._derived_at.values())
        return any(at > revision for at in changes)


class StartView(SitesView):
    """A person's sites and favourites."""

    def __init__(
        self,
        summaries: Mapping[str, tuple[SiteSummary, bool]],
        alarms: frozenset[str],
        favourites: Mapping[str, tuple[Link, tuple[Wish, ...]]],
    ) -> None:
        """``favourites`` by slug; only sites whose values these people may see."""
        super().__init__(summaries, alarms)
        self._parts = {slug: FavouritesPart(self, slug, link, wishes) for slug, (link, wishes) in favourites.items()}

    def start(self) -> None:
        super().start()
        for part in self._parts.values():
            part.start()

    def stop(self, parting: Sequence[SiteAccess]) -> None:
        super().stop(parting)
        for part in self._parts.values():
            part.stop(())  # the sites above already wait for these people

    def members_changed(self) -> None:
        super().members_changed()
        for part in self._parts.values():
            part.members_changed()

    def collect(self) -> None:
        revision = self.revision + 1
        super().collect()
        for part in self._parts.values():
            if part.publish(revision):
                self.revision = revision

    def snapshot_body(self) -> str:
        return self._with_parts(super().snapshot_body(), {slug: p.snapshot_body() for slug, p in self._parts.items()})

    def make_delta_body(self, since: int) -> str:
        changed = {slug: part.make_delta_body(since) for slug, part in self._parts.items() if part.changed_since(since)}
        return self._with_parts(super().make_delta_body(since), changed)

    def make_state_body(self) -> str:
        states = {slug: part.make_state_body() for slug, part in self._parts.items()}
        return self._with_parts(super().make_state_body(), states)

    @staticmethod
    def _with_parts(body: str, parts: Mapping[str, str]) -> str:
        """Bodies are JSON objects without their first brace: put those of the sites into that of the page."""
        if not parts:
            return body
        told = ",".join(f"{msgspec.json.encode(slug).decode()}:{{{part}" for slug, part in parts.items())
        return f'{body[:-1]},"fav":{{{told}}}}}'
