"""Shift hand-over on the screen: the list, a new one, the page that both sign, and the same for paper.

Reading needs live values and alarms at the site; writing and signing also the right to acknowledge, which those have
who run the shift. The signature is the session's own person: nobody signs for somebody else.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from uuid import UUID

from django import forms
from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.step_up import ahas_stepped_up, to_confirm
from hmi.alarms.wish import is_shelved
from hmi.live.first_paint import alarm_book, link_summary
from hmi.notes.writing import clean_text
from hmi.screens.alarm_access import ACK, alarm_page, find_access
from hmi.screens.contexts import place_context
from hmi.screens.place_pages import followed_place
from hmi.screens.presenters.shift import show_hand_over, span_text, stage_text
from hmi.screens.presenters.words import date_text
from hmi.screens.requests import PageRequest
from hmi.screens.shift_drafting import WAIT, draw_events
from hmi.shifts import steps
from hmi.shifts.content import SECTIONS, digest_holds, draft_digest, shelved_ids
from hmi.shifts.models import MAX_WORDS, HandOver, Stage
from hmi.shifts.times import Shift
from hmi.sites.access import NOT_FOUND, SiteAccess
from hmi.sites.plain_text import plain

MAX_REVIEWED = 200  # shelved alarms that one hand-over asks to look at
NOT_A_FORM = gettext_lazy("This form does not belong to this page. Load the page again.")
ALARM_ID = re.compile(r"[A-Za-z0-9_-]{1,40}\Z")


class DatesForm(forms.Form):
    """Which days are looked for, by the site's clock."""

    start = forms.DateField(required=False, label=gettext_lazy("From"), widget=forms.DateInput({"type": "date"}))
    end = forms.DateField(required=False, label=gettext_lazy("To"), widget=forms.DateInput({"type": "date"}))

    def bounds(self, zone: zoneinfo.ZoneInfo) -> tuple[dt.datetime | None, dt.datetime | None]:
        start, end = self.cleaned_data["start"], self.cleaned_data["end"]
        day = dt.timedelta(days=1)
        return (
            dt.datetime.combine(start, dt.time(), zone) if start else None,
            dt.datetime.combine(end + day, dt.time(), zone) if end and end < dt.date.max else None,
        )


