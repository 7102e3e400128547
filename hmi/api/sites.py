"""Sites and their assets."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from hmi.api import shapes
from hmi.api.access import Caller
from hmi.api.guard import endpoint
from hmi.api.parameters import Query, check_identifier
from hmi.api.problems import Problem, not_found, unreachable
from hmi.live.first_paint import ensure_link, link_summary
from hmi.sites.catalog import Catalog
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable
from hmi.sites.gateway import get_gateway
from relay_bridge.contract.messages import CatalogAsset, CatalogTag
from relay_bridge.contract.scopes import format_scopes

PAGING = frozenset({"cursor", "limit"})
KINDS = ("tank", "pump", "unit")


@endpoint("status:read")
async def site_list(request: HttpRequest, caller: Caller) -> shapes.Page[shapes.Site]:
    """The sites this token opens: exactly one, the one it was asked for."""
    rows, cursor = Query(request, PAGING).page([_show_site(caller)], "sites")
    return shapes.Page(list(rows), cursor)


@endpoint("status:read")
async def site_detail(request: HttpRequest, caller: Caller) -> shapes.Site:
    """The site and how its link is."""
    Query(request, frozenset())
    return _show_site(caller)


@endpoint("data:live", etag=True)
async def asset_list(request: HttpRequest, caller: Caller) -> shapes.Page[shapes.Asset]:
    """The assets of the site with their tags, in the site's own order."""
    query = Query(request, PAGING | {"area", "kind"})
    area, kind = query.area(), query.choice("kind", KINDS)
    catalog = await catalog_of(caller)
    assets = [
        asset
        for asset in catalog.assets
        if (area is None or asset.area == area) and (kind is None or asset.kind == kind)
    ]
    rows, cursor = query.page(assets, f"assets {catalog.hash[:32]}")
    return shapes.Page([_show_asset(catalog, asset) for asset in rows], cursor)


@endpoint("data:live", etag=True)
async def asset_detail(request: HttpRequest, caller: Caller, asset: str) -> shapes.Asset:
    """One asset with its tags."""
    Query(request, frozenset())
    check_identifier(asset, "asset")
    catalog = await catalog_of(caller)
    found = catalog.asset(asset)
    if found is None:
        raise not_found()
    return _show_asset(catalog, found)


async def catalog_of(caller: Caller) -> Catalog:
    """The site's catalog; 503 while none was ever read, 404 when the access ended this moment."""
    try:
        return await get_gateway().catalog(caller.access)
    except SiteUnreachable as error:
        raise unreachable(f"{error.site} cannot be reached: {error.reason}.") from error
    except SiteRefused as error:
        raise refused(error) from error


def refused(error: SiteRefused) -> Problem:
    if isinstance(error, AccessEnded):
        return not_found()
    return Problem("site-refused", 503, "The site refused", error.message, Retry_After="5")


def _show_site(caller: Caller) -> shapes.Site:
    access = caller.access
    ensure_link(access)
    state = link_summary(access).link
    link = shapes.Link("unknown", None, "")
    if state is not None:
        link = shapes.Link(state.phase, shapes.moment(state.since), state.reason)
    return shapes.Site(
        id=str(access.site.pk),
        slug=access.site.slug,
        name=access.site.name,
        resource=access.site.audience,
        time_zone=access.site.time_zone,
        role=access.role_name,
        scopes=format_scopes(caller.scopes).split(),
        access_until=access.valid_until,
        link=link,
    )


def _show_asset(catalog: Catalog, asset: CatalogAsset) -> shapes.Asset:
    tags = [_show_tag(tag) for tag in catalog.tags_of(asset.id)]
    return shapes.Asset(asset.id, asset.name, asset.area, asset.kind, tags)


def _show_tag(tag: CatalogTag) -> shapes.Tag:
    limits: Any = None
    if tag.lim is not None:
        limits = shapes.Limits(tag.lim.ll, tag.lim.l, tag.lim.h, tag.lim.hh)
    return shapes.Tag(
        id=tag.id,
        name=tag.name,
        kind=tag.kind,
        unit=tag.unit,
        decimals=tag.dec,
        quantity=tag.canon,
        range_low=tag.lo,
        range_high=tag.hi,
        limits=limits,
        states=dict(tag.enums or {}),
    )
