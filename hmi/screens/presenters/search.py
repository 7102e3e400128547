"""What the search found, as lines to tap: each says what it is, at which site and in which area."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hmi.alarms.presenting import LETTERS, alarm_name, priority_words, state_words
from hmi.live.favourites_view import Wish
from hmi.screens.presenters.favourites import tag_address
from hmi.screens.presenters.overview import asset_address
from hmi.screens.search_index import Found, Ground, Hit, Kind
from hmi.sites.plain_text import plain
from hmi.sites.tag_names import tag_name
from relay_bridge.contract.alarms import AlarmRow, band_of
from relay_bridge.contract.messages import CatalogAsset, CatalogTag

HEADINGS: Mapping[Kind, Any] = {
    "site": _("Sites"),
    "asset": _("Tanks and units"),
    "tag": _("Tags"),
    "alarm": _("Alarms"),
}
MAX_NAME = 120  # characters


@dataclass(frozen=True)
class ShownAlarmMark:
    """Priority as a badge, and the state in words."""

    band: str
    letter: str
    words: str
    state: str
    waits: bool


@dataclass(frozen=True)
class ShownHit:
    """``id`` is shown beside the name where they differ. ``star``: what would be starred, None where nothing can."""

    name: str
    id: str
    site: str
    area: str
    href: str
    star: dict[str, Any] | None = None
    alarm: ShownAlarmMark | None = None


@dataclass(frozen=True)
class ShownKind:
    kind: Kind
    heading: Any
    hits: tuple[ShownHit, ...]
    more: int = 0


def show_found(found: Found, starred: Mapping[str, Collection[Wish]]) -> tuple[ShownKind, ...]:
    """``starred`` by slug."""
    return tuple(
        ShownKind(kind, heading, tuple(_show(hit, starred) for hit in found.of(kind)), found.more.get(kind, 0))
        for kind, heading in HEADINGS.items()
        if found.of(kind)
    )


def address_of(hit: Hit) -> str:
    """The page that a hit opens."""
    slug, thing, catalog = hit.ground.slug, hit.thing, hit.ground.catalog
    if isinstance(thing, AlarmRow):
        return reverse("alarms:detail", args=[slug, thing.id])
    if isinstance(thing, CatalogTag) and catalog is not None:
        return tag_address(catalog, slug, thing)
    if isinstance(thing, CatalogAsset):
        return asset_address(slug, thing)
    return reverse("screens:site", args=[slug])


def star_of(slug: str, wish: Wish, name: str, starred: Mapping[str, Collection[Wish]]) -> dict[str, Any]:
    """What ``watch/_star.html`` shows."""
    on = wish in starred.get(slug, ())
    return {"slug": slug, "kind": wish.kind, "target": wish.target, "name": name, "on": on}


def _show(hit: Hit, starred: Mapping[str, Collection[Wish]]) -> ShownHit:
    ground, thing = hit.ground, hit.thing
    href, site = address_of(hit), ground.name
    if isinstance(thing, CatalogAsset):
        name = plain(thing.name or thing.id, MAX_NAME)
        star = star_of(ground.slug, Wish("asset", thing.id), name, starred)
        return ShownHit(name, _id_beside(thing.id, name), site, plain(thing.area, MAX_NAME), href, star)
    if isinstance(thing, CatalogTag):
        name = plain(tag_name(thing), MAX_NAME)
        star = star_of(ground.slug, Wish("tag", thing.id), thing.id, starred)
        return ShownHit(name, thing.id, site, _area(ground, thing.asset), href, star)
    if isinstance(thing, AlarmRow):
        return ShownHit(alarm_name(thing), "", site, plain(thing.area, MAX_NAME), href, alarm=_mark(thing))
    return ShownHit(site, _id_beside(ground.slug, site), "", "", href)


def _mark(row: AlarmRow) -> ShownAlarmMark:
    band = band_of(row.sev)
    words = priority_words(band, waits=not row.ack, doubtful=row.quality != "good")
    return ShownAlarmMark(str(band), LETTERS[band], words, state_words(row), waits=not row.ack)


def _area(ground: Ground, asset_id: str) -> str:
    asset = None if ground.catalog is None else ground.catalog.asset(asset_id)
    return "" if asset is None else plain(asset.area, MAX_NAME)


def _id_beside(own: str, name: str) -> str:
    return "" if own == name else own
