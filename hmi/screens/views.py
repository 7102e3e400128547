"""The pages: find the site through the person, ask it, present, render. Strangers get 404 for everything.

Whoever holds or held a grant at the site reads why a page of it is not open (denials.py).
"""

from __future__ import annotations

import re
from typing import Any

from channels.db import database_sync_to_async
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from hmi.live.clock import now_ms
from hmi.live.first_paint import ensure_link, link_summary
from hmi.live.pictures import asset_picture, site_picture
from hmi.screens.alarm_section import asset_alarms
from hmi.screens.asking import ask_site
from hmi.screens.contexts import asset_context, link_only_context, silent_asset_context, site_context, sites_context
from hmi.screens.control_section import control_section
from hmi.screens.denials import says_why
from hmi.screens.drawing import drawn
from hmi.screens.favourite_views import asset_star
from hmi.screens.list_looks import LOOKS, list_look
from hmi.screens.note_section import note_section
from hmi.screens.presenters.own_access import ShownRequest, show_requests
from hmi.screens.requests import PageRequest, wants_part
from hmi.screens.start import anote_opened, start_context
from hmi.screens.trend_views import small_trend
from hmi.sites.access import NOT_FOUND, SiteAccess, aending_soon, aget_site_for, asites_for
from hmi.sites.access_requests import AccessRequest
from hmi.sites.plain_text import apart
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID

VALUES = "data:live"


@require_safe
async def my_sites(request: PageRequest) -> HttpResponse:
    """The first page: every site that the person may know of, favourites, and what was opened last."""
    person = await request.auser()
    accesses = await asites_for(person, session=request.session)
    more = {
        "person": apart(str(person)),
        "may_audit": any(access.allows("audit:read") for access in accesses),
        "requests": await _requests(person),
    }
    more |= await start_context(person, accesses)
    return render(request, "screens/my_sites.html", await _sites(accesses) | more)


@require_safe
async def site_list(request: PageRequest) -> HttpResponse:
    """The cards alone, for a page that is open already; a browser that comes here by itself gets the whole page."""
    if not wants_part(request):
        return await my_sites(request)
    context = await _sites(await asites_for(await request.auser(), session=request.session))
    return render(request, "screens/_site_cards.html", context)


@require_safe
@says_why("status:read")
async def site(request: PageRequest, slug: str) -> HttpResponse:
    """The overview of a site; for htmx, when order or area is switched, the list alone."""
    access = await aget_site_for(await request.auser(), slug, session=request.session)
    if request.method == "HEAD":  # an open page asks whether it may still be open: no reason to ask the site
        return HttpResponse()
    if not access.allows(VALUES):
        ensure_link(access)
        return render(request, "screens/link_only.html", link_only_context(access, link_summary(access), now_ms()))
    answer = await ask_site(access, lambda catalog: site_picture(catalog).watched)
    switched = wants_part(request) and answer.catalog is not None
    template = "screens/_list_switched.html" if switched else "screens/site.html"
    look = {"look": list_look(request), "looks": LOOKS}
    return await drawn(lambda: render(request, template, site_context(access, answer, **list_wish(request)) | look))


@require_safe
@says_why(VALUES)
async def asset(request: PageRequest, slug: str, asset_id: str, kind: str) -> HttpResponse:
    """The page of one tank (``kind`` "tanks") or of a pump or another unit ("units")."""
    access = await aget_site_for(await request.auser(), slug, scope=VALUES, session=request.session)
    if len(asset_id) > MAX_ID or not re.match(ID_PATTERN, asset_id):
        raise Http404(NOT_FOUND)
    if request.method == "HEAD":
        return HttpResponse()
    answer = await ask_site(access, lambda catalog: asset_picture(catalog, asset_id).watched)
    socket = f"/ws/sites/{slug}/{kind}/{asset_id}/"
    if answer.catalog is None:
        return render(request, "screens/asset.html", silent_asset_context(access, answer, socket))
    found = answer.catalog.asset(asset_id)
    if found is None or (found.kind == "tank") != (kind == "tanks"):
        raise Http404(NOT_FOUND)
    controls = await control_section(access, answer, found, await request.auser())
    person = await request.auser()
    await anote_opened(person, access.site.id, asset_id)
    star = await asset_star(person, access, asset_id, found.name or found.id)
    context = asset_context(access, answer, found, socket) | {"controls": controls, "star": star}
    context |= await note_section(access, answer, found) | await asset_alarms(access, asset_id)
    return render(request, "screens/asset.html", context | await small_trend(access, answer, found))


def list_wish(request: PageRequest) -> dict[str, str]:
    """Order, area and filter of a list, as its address says."""
    return {name: request.GET.get(name, "") for name in ("order", "area", "show")}


@database_sync_to_async
def _requests(person: Any) -> tuple[ShownRequest, ...]:
    """What the person asked for and was not answered, or was answered within the last days."""
    now = timezone.now()
    rows = AccessRequest.objects.select_related("role", "grant__site", "grant__user").news_for(person, now)
    return show_requests(rows, now)


async def _sites(accesses: list[SiteAccess]) -> dict[str, Any]:
    for access in accesses:
        ensure_link(access)
    summaries = {access.site.slug: link_summary(access) for access in accesses}
    return sites_context(accesses, summaries, now_ms(), await aending_soon(accesses))
