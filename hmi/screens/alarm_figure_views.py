"""The alarm figures of a site against the published bounds; they are worked out anew while somebody looks."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from hmi.alarms.arranging import BAND_WORDS
from hmi.alarms.figures import FLOOD, work_out
from hmi.alarms.journal import read_past
from hmi.alarms.presenting import LETTERS, moment_words
from hmi.live.first_paint import alarm_book, link_summary
from hmi.screens.alarm_access import alarm_page, find_access
from hmi.screens.alarm_contexts import is_current, page_context
from hmi.screens.alarm_journal_views import DAY, trouble_words
from hmi.screens.alarm_views import WAIT
from hmi.screens.presenters.alarm_bars import show_bars
from hmi.screens.requests import PageRequest, wants_part
from hmi.sites.access import NOT_FOUND
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable

SPANS = {"1": gettext_lazy("24 hours"), "7": gettext_lazy("7 days"), "30": gettext_lazy("30 days")}
EVERY = 30  # seconds between two looks of one page, however many alarms come


@require_safe
@alarm_page()
async def figures(request: PageRequest, slug: str) -> HttpResponse:
    """How much people are asked to handle here; for htmx, which asks again when alarms changed, the figures alone."""
    access = await find_access(request, slug)
    if request.method == "HEAD":
        return HttpResponse()
    days = request.GET.get("days", "")
    days = days if days in SPANS else "1"
    book = await alarm_book(access, WAIT)
    end = link_summary(access).agent_time
    template = "alarms/_figures.html" if wants_part(request) else "alarms/figures.html"
    more: dict[str, Any] = {"days": days, "spans": SPANS, "every": EVERY, "priorities": BAND_WORDS, "letters": LETTERS}
    try:
        past = await read_past(access, max(0, end - int(days) * DAY), end)
    except AccessEnded:
        raise Http404(NOT_FOUND) from None
    except (SiteUnreachable, SiteRefused) as error:
        return render(
            request, template, page_context(access, link_summary(access), **more) | {"refused": trouble_words(error)}
        )
    summary, zone = link_summary(access), zoneinfo.ZoneInfo(access.site.time_zone)
    found = work_out(past.rows, book.rows.values(), past.since, end)
    context = page_context(access, summary, **more) | {
        "current": is_current(summary, book) and book.state == "current",
        "figures": found,
        "shares": [(share, LETTERS[share.band], BAND_WORDS[share.band]) for share in found.split],
        "stale_alarms": [(each, moment_words(each.since, zone, end)) for each in found.stale],
        "bars": show_bars(found.bars, FLOOD),
        "since": moment_words(past.since, zone, end),
        "worked_out": moment_words(end, zone, end),
        "cut": past.more,
    }
    return render(request, template, context)
