"""Trends: the page, the part of it that is fetched again, the small one on an asset's page, and what is shown as CSV.

The page itself waits 2.5 s for the history and then says that it is being fetched; the script asks again for the part,
which waits as long as the site may take, 17 s. Without a script the page offers that as a link.
"""

from __future__ import annotations

import asyncio
import re
import zoneinfo
from collections.abc import Callable, Collection, Coroutine
from functools import wraps
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hmi.languages.unit_choice import AS_SENT
from hmi.screens.asking import SiteAnswer, ask_site
from hmi.screens.contexts import trend_page_context
from hmi.screens.denials import says_why
from hmi.screens.presenters.overview import main_tag
from hmi.screens.presenters.values import Scene
from hmi.screens.requests import PageRequest, wants_part
from hmi.screens.trend_contexts import page_context, pens_of, picture_context, spark_context
from hmi.screens.trend_query import can_be_drawn, read_query
from hmi.sites.access import NOT_FOUND, SiteAccess, aget_site_for
from hmi.sites.catalog import Catalog
from hmi.sites.errors import AccessEnded, SiteRefused
from hmi.sites.tag_names import tag_name
from hmi.trends.asking import HISTORY, LONG_ENOUGH, TrendAnswer, get_historian
from hmi.trends.csv_lines import ExportedTag, csv_lines
from hmi.trends.past_alarms import PastAlarms, past_alarms
from hmi.trends.windows import USUAL_SPAN, Window, latest
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID, CatalogAsset

VALUES = "data:live"
PAGE_WAIT = 2.5  # seconds a whole page waits for history
ALARM_WAIT = 4.0  # seconds the part waits for the alarms of the stretch
SPARK_WAIT = 0.6  # seconds an asset's page does


@says_why(VALUES)
async def _no_values(request: PageRequest, slug: str) -> HttpResponse:
    raise Http404(NOT_FOUND)


def history_page(view: Callable[..., Coroutine[Any, Any, HttpResponse]]) -> Any:
    """A page of a site's history: for whoever holds that right, and that of the names and live values around it."""

    @require_safe
    @says_why(HISTORY)
    @wraps(view)
    async def opened(request: PageRequest, slug: str, **path: Any) -> HttpResponse:
        access = await aget_site_for(await request.auser(), slug, scope=HISTORY, session=request.session)
        if not access.allows(VALUES):
            return await _no_values(request, slug)
        return HttpResponse() if request.method == "HEAD" else await view(request, access, **path)

    return opened


@history_page
async def trends(request: PageRequest, access: SiteAccess) -> HttpResponse:
    """Up to eight tags of a site over an hour, a shift, a day, a week or what was chosen."""
    slug = access.site.slug
    part = wants_part(request)
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    answer = await ask_site(access, lambda catalog: _known(catalog, request))
    now = answer.summary.agent_time
    query = read_query(request, zone, now)
    socket = f"/ws/sites/{slug}/tags/?tags={','.join(query.tags)}"
    context, scene = trend_page_context(access, answer, socket)
    if answer.catalog is None:
        return render(request, "trends/trends.html", context)
    tags = [tag for tag in query.tags if answer.catalog.tag(tag) is not None]
    patient = part or request.GET.get("wait") == "1"
    wait = LONG_ENOUGH if patient else PAGE_WAIT
    found, alarms = await asyncio.gather(
        _ask(access, answer, tags, query.window, wait),
        _alarms(access, answer.catalog, tags, query.window, min(wait, ALARM_WAIT)),
    )
    pens = pens_of(answer.catalog, tags, found, answer, scene)
    context |= picture_context(access, pens, found, query.window, now, alarms=alarms)
    if part:
        return render(request, "trends/_picture.html", context)
    context |= page_context(access, answer.catalog, query, pens, now)
    return render(request, "trends/trends.html", context)


