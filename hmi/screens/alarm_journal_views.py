"""The journal of a site's alarms with its search, and what it finds as a file."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

from django import forms
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from hmi.alarms.journal import Search, csv_lines, read_found, read_page
from hmi.alarms.presenting import moment_words
from hmi.live.clock import now_ms
from hmi.live.first_paint import alarm_book, link_summary
from hmi.screens.alarm_access import alarm_page, find_access
from hmi.screens.alarm_contexts import page_context
from hmi.screens.alarm_views import show_events
from hmi.screens.requests import PageRequest
from hmi.sites.access import NOT_FOUND, SiteAccess
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable
from hmi.sites.plain_text import plain

DAY = 86_400_000  # ms
MAX_CURSOR = 200


class SearchForm(forms.Form):
    """What of the journal is looked for; moments are in the site's time."""

    start = forms.DateTimeField(
        required=False, label=gettext_lazy("From"), widget=forms.DateTimeInput({"type": "datetime-local"})
    )
    end = forms.DateTimeField(
        required=False, label=gettext_lazy("To"), widget=forms.DateTimeInput({"type": "datetime-local"})
    )
    tag = forms.CharField(required=False, max_length=60, label=gettext_lazy("Tag or alarm"))
    who = forms.CharField(required=False, max_length=60, label=gettext_lazy("Who"))
    asset = forms.CharField(required=False, max_length=100, label=gettext_lazy("Unit"))
    area = forms.CharField(required=False, max_length=100, label=gettext_lazy("Area"))

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or self.cleaned_data
        start, end = fields.get("start"), fields.get("end")
        if start and end and start >= end:
            self.add_error("end", _("This is not after the beginning."))
        return fields

    def search(self, zone: zoneinfo.ZoneInfo, now: int) -> Search:
        """By default the last 24 hours."""
        end = self._moment("end", zone) or now + 60_000
        start = self._moment("start", zone)
        fields = self.cleaned_data
        return Search(
            start=min(max(0, end - DAY) if start is None else start, end),
            end=end,
            area=fields["area"],
            asset=fields["asset"],
            tag=fields["tag"],
            who=fields["who"],
        )

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
    if request.method == "HEAD":
        return HttpResponse()
    await alarm_book(access)
    form = SearchForm(request.GET)
    found = await _page(request, access, form) if form.is_valid() else {}
    context = page_context(access, link_summary(access), form=form, query=_query(request)) | found
    return render(request, "alarms/journal.html", context)


@require_safe
@alarm_page()
async def journal_csv(request: PageRequest, slug: str) -> HttpResponse:
    """What the search finds among the newest 10 000 events as a file; its name says so when there were more."""
    access = await find_access(request, slug)
    form = SearchForm(request.GET)
    if not form.is_valid():
        return HttpResponse(_("The search has a mistake."), status=400, content_type="text/plain; charset=utf-8")
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    try:
        past, names = await read_found(access, form.search(zone, now_ms()))
    except AccessEnded:
        raise Http404(NOT_FOUND) from None
    except (SiteUnreachable, SiteRefused):
        # The page of the same search says what is the matter; a file could not.
        return HttpResponseRedirect(f"{reverse('alarms:journal', args=[slug])}{_query(request)}", status=303)
    lines = b"".join(csv_lines(past.rows, zone, names))
    response = HttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"alarms-{slug}{'-newest' if past.more else ''}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


async def _page(request: PageRequest, access: SiteAccess, form: SearchForm) -> dict[str, Any]:
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    now = now_ms()
    search, cursor = form.search(zone, now), request.GET.get("cur", "")[:MAX_CURSOR] or None
    try:
        page = await read_page(access, search, cursor)
    except AccessEnded:
        raise Http404(NOT_FOUND) from None
    except (SiteUnreachable, SiteRefused) as error:
        return {"refused": trouble_words(error)}
    return {
        "events": show_events(page.rows, zone, now, page.names),
        "older": _query(request, cur=page.older) if page.older else "",
        "begins": moment_words(search.start, zone, now),
        "ends": moment_words(min(search.end, now), zone, now),
        "since": moment_words(page.since, zone, now) if page.since > search.start else "",
        "looked_back_to": moment_words(page.looked_back_to, zone, now),
        "further": cursor is not None,
    }


def trouble_words(error: SiteUnreachable | SiteRefused) -> str:
    if isinstance(error, SiteUnreachable):
        words = {"site": error.site, "why": plain(error.told, 200)}
        return _("%(site)s cannot be reached: %(why)s.") % words
    return _("The site refused: %(why)s") % {"why": plain(error.message, 200)}


def _query(request: PageRequest, **more: str) -> str:
    """The present search without what was left empty, with ``more``."""
    copy = request.GET.copy()
    copy.pop("cur", None)
    for name in [name for name, value in copy.items() if not value]:
        copy.pop(name, None)
    for name, value in more.items():
        copy[name] = value
    text = copy.urlencode()
    return f"?{text}" if text else ""
