"""Live values: the site's newest, or fresh from the source, or the last known ones marked stale when it is silent."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest

from hmi.api import shapes
from hmi.api.access import FRESH_COST, Caller, rate_limits
from hmi.api.guard import endpoint
from hmi.api.parameters import Query
from hmi.api.problems import not_found, unreachable
from hmi.api.sites import PAGING, catalog_of, refused
from hmi.live.clock import now_ms
from hmi.live.first_paint import latest_readings
from hmi.sites.catalog import Catalog
from hmi.sites.errors import SiteRefused, SiteUnreachable
from hmi.sites.gateway import get_gateway
from relay_bridge.contract.messages import MAX_TAGS, CatalogTag
from relay_bridge.contract.readings import (
    BAD_NO_COMMUNICATION,
    BAD_NOT_CONNECTED,
    BAD_WAITING_FOR_INITIAL_DATA,
    UNCERTAIN_LAST_USABLE_VALUE,
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE,
    Reading,
    quality_class,
    quality_words,
)

# Qualities by which the site itself says that this is not the present value (OPC 10000-4, 7.39).
_OLD = {
    BAD_NO_COMMUNICATION,
    BAD_NOT_CONNECTED,
    BAD_WAITING_FOR_INITIAL_DATA,
    UNCERTAIN_LAST_USABLE_VALUE,
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE,
}
_CODE = 0xFFFF0000
_NOTHING = Reading(None, 0, BAD_WAITING_FOR_INITIAL_DATA)


@endpoint("data:live")
async def readings(request: HttpRequest, caller: Caller) -> shapes.Readings:
    """Readings by tag, or of one asset, or of the whole site page by page."""
    query = Query(request, PAGING | {"tag", "asset", "fresh"}, many=frozenset({"tag"}))
    names, asset, fresh = query.identifiers("tag", MAX_TAGS), query.identifier("asset"), query.flag("fresh")
    query.limit()
    if fresh:
        rate_limits().take(caller, FRESH_COST - 1)
    catalog = await catalog_of(caller)
    wanted = _choose(catalog, names, asset)
    rows, cursor = query.page(wanted, f"tags {catalog.hash[:32]} {asset or ''}"[:120])
    known, trouble = await _read(caller, [tag.id for tag in rows], fresh=fresh)
    return shapes.Readings(
        items=[_show(tag, known, stale=bool(trouble)) for tag in rows],
        next_cursor=cursor,
        answered_at=shapes.moment(now_ms()),
        origin="last_known" if trouble else "site",
        trouble=trouble,
    )


def _choose(catalog: Catalog, names: list[str], asset: str | None) -> list[CatalogTag]:
    """The tags that are named, or of the asset, or all; 404 for a name that is not there, or not of the asset."""
    if asset is not None and catalog.asset(asset) is None:
        raise not_found()
    if not names:
        return list(catalog.tags if asset is None else catalog.tags_of(asset))
    found = [catalog.tag(name) for name in names]
    wanted = [tag for tag in found if tag is not None and asset in (None, tag.asset)]
    if len(wanted) < len(names):
        raise not_found()
    return wanted


async def _read(caller: Caller, tags: list[str], *, fresh: bool) -> tuple[Mapping[str, Reading], str]:
    """The readings, and why they are only the last known ones. Asked for fresh, there is no second best."""
    if not tags:
        return {}, ""
    try:
        return await get_gateway().read(caller.access, tags, fresh=fresh), ""
    except SiteUnreachable as error:
        trouble = f"{error.site} cannot be reached: {error.reason}."
        known = {} if fresh else latest_readings(caller.access, tags)
        if not known:
            raise unreachable(trouble) from error
        return known, trouble
    except SiteRefused as error:
        raise refused(error) from error


def _show(tag: CatalogTag, known: Mapping[str, Reading], *, stale: bool) -> shapes.Reading:
    reading = known.get(tag.id, _NOTHING)
    code = reading.quality & 0xFFFFFFFF
    return shapes.Reading(
        tag=tag.id,
        asset=tag.asset,
        value=reading.value,
        unit=tag.unit,
        time=shapes.moment(reading.time) if reading.time else None,
        quality=shapes.Quality(quality_class(code), code, quality_words(code)),
        stale=stale or code & _CODE in _OLD,
    )
