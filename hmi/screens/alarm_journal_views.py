"""The journal of a site's alarms with its search, the same as a file, and the figures that are made from it."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

from django import forms
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from hmi.alarms.arranging import BAND_WORDS
from hmi.alarms.figures import work_out
from hmi.alarms.journal import PAGE, csv_lines, read_page, read_past
from hmi.alarms.presenting import moment_words, plain
from hmi.live.clock import now_ms
from hmi.live.first_paint import alarm_book, link_summary
from hmi.screens.alarm_access import alarm_page, find_access, names_of
from hmi.screens.alarm_views import WAIT, page_context, show_events
from hmi.screens.requests import PageRequest
from hmi.sites.access import NOT_FOUND, SiteAccess
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable
from relay_bridge.contract.alarms import Journal

DAY = 86_400_000  # ms
MAX_CURSOR = 200
SPANS = {"1": "24 hours", "7": "7 days", "30": "30 days"}


class SearchForm(forms.Form):
    """What of the journal is looked for; moments are in the site's time."""

    start = forms.DateTimeField(required=False, label="From", widget=forms.DateTimeInput({"type": "datetime-local"}))
    end = forms.DateTimeField(required=False, label="To", widget=forms.DateTimeInput({"type": "datetime-local"}))
    asset = forms.CharField(required=False, max_length=100, label="Unit")
    area = forms.CharField(required=False, max_length=100, label="Area")

    def bounds(self, zone: zoneinfo.ZoneInfo, now: int) -> tuple[int, int]:
        """Epoch ms; by default the last 24 hours."""
        end = self._moment("end", zone) or now + 60_000
        start = self._moment("start", zone)
        return (max(0, end - DAY) if start is None else start), end

    def _moment(self, name: str, zone: zoneinfo.ZoneInfo) -> int | None:
        value: dt.datetime | None = self.cleaned_data.get(name)
        if value is None:
            return None
        # Django reads it in UTC; what the person wrote is the site's own clock.
        return max(0, int(value.replace(tzinfo=zone).timestamp() * 1000))


@require_safe
@alarm_page()
async def journal(request: PageRequest, slug: str) -> HttpResponse:
    """One page of past events, newest first."""
    access = await find_access(request, slug)
    form = SearchForm(request.GET)
    context = page_context(access, form=form, query=_query(request), events=[], older="", trouble="")
    if form.is_valid():
        context |= await _page(request, access, form)
    return render(request, "alarms/journal.html", context)


@require_safe
@alarm_page()
async def journal_csv(request: PageRequest, slug: str) -> HttpResponse:
    """What the search finds as a file, the newest 10 000 events at most; its name says so when there were more."""
    access = await find_access(request, slug)
    form = SearchForm(request.GET)
    if not form.is_valid():
        return HttpResponse("The search has a mistake.", status=400, content_type="text/plain; charset=utf-8")
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    start, end = form.bounds(zone, now_ms())
    try:
        past = await read_past(access, start, end, area=form.cleaned_data["area"], asset=form.cleaned_data["asset"])
    except AccessEnded:
        raise Http404(NOT_FOUND) from None
    except (SiteUnreachable, SiteRefused):
        # The page of the same search says what is the matter; a file could not.
        return HttpResponseRedirect(f"{reverse('alarms:journal', args=[slug])}{_query(request)}", status=303)
    names = await names_of(row.by for row in past.rows)
    lines = b"".join(csv_lines(past.rows, zone, names))
    response = HttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"alarms-{slug}{'-newest' if past.more else ''}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_safe
@alarm_page()
async def figures(request: PageRequest, slug: str) -> HttpResponse:
    """How much people are asked to handle here, against the published bounds."""
    access = await find_access(request, slug)
    days = request.GET.get("days", "")
    days = days if days in SPANS else "1"
    book, summary = await alarm_book(access, WAIT), link_summary(access)
    end = summary.agent_time
    context = page_context(access, days=days, spans=SPANS, bands=BAND_WORDS, current=book.state == "current")
    try:
        past = await read_past(access, max(0, end - int(days) * DAY), end)
    except AccessEnded:
        raise Http404(NOT_FOUND) from None
    except (SiteUnreachable, SiteRefused) as error:
        return render(request, "alarms/figures.html", context | {"trouble": _trouble(error)})
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    context |= {
        "figures": work_out(past.rows, book.rows.values(), past.since, end),
        "since": moment_words(past.since, zone, end),
        "cut": past.more,
    }
    return render(request, "alarms/figures.html", context)


async def _page(request: PageRequest, access: SiteAccess, form: SearchForm) -> dict[str, Any]:
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    now = now_ms()
    start, end = form.bounds(zone, now)
    cursor = request.GET.get("cur", "")[:MAX_CURSOR] or None
    fields = form.cleaned_data
    wish = Journal(start, end, fields["area"] or None, fields["asset"] or None, max=PAGE, cur=cursor)
    try:
        rows, older, since = await read_page(access, wish)
    except AccessEnded:
        raise Http404(NOT_FOUND) from None
    except (SiteUnreachable, SiteRefused) as error:
        return {"trouble": _trouble(error)}
    names = await names_of(row.by for row in rows)
    return {
        "events": show_events(rows, zone, now, names),
        "older": _query(request, cur=older) if older else "",
        "between": f"{moment_words(start, zone, now)} to {moment_words(min(end, now), zone, now)}",
        "since": moment_words(since, zone, now) if since > start else "",
    }


def _query(request: PageRequest, **more: str) -> str:
    copy = request.GET.copy()
    copy.pop("cur", None)
    for name, value in more.items():
        copy[name] = value
    text = copy.urlencode()
    return f"?{text}" if text else ""


def _trouble(error: SiteUnreachable | SiteRefused) -> str:
    if isinstance(error, SiteUnreachable):
        return f"{error.site} cannot be reached: {plain(error.reason, 200)}."
    return f"The site refused: {plain(error.message, 200)}"
