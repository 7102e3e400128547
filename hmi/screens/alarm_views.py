"""The alarm list of a site, and one alarm with its history and everything that may be done to it."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from hmi.alarms.acting import MAX_SHELVE_MINUTES
from hmi.alarms.arranging import BAND_WORDS
from hmi.alarms.journal import KIND_WORDS, Past, read_past
from hmi.alarms.people import names_of
from hmi.alarms.presenting import LETTERS, moment_words, show_alarm, with_units
from hmi.alarms.shelvings import shelvings_of, show_shelving
from hmi.alarms.wish import Wish, is_shelved, read_wish
from hmi.live.alarm_words import condition_word
from hmi.live.first_paint import alarm_book, known_catalog, link_summary
from hmi.screens.alarm_access import alarm_page, find_access
from hmi.screens.alarm_contexts import acknowledgers, alarm_place, list_context, person_words, show_sections
from hmi.screens.presenters.overview import asset_address
from hmi.screens.requests import PageRequest, wants_part
from hmi.screens.trend_links import trend_address
from hmi.screens.trend_query import can_be_drawn
from hmi.sites.access import NOT_FOUND, SiteAccess
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable
from hmi.sites.plain_text import plain
from hmi.trends.asking import HISTORY
from relay_bridge.contract.alarms import AlarmRow, Band, JournalRow, band_of

WAIT = 1.5  # seconds for the list to come before the page is drawn without it
HISTORY_DAYS = 30
HISTORY_ROWS = 50  # of one alarm
LOOKED_AT = 1_000  # events among which one alarm's are looked for
ALARM_ID = re.compile(r"[A-Za-z0-9_-]{1,40}\Z")
SHELVE_MINUTES = (15, 30, 60, 120, 240, 480, MAX_SHELVE_MINUTES)


@dataclass(frozen=True)
class ShownEvent:
    """One line of a history; ``id`` leads to the alarm. ``who``: a person, or whom the plant names."""

    moment: str
    what: str
    id: str
    name: str
    kind: str
    where: str
    detail: str
    who: str
    comment: str
    band: Band
    letter: str
    agent: bool = False

    @property
    def priority(self) -> str:
        return str(BAND_WORDS[self.band])

    @property
    def place(self) -> str:
        """Where it is, unless its name says so already."""
        return "" if self.where.casefold() in self.name.casefold() else self.where


@dataclass(frozen=True)
class History:
    """Of one alarm. ``trouble``: why there is none to be had. ``since``: back to when it was looked for, where that is
    less than was asked for."""

    events: tuple[JournalRow, ...] = ()
    trouble: str = ""
    since: int = 0


@require_safe
@alarm_page()
async def alarm_list(request: PageRequest, slug: str) -> HttpResponse:
    """The list; for htmx, when it is narrowed, the list alone."""
    access = await find_access(request, slug)
    if request.method == "HEAD":
        return HttpResponse()
    book, wish = await alarm_book(access, WAIT), read_wish(request.GET.dict())
    names = await names_of(acknowledgers(book, wish))
    context = list_context(access, link_summary(access), book, wish, names)
    return render(request, "alarms/_list.html" if wants_part(request) else "alarms/list.html", context)


@require_safe
@alarm_page()
async def alarm(request: PageRequest, slug: str, alarm_id: str) -> HttpResponse:
    """One alarm: how it stands, what may be done, what happened before. For htmx, which asks after an act that was done
    here, what may be done now and what happened."""
    access = await find_access(request, slug)
    if not ALARM_ID.match(alarm_id):
        raise Http404(NOT_FOUND)
    if request.method == "HEAD":
        return HttpResponse()
    book = await alarm_book(access, WAIT)
    history = await _history(access, alarm_id, book.rows.get(alarm_id), link_summary(access).agent_time)
    row, summary = book.rows.get(alarm_id), link_summary(access)  # both as they are now, after the history came
    if row is None and not history.events and book.state == "current":
        raise Http404(NOT_FOUND)
    zone, now = zoneinfo.ZoneInfo(access.site.time_zone), summary.agent_time
    names = await names_of([event.by for event in history.events] + ([row.by] if row else []))
    shelved = await shelvings_of(access, [alarm_id]) if row is not None and row.shelf else {}
    wish = Wish(one=alarm_id)
    shown = None if row is None else show_alarm(row, zone, now)
    past_name = plain(history.events[0].name, 120) if history.events else _("Alarm")
    context = alarm_place(access, summary, book, wish) | {
        "alarm_id": alarm_id,
        "row": row,
        "sections": show_sections(access, summary, book, wish, names),
        "name": shown.name if shown else past_name,
        "kind": shown.kind if shown else "",
        "is_shelved": row is not None and is_shelved(row),
        "shelving": show_shelving(shelved.get(alarm_id), zone, now) if row is not None and row.shelf else None,
        "ways": _ways_on(access, row),
        "can_confirm": row is not None and row.conf is False and row.ack,
        "can_shelve": row is not None and not is_shelved(row) and band_of(row.sev) != "crit",
        "is_crit": row is not None and band_of(row.sev) == "crit",
        "minutes": [(minutes, minutes_words(minutes)) for minutes in SHELVE_MINUTES],
        "history": show_events(history.events[:HISTORY_ROWS], zone, now, names),
        "history_trouble": history.trouble,
        "history_since": moment_words(history.since, zone, now),
        "history_days": HISTORY_DAYS,
    }
    return render(request, "alarms/_anew.html" if wants_part(request) else "alarms/detail.html", context)


def _ways_on(access: SiteAccess, row: AlarmRow | None) -> dict[str, str]:
    """Where the cause is looked at: the page of the tank or unit, and the trend of the value that the alarm is of."""
    catalog = known_catalog(access)
    if row is None or catalog is None:
        return {}
    ways, asset, tag = {}, catalog.asset(row.asset), catalog.tag(row.tag)
    if asset is not None:
        ways = {"asset": asset_address(access.site.slug, asset), "asset_name": plain(asset.name or asset.id, 120)}
    if tag is not None and can_be_drawn(tag) and access.allows(HISTORY):
        ways["trend"] = trend_address(access.site.slug, [tag.id], "1h")
    return ways


def show_events(
    rows: Iterable[JournalRow], zone: zoneinfo.ZoneInfo, now: int, names: Mapping[str, str]
) -> list[ShownEvent]:
    return [
        ShownEvent(
            moment=moment_words(row.t, zone, now),
            what=str(KIND_WORDS.get(row.kind, row.kind)),
            id=row.id,
            name=plain(row.name, 120) or _("Alarm"),
            kind=plain(condition_word(row.cond, row.name), 60),
            where=plain(row.asset or row.area, 120),
            detail=with_units(plain(row.msg, 200)),
            who=person_words(row.by, names),
            comment=plain(row.comment, 200),
            band=band_of(min(max(row.sev, 1), 1000)),
            letter=LETTERS[band_of(min(max(row.sev, 1), 1000))],
            agent=row.agent,
        )
        for row in rows
    ]


async def _history(access: SiteAccess, alarm_id: str, row: AlarmRow | None, now: int) -> History:
    start = max(0, now - HISTORY_DAYS * 86_400_000)
    try:
        past: Past = await read_past(
            access, start, now + 60_000, asset=row.asset if row is not None else "", most=LOOKED_AT
        )
    except AccessEnded:
        raise Http404(NOT_FOUND) from None
    except SiteUnreachable as error:
        return History(trouble=_("The history cannot be read now: %(why)s.") % {"why": plain(error.told, 200)})
    except SiteRefused as refusal:
        return History(trouble=_("The history cannot be read: %(why)s") % {"why": plain(refusal.message, 200)})
    return History(
        tuple(event for event in past.rows if event.id == alarm_id), since=past.since if past.since > start else 0
    )


def minutes_words(minutes: int) -> str:
    if minutes < 60:
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    hours = minutes // 60
    return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
