"""The alarm list of a site, and one alarm with its history and everything that may be done to it."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hmi.alarms.acting import MAX_SHELVE_MINUTES
from hmi.alarms.journal import KIND_WORDS, read_past
from hmi.alarms.presenting import ShownAlarm, moment_words, plain, show_alarm
from hmi.alarms.wish import Wish, read_wish
from hmi.live.first_paint import alarm_book, link_summary
from hmi.screens.alarm_access import alarm_page, find_access, names_of
from hmi.screens.alarm_contexts import alarm_place, list_context, person_words, show_sections
from hmi.screens.requests import PageRequest, wants_part
from hmi.sites.access import NOT_FOUND, SiteAccess
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable
from relay_bridge.contract.alarms import AlarmRow, JournalRow, band_of

WAIT = 1.5  # seconds for the list to come before the page is drawn without it
HISTORY_DAYS = 30
HISTORY_ROWS = 50  # of one alarm
LOOKED_AT = 1_000  # events among which one alarm's are looked for
ALARM_ID = re.compile(r"[A-Za-z0-9_-]{1,40}\Z")
SHELVE_MINUTES = (15, 30, 60, 120, 240, 480, MAX_SHELVE_MINUTES)


@dataclass(frozen=True)
class ShownEvent:
    """One line of a history; ``id`` leads to the alarm."""

    moment: str
    what: str
    id: str
    name: str
    detail: str
    severity: int
    agent: bool = False


@require_safe
@alarm_page()
async def alarm_list(request: PageRequest, slug: str) -> HttpResponse:
    """The list; for htmx, when it is narrowed, the list alone."""
    access = await find_access(request, slug)
    if request.method == "HEAD":
        return HttpResponse()
    book = await alarm_book(access, WAIT)
    context = list_context(access, link_summary(access), book, read_wish(request.GET.dict()))
    return render(request, "alarms/_list.html" if wants_part(request) else "alarms/list.html", context)


@require_safe
@alarm_page()
async def alarm(request: PageRequest, slug: str, alarm_id: str) -> HttpResponse:
    """One alarm: how it stands, what may be done, what happened before."""
    access = await find_access(request, slug)
    if not ALARM_ID.match(alarm_id):
        raise Http404(NOT_FOUND)
    if request.method == "HEAD":
        return HttpResponse()
    book = await alarm_book(access, WAIT)
    row = book.rows.get(alarm_id)
    summary = link_summary(access)
    past, trouble = await _history(access, alarm_id, row, summary.agent_time)
    if row is None and not past and book.state == "current":
        raise Http404(NOT_FOUND)
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    names = await names_of([event.by for event in past] + ([row.by] if row else []))
    wish = Wish(one=alarm_id)
    shown = None if row is None else show_alarm(row, zone, summary.agent_time)
    context = alarm_place(access, summary, book, wish) | {
        "a": shown,
        "row": row,
        "sections": show_sections(access, summary, book, wish),
        "name": shown.name if shown else plain(past[0].name, 120) if past else "Alarm",
        "acknowledged": _acknowledged(shown, row, names),
        "can_confirm": row is not None and row.conf is False and row.ack,
        "can_shelve": row is not None and not row.shelf and band_of(row.sev) != "crit",
        "is_crit": row is not None and band_of(row.sev) == "crit",
        "minutes": [(minutes, _minutes_words(minutes)) for minutes in SHELVE_MINUTES],
        "history": show_events(past[:HISTORY_ROWS], zone, summary.agent_time, names),
        "history_trouble": trouble,
        "history_days": HISTORY_DAYS,
    }
    return render(request, "alarms/detail.html", context)


def show_events(
    rows: Iterable[JournalRow], zone: zoneinfo.ZoneInfo, now: int, names: dict[str, str]
) -> list[ShownEvent]:
    return [
        ShownEvent(
            moment=moment_words(row.t, zone, now),
            what=KIND_WORDS.get(row.kind, row.kind),
            id=row.id,
            name=plain(row.name, 120),
            detail=_detail(row, names),
            severity=row.sev,
            agent=row.agent,
        )
        for row in rows
    ]


def _detail(row: JournalRow, names: dict[str, str]) -> str:
    who = person_words(row.by, names)
    words = [plain(row.cond, 60), plain(row.msg, 200), f"by {who}" if who else "", plain(row.comment, 200)]
    return " · ".join(filter(None, words))


async def _history(access: SiteAccess, alarm_id: str, row: AlarmRow | None, now: int) -> tuple[list[JournalRow], str]:
    """This alarm's events, and why there are none to be had."""
    start = max(0, now - HISTORY_DAYS * 86_400_000)
    asset = row.asset if row is not None else ""
    try:
        past = await read_past(access, start, now + 60_000, asset=asset, most=LOOKED_AT)
    except AccessEnded:
        raise Http404(NOT_FOUND) from None
    except SiteUnreachable as error:
        return [], f"The history cannot be read now: {error.reason}."
    except SiteRefused as refusal:
        return [], f"The history cannot be read: {refusal.message}"
    return [event for event in past.rows if event.id == alarm_id], ""


def _acknowledged(shown: ShownAlarm | None, row: AlarmRow | None, names: dict[str, str]) -> str:
    if shown is None or row is None or not shown.acknowledged:
        return ""
    who = person_words(row.by, names)
    return f"{shown.acknowledged} by {who}" if who else shown.acknowledged


def _minutes_words(minutes: int) -> str:
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"


def page_context(access: SiteAccess, **more: Any) -> dict[str, Any]:
    """A page that is not live: what it shows is of the moment at which it was asked for."""
    return {"place": access.site.name, "slug": access.site.slug, "zone_name": access.site.time_zone, **more}
