"""The page of a watch list as a live view: the line to the app that keeps lists, and which tags belong to such a page.

The app above registers how a list is looked up; sockets know no table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from hmi.live.pictures import MAX_PICTURE_TAGS, Picture, site_picture
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog


@dataclass(frozen=True)
class Entry:
    """A whole asset, or one tag: the other is empty."""

    asset: str = ""
    tag: str = ""


# From an access and a list's key: its entries, or None when the person may not read it. Runs where a database may.
Lookup = Callable[[SiteAccess, UUID], tuple[Entry, ...] | None]
# The same for open pages, all at once: from pairs of a person and a list, those that may be read still.
Reader = tuple[int, UUID]
ManyLookup = Callable[[Collection[Reader]], Mapping[Reader, tuple[Entry, ...]]]
_registered: list[tuple[Lookup, ManyLookup]] = []


def register_lookup(lookup: Lookup, of_many: ManyLookup) -> None:
    """Called once, when the app of the lists starts."""
    _registered[:] = [(lookup, of_many)]


def look_up(access: SiteAccess, key: UUID) -> tuple[Entry, ...] | None:
    return _registered[0][0](access, key)


def look_up_all(pages: Collection[Reader]) -> Mapping[Reader, tuple[Entry, ...]]:
    return _registered[0][1](pages)


def known_entries(catalog: Catalog, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Those that the site has, as far as the catalog that the person was given says so."""
    return tuple(
        entry for entry in entries if (catalog.tag(entry.tag) if entry.tag else catalog.asset(entry.asset)) is not None
    )


def chosen_picture(catalog: Catalog, entries: Sequence[Entry]) -> Picture:
    """Of an asset what the overview shows of it, of a tag its value; in the list's order."""
    found = known_entries(catalog, entries)
    wanted = {entry.asset for entry in found if entry.asset}
    assets = tuple(asset for asset in catalog.assets if asset.id in wanted)
    # The overview of a site that has these assets alone: so both pages always show the same of an asset.
    part = Catalog(catalog.hash, assets=assets, tags=tuple(tag for name in wanted for tag in catalog.tags_of(name)))
    picture = site_picture(part)
    tags = dict.fromkeys([*picture.tags, *(entry.tag for entry in found if entry.tag)])
    return Picture(tuple(tags)[:MAX_PICTURE_TAGS], picture.needed, picture.assets)
