"""The alarms of one asset on its page: drawn with it, fetched again while it is open, never acknowledged here."""

from __future__ import annotations

import zoneinfo
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from hmi.alarms.list_view import draw_row
from hmi.live.first_paint import alarm_book, known_catalog, link_summary
from hmi.live.pictures import main_tag_id
from hmi.screens.alarm_access import ALARMS, VALUES, alarm_page, find_access
from hmi.screens.alarm_contexts import down_sources, is_current
from hmi.screens.presenters.words import at
from hmi.screens.requests import PageRequest, wants_part
from hmi.sites.access import SiteAccess

MOST = 6  # rows on an asset's page; the list has them all
FIRST_WAIT = 0.3  # seconds for an alarm list that is not up yet; the page fetches it again soon


async def asset_alarms(access: SiteAccess, asset_id: str, wait: float = FIRST_WAIT) -> dict[str, Any]:
    """Context of ``screens/_asset_alarms.html``; empty for a role that sees no alarms."""
    if not (access.allows(VALUES) and access.allows(ALARMS)):
        return {}
    book, summary = await alarm_book(access, wait), link_summary(access)
    zone, slug = zoneinfo.ZoneInfo(access.site.time_zone), access.site.slug
    current, down = is_current(summary, book), down_sources(summary)
    rows = sorted((row for row in book.rows.values() if row.asset == asset_id), key=lambda row: (row.ack, -row.sev))
    drawn = [
        draw_row(row, access.site, zone, summary.agent_time, may_ack=False, stale=not current or row.source in down)
        for row in rows[:MOST]
    ]
    catalog = known_catalog(access)
    asset = None if catalog is None else catalog.asset(asset_id)
    return {
        "asset_alarms": {
            "follows": "" if catalog is None or asset is None else main_tag_id(catalog, asset) or "",
            "rows": drawn,
            "more": len(rows) - len(drawn),
            "current": current,
            "none": book.reason if book.state == "none" else "",
            "as_of": at(summary.agent_time, zone).strftime("%H:%M:%S"),
            "href": f"{reverse('alarms:list', args=[slug])}?{urlencode({'asset': asset_id})}",
            "again": reverse("screens:asset-alarms", args=[slug, asset_id]),
        }
    }


@require_safe
@alarm_page()
async def part(request: PageRequest, slug: str, asset_id: str) -> HttpResponse:
    """The section alone, for a page that is open; a browser that comes here by itself goes to the list of alarms."""
    access = await find_access(request, slug)
    if request.method == "HEAD":
        return HttpResponse()
    if not wants_part(request):
        query = urlencode({"asset": asset_id})
        return HttpResponseRedirect(f"{reverse('alarms:list', args=[slug])}?{query}")
    return render(request, "screens/_asset_alarms.html", await asset_alarms(access, asset_id, wait=0.0))
