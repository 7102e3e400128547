"""Favourites and what was opened last, as the start page shows them. A favourite's value is one like any other."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse

from hmi.live.pictures import main_tag_id
from hmi.screens.asking import SiteAnswer
from hmi.screens.presenters.badges import ShownBadge, show_badge
from hmi.screens.presenters.overview import asset_address
from hmi.screens.presenters.values import Scene, ShownValue, show_value
from hmi.screens.trend_links import trend_address
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog
from hmi.sites.tanks import asset_state
from hmi.watch.favourites import Favourite
from hmi.watch.recent import Opened
from relay_bridge.contract.messages import CatalogTag


@dataclass(frozen=True)
class ShownFavourite:
    """``value`` is None while the site's names are not known, or when it has no such thing any more (``gone``).

    ``asset`` is empty for a tag. ``now``: epoch ms by the clock that the site's samples follow.
    """

    key: int
    kind: str
    target: str
    name: str
    what: str
    slug: str
    site: str
    zone: str
    now: int
    href: str
    asset: str = ""
    main: str = ""
    value: ShownValue | None = None
    badge: ShownBadge | None = None
    gone: bool = False
    unknown: bool = False


@dataclass(frozen=True)
class ShownRecent:
    id: str
    name: str
    slug: str
    site: str
    area: str
    href: str


def show_favourites(
    favourites: Iterable[Favourite], accesses: Sequence[SiteAccess], answers: Mapping[UUID, SiteAnswer]
) -> tuple[ShownFavourite, ...]:
    """Those at sites whose values the person may see now, in the person's order."""
    sites = {access.site.id: access for access in accesses}
    return tuple(
        _show(favourite, sites[favourite.site_id], answers[favourite.site_id])
        for favourite in favourites
        if favourite.site_id in sites and favourite.site_id in answers
    )


def show_recent(
    rows: Iterable[Opened], accesses: Sequence[SiteAccess], catalogs: Mapping[UUID, Catalog | None]
) -> tuple[ShownRecent, ...]:
    """Those that the person may still see, the newest first; an asset that the site no longer has is left out."""
    sites = {access.site.id: access.site for access in accesses}
    shown = []
    for row in rows:
        site, catalog = sites.get(row.site_id), catalogs.get(row.site_id)
        if site is None:
            continue
        asset = None if catalog is None else catalog.asset(row.asset)
        if catalog is not None and asset is None:
            continue
        shown.append(
            ShownRecent(
                id=row.asset,
                name=row.asset if asset is None else asset.name or asset.id,
                slug=site.slug,
                site=site.name,
                area="" if asset is None else asset.area,
                href=label_path(site.slug, row.asset) if asset is None else asset_address(site.slug, asset),
            )
        )
    return tuple(shown)


def label_path(slug: str, asset_id: str) -> str:
    """The address that stands on an asset's label: it finds the right page by itself."""
    return reverse("screens:label", args=[slug, asset_id])


def tag_address(catalog: Catalog, slug: str, tag: CatalogTag) -> str:
    """Where a tag is read: on the page of its asset; one that belongs to none has its trend."""
    asset = catalog.asset(tag.asset)
    return trend_address(slug, [tag.id]) if asset is None else asset_address(slug, asset)


def _show(favourite: Favourite, access: SiteAccess, answer: SiteAnswer) -> ShownFavourite:
    site, catalog = access.site, answer.catalog
    kind, target = favourite.kind, favourite.target
    common = {
        "key": favourite.pk,
        "kind": kind,
        "target": target,
        "slug": site.slug,
        "site": site.name,
        "zone": site.time_zone,
        "now": answer.summary.agent_time,
    }
    if catalog is None:
        owner = target if kind == "asset" else target.partition(".")[0]
        return ShownFavourite(**common, name=target, what="", href=label_path(site.slug, owner), unknown=True)  # type: ignore[arg-type]
    asset = catalog.asset(target) if kind == "asset" else None
    tag_id = target if kind == "tag" else None if asset is None else main_tag_id(catalog, asset)
    tag = None if tag_id is None else catalog.tag(tag_id)
    if (asset is None) if kind == "asset" else (tag is None):
        here = reverse("screens:site", args=[site.slug])
        return ShownFavourite(**common, name=target, what="", href=here, gone=True)  # type: ignore[arg-type]
    value = None if tag is None else show_value(tag, answer.readings.get(tag.id), _scene(access, answer))
    if asset is not None:
        state = asset_state(catalog, asset.id, answer.readings)
        return ShownFavourite(
            **common,  # type: ignore[arg-type]
            name=asset.name or asset.id,
            what="" if value is None else value.name,
            href=asset_address(site.slug, asset),
            asset=asset.id,
            main="" if tag is None else tag.id,
            value=value,
            badge=show_badge(state, value),
        )
    assert tag is not None and value is not None  # noqa: S101 - said above
    owner_asset = catalog.asset(tag.asset)
    return ShownFavourite(
        **common,  # type: ignore[arg-type]
        name=(owner_asset.name or owner_asset.id) if owner_asset is not None else tag.id,
        what=value.name,
        href=tag_address(catalog, site.slug, tag),
        main=tag.id,
        value=value,
    )


def _scene(access: SiteAccess, answer: SiteAnswer) -> Scene:
    """As on the site's own pages: what a link said of sources counts while it is live."""
    summary = answer.summary
    return Scene(
        now=summary.agent_time,
        zone=zoneinfo.ZoneInfo(access.site.time_zone),
        stale=answer.stale,
        sources=summary.sources if summary.live else {},
    )