@history_page
async def export(request: PageRequest, access: SiteAccess) -> HttpResponse:
    """What is shown, as CSV; 503 in words when the site gives nothing."""
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    answer = await ask_site(access, lambda catalog: ())
    now = answer.summary.agent_time
    query = read_query(request, zone, now)
    catalog = answer.catalog
    tags = [tag for tag in query.tags if catalog is not None and catalog.tag(tag) is not None]
    if catalog is None or not tags:
        silent = _("%(site)s does not answer.") % {"site": access.site.name}
        why = _("Choose at least one tag of this site.") if catalog else silent
        return HttpResponse(why, status=404 if catalog else 503, content_type="text/plain; charset=utf-8")
    found = await _ask(access, answer, tags, query.window, LONG_ENOUGH)
    if not found.strips:
        why = found.trouble or _("These tags keep no history.")
        return HttpResponse(why, status=503, content_type="text/plain; charset=utf-8")
    scene = Scene(now=now, zone=zone, stale=True, units=AS_SENT)  # what is calculated with keeps the site's units
    rows = [
        ExportedTag(pen.tag, f"{pen.asset} {tag_name(pen.tag)}".strip(), pen.strip, pen.trouble)
        for pen in pens_of(catalog, tags, found, answer, scene)
    ]
    response = HttpResponse(b"".join(csv_lines(rows, query.window, zone, now)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{access.site.slug}-trend.csv"'
    return response


@history_page
async def asset_trend(request: PageRequest, access: SiteAccess, asset_id: str) -> HttpResponse:
    """The small trend of an asset's page, fetched again by that page."""
    if len(asset_id) > MAX_ID or not re.match(ID_PATTERN, asset_id):
        raise Http404(NOT_FOUND)
    answer = await ask_site(access, lambda catalog: ())
    if answer.catalog is None:  # nothing of this site was ever read: the page around it says so
        return render(request, "trends/_small.html", {})
    found = answer.catalog.asset(asset_id)
    if found is None:
        raise Http404(NOT_FOUND)
    context = await small_trend(access, answer, found, wait=LONG_ENOUGH)
    return render(request, "trends/_small.html", context)


async def small_trend(
    access: SiteAccess, answer: SiteAnswer, asset: CatalogAsset, wait: float = SPARK_WAIT
) -> dict[str, Any]:
    """What an asset's page needs for its main value over the last 8 h; nothing when there is no history to show."""
    if not access.allows(HISTORY) or answer.catalog is None:
        return {}
    tag = main_tag(answer.catalog, asset)
    if tag is None or not can_be_drawn(tag):
        return {}
    now = answer.summary.agent_time
    window = latest(USUAL_SPAN, now)
    found = await _ask(access, answer, [tag.id], window, wait)
    scene = Scene(now=now, zone=zoneinfo.ZoneInfo(access.site.time_zone), stale=answer.stale)
    (pen,) = pens_of(answer.catalog, [tag.id], found, answer, scene)
    return spark_context(access, pen, found, window, now)


async def _ask(access: SiteAccess, answer: SiteAnswer, tags: list[str], window: Window, wait: float) -> TrendAnswer:
    drawable = [tag for tag in tags if answer.catalog and (row := answer.catalog.tag(tag)) and row.kind != "text"]
    try:
        return await get_historian().ask(access, drawable, window, wait)
    except AccessEnded:
        raise Http404(NOT_FOUND) from None
    except SiteRefused as refusal:
        return TrendAnswer(trouble=refusal.message)


async def _alarms(
    access: SiteAccess, catalog: Catalog, tags: list[str], window: Window, wait: float
) -> PastAlarms | None:
    assets = [row.asset for tag in tags if (row := catalog.tag(tag)) is not None]
    try:
        return await past_alarms(access, tags, assets, window, wait)
    except AccessEnded:
        raise Http404(NOT_FOUND) from None


def _known(catalog: Catalog, request: PageRequest) -> Collection[str]:
    """The tags of the address that the site has: their present values stand beside the picture."""
    query = read_query(request, zoneinfo.ZoneInfo("UTC"), 0)
    return [tag for tag in query.tags if catalog.tag(tag) is not None]