class SpanForm(forms.Form):
    """A time that is no shift of the plan, by the site's clock."""

    kind = "datetime-local"
    start = forms.DateTimeField(label=gettext_lazy("From"), widget=forms.DateTimeInput({"type": kind}))
    end = forms.DateTimeField(label=gettext_lazy("To"), widget=forms.DateTimeInput({"type": kind}))

    def span(self, zone: zoneinfo.ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
        # Django reads it in UTC; what the person wrote is the site's own clock.
        start, end = (self.cleaned_data[name].replace(tzinfo=zone).astimezone(dt.UTC) for name in ("start", "end"))
        return start, end


@require_safe
@alarm_page()
async def hand_overs(request: PageRequest, slug: str) -> HttpResponse:
    """The hand-overs of a site, newest first; by date."""
    access = await find_access(request, slug)
    if request.method == "HEAD":
        return HttpResponse()
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    form = DatesForm(request.GET)
    rows, more = [], False
    if form.is_valid():
        rows, more = await steps.asearch(access, await request.auser(), *form.bounds(zone))
    context = await followed_place(access) | {
        "form": form,
        "searched": any(request.GET.get(name) for name in form.fields),
        "rows": [(row, span_text(row, zone), stage_text(row.stage)) for row in rows],
        "more": more,
        "may_sign": access.allows(ACK),
    }
    return render(request, "shifts/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@alarm_page(ACK)
async def new(request: PageRequest, slug: str) -> HttpResponse:
    """Of which shift? A POST draws its events together and opens the draft."""
    access = await find_access(request, slug, ACK)
    if request.method == "HEAD":
        return HttpResponse()
    zone, now = zoneinfo.ZoneInfo(access.site.time_zone), timezone.now()
    shifts = await steps.ashifts_of(access, now, zone)
    form, trouble = SpanForm(), ""
    if request.method == "POST":
        chosen = request.POST.get("shift", "")
        form = SpanForm(request.POST) if chosen == "other" else form
        try:
            span = _chosen(chosen, shifts, form, zone)
            person = await request.auser()
            row, _new = await steps.abegin(access, person, *span, await draw_events(access, *span))
        except steps.StepRefused as refused:
            trouble = str(refused)
        else:
            return HttpResponseRedirect(reverse("shifts:one", args=[slug, row.pk]), status=303)
    context = await followed_place(access) | {
        "shifts": [(number, _shift_words(shift, zone), shift.running) for number, shift in enumerate(shifts)],
        "form": form,
        "trouble": trouble,
    }
    return render(request, "shifts/new.html", context, status=400 if trouble else 200)


@require_safe
@alarm_page()
async def one(request: PageRequest, slug: str, key: UUID) -> HttpResponse:
    """One hand-over, and what this person may do with it."""
    access = await find_access(request, slug)
    row = await _find(request, access, key)
    if request.method == "HEAD":
        return HttpResponse()
    return await _show(request, access, row)


@require_safe
@alarm_page()
async def paper(request: PageRequest, slug: str, key: UUID) -> HttpResponse:
    """The same for paper: black on white, nothing to press."""
    access = await find_access(request, slug)
    row = await _find(request, access, key)
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    context = place_context(access, link_summary(access)) | {
        "slug": slug,
        "row": row,
        "shown": show_hand_over(row, slug, zone),
        "holds": row.stage == Stage.TAKEN and digest_holds(row),
    }
    return render(request, "shifts/paper.html", context)


@require_POST
@alarm_page(ACK)
async def change(request: PageRequest, slug: str, key: UUID) -> HttpResponse:
    """A step of the person who goes: keep the words, draw the events anew, sign, take back, throw away."""
    access = await find_access(request, slug, ACK)
    row, what = await _find(request, access, key), request.POST.get("what", "")
    try:
        leads = await _step(request, access, row, what)
    except steps.StepRefused as refused:
        return await _show(request, access, await _find(request, access, key), trouble=str(refused))
    return leads or HttpResponseRedirect(reverse("shifts:one", args=[slug, key]), status=303)


@require_POST
@alarm_page(ACK)
async def take(request: PageRequest, slug: str, key: UUID) -> HttpResponse:
    """The person who comes signs: every shelved alarm looked at, both names and times stand."""
    access = await find_access(request, slug, ACK)
    row, person = await _find(request, access, key), await request.auser()
    if settings.HAND_OVER_STEP_UP and not await ahas_stepped_up(request):
        return to_confirm(request)
    to_review = await _to_review(access, row)
    ticked = set(request.POST.getlist("reviewed")[:MAX_REVIEWED])
    reviewed = [{"id": each["id"], "name": each["name"]} for each in to_review if each["id"] in ticked]
    required = {each["id"] for each in to_review}
    try:
        await steps.atake(access, person, key, request.POST.get("seen", ""), reviewed=reviewed, required=required)
    except steps.StepRefused as refused:
        row = await _find(request, access, key)
        return await _show(request, access, row, trouble=str(refused), ticked=ticked)
    return HttpResponseRedirect(reverse("shifts:one", args=[slug, key]), status=303)


async def _step(request: PageRequest, access: SiteAccess, row: HandOver, what: str) -> HttpResponse | None:
    """One of the steps of ``change``; where it leads when that is not the hand-over's page."""
    person, key = await request.auser(), row.pk
    if what in {"keep", "redraw", "give"} and "words-general" in request.POST:
        row = await steps.awrite_words(access, person, key, _read_words(request))
        if what == "redraw":
            await steps.aredraw(access, person, key, await draw_events(access, row.start, row.end))
        elif what == "give":
            if settings.HAND_OVER_STEP_UP and not await ahas_stepped_up(request):
                return to_confirm(request)  # the words are kept; back here, the button is pressed once more
            await steps.agive(access, person, key, draft_digest(row) if _saw(request, row) else "")
    elif what == "take-back":
        await steps.atake_back(access, person, key)
    elif what == "throw-away":
        await steps.athrow_away(access, person, key)
        return HttpResponseRedirect(reverse("shifts:all", args=[access.site.slug]), status=303)
    else:
        raise steps.StepRefused(str(NOT_A_FORM))
    return None


async def _show(
    request: PageRequest, access: SiteAccess, row: HandOver, *, trouble: str = "", ticked: set[str] | None = None
) -> HttpResponse:
    zone, user_id = zoneinfo.ZoneInfo(access.site.time_zone), access.user_id
    mine, may_sign = row.outgoing_id == user_id, access.allows(ACK)
    comes = row.stage == Stage.GIVEN and not mine and may_sign
    context = await followed_place(access) | {
        "row": row,
        "shown": show_hand_over(row, access.site.slug, zone),
        "here": reverse("shifts:one", args=[access.site.slug, row.pk]),
        "trouble": trouble,
        "writes": row.stage == Stage.DRAFT and mine and may_sign,
        "waits": row.stage == Stage.GIVEN and mine,
        "comes": comes,
        "to_review": await _to_review(access, row) if comes else (),
        "ticked": ticked or set(),
        "seen": draft_digest(row) if row.stage == Stage.DRAFT else row.digest,
        "holds": row.stage == Stage.TAKEN and digest_holds(row),
        "taken": row.stage == Stage.TAKEN,
        "max_words": MAX_WORDS,
        "may_sign": may_sign,
    }
    return render(request, "shifts/one.html", context, status=400 if trouble else 200)


async def _to_review(access: SiteAccess, row: HandOver) -> tuple[dict[str, str], ...]:
    """Every alarm that was shelved when the events were drawn or is so now, with how it stands now."""
    book = await alarm_book(access, WAIT)
    known = book.state == "current" and link_summary(access).live
    drawn = {each["id"]: each["name"] for each in row.events.get("shelved", {}).get("rows", [])}
    found = []
    for name in shelved_ids(row.events):
        now = book.rows.get(name)
        words = _("Not known now: the alarm list is not current.") if not known else (
            _("Still out of the way.") if now is not None and is_shelved(now) else _("Not shelved any more.")
        )  # fmt: skip
        found.append({"id": name, "name": drawn[name], "now": words})
    since = [alarm for alarm in book.rows.values() if known and is_shelved(alarm) and alarm.id not in drawn]
    for alarm in sorted(since, key=lambda alarm: alarm.id):
        found.append({"id": alarm.id, "name": plain(alarm.name, 120), "now": _("Shelved since this was written.")})
    return tuple(each for each in found if ALARM_ID.match(each["id"]))[:MAX_REVIEWED]


async def _find(request: PageRequest, access: SiteAccess, key: UUID) -> HandOver:
    row = await steps.afind(access, key, await request.auser())
    if row is None:
        raise Http404(NOT_FOUND)
    return row


def _saw(request: PageRequest, row: HandOver) -> bool:
    """Whether the events that the form's page showed are those of the row: the words may have been typed since."""
    return request.POST.get("drawn", "") == row.drawn_at.isoformat()


def _read_words(request: PageRequest) -> dict[str, str]:
    return {name: clean_text(request.POST.get(f"words-{name}", "")[: 4 * MAX_WORDS]) for name in SECTIONS}


def _chosen(
    chosen: str, shifts: tuple[Shift, ...], form: SpanForm, zone: zoneinfo.ZoneInfo
) -> tuple[dt.datetime, dt.datetime]:
    if chosen == "other":
        if not form.is_valid():
            raise steps.StepRefused(_("Say from when to when."))
        start, end = form.span(zone)
        steps.check_span(start, end, timezone.now())
        return start, end
    found = next((shift for shift in shifts if shift.start.isoformat() == chosen), None)
    if found is None:
        raise steps.StepRefused(_("Choose a shift."))
    return found.start, found.end


def _shift_words(shift: Shift, zone: zoneinfo.ZoneInfo) -> dict[str, str]:
    start, end = shift.start.astimezone(zone), shift.end.astimezone(zone)
    return {
        "value": shift.start.isoformat(),
        "day": date_text(start),
        "clock": _("%(start)s to %(end)s") % {"start": f"{start:%H:%M}", "end": f"{end:%H:%M}"},
    }
