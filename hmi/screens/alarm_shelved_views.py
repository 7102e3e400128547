"""The page of what is shelved at a site: what, until when, by whom and why, and the way to bring it back."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hmi.alarms.presenting import ShownAlarm, show_alarm
from hmi.alarms.shelvings import Shelving, ShownShelving, shelvings_of, show_shelving
from hmi.alarms.wish import Wish, is_shelved
from hmi.live.alarm_book import importance
from hmi.live.first_paint import alarm_book, link_summary
from hmi.screens.alarm_access import alarm_page, find_access
from hmi.screens.alarm_contexts import alarm_place, down_sources, is_current
from hmi.screens.alarm_views import WAIT
from hmi.screens.requests import PageRequest, wants_part
from relay_bridge.contract.alarms import AlarmRow

MOST = 100  # on the page; beyond it the rest is counted
FEW = 30  # shelved alarms that a site should stay under (EEMUA 191)


@dataclass(frozen=True)
class ShownShelved:
    """One of them. ``by_plant``: suppressed by the plant and not by a person, so nobody can bring it back from here."""

    alarm: ShownAlarm
    shelving: ShownShelving
    by_plant: bool
    stale: bool


@require_safe
@alarm_page()
async def shelved(request: PageRequest, slug: str) -> HttpResponse:
    """All that is out of the way; for htmx, which asks again when the list changed, the list alone."""
    access = await find_access(request, slug)
    if request.method == "HEAD":
        return HttpResponse()
    book = await alarm_book(access, WAIT)
    facts = await shelvings_of(access, [row.id for row in book.rows.values() if row.shelf])
    summary = link_summary(access)
    rows = sorted((row for row in book.rows.values() if is_shelved(row)), key=importance)
    zone, now = zoneinfo.ZoneInfo(access.site.time_zone), summary.agent_time
    down, current = down_sources(summary), is_current(summary, book)
    context = alarm_place(access, summary, book, Wish(state="shelved", view="list")) | {
        "alarms": [
            _show(row, facts.get(row.id), zone, now, stale=not current or row.source in down) for row in rows[:MOST]
        ],
        "total": len(rows),
        "left_out": max(0, len(rows) - MOST),
        "few": FEW,
    }
    return render(request, "alarms/_shelved.html" if wants_part(request) else "alarms/shelved.html", context)


def _show(row: AlarmRow, shelving: Shelving | None, zone: zoneinfo.ZoneInfo, now: int, *, stale: bool) -> ShownShelved:
    return ShownShelved(
        alarm=show_alarm(row, zone, now),
        shelving=show_shelving(shelving if row.shelf else None, zone, now),
        by_plant=not row.shelf,
        stale=stale,
    )
