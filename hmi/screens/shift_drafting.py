"""Draws the events of a shift together: alarms from the site, changes, notes and link losses from the web app's rows.

What the site does not tell leaves a gap, and the gap stands in the hand-over. Nothing is asked of the site beyond the
person's own rights.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from channels.db import database_sync_to_async
from django.http import Http404

from hmi.alarms.journal import read_past
from hmi.alarms.wish import is_shelved
from hmi.controls.models import Change, State
from hmi.live.alarm_book import AlarmBook, importance
from hmi.live.first_paint import alarm_book, link_summary
from hmi.notes.models import Note
from hmi.notes.writing import between
from hmi.screens.alarm_access import names_of
from hmi.shifts.content import GAP_CUT, GAP_JOURNAL, GAP_LIST, GAP_SINCE, MAX_ROWS, make_section
from hmi.shifts.models import SiteEvent
from hmi.shifts.steps import site_events
from hmi.sites.access import NOT_FOUND, SiteAccess
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable
from hmi.sites.plain_text import plain
from relay_bridge.contract.alarms import AlarmRow, JournalRow, band_of

WAIT = 1.5  # seconds for the alarm list to come
MAX_NAME, MAX_TEXT, MAX_EXCERPT = 120, 200, 300  # characters
ACTS = frozenset({"acknowledged", "confirmed", "shelved", "unshelved"})
_UNSENT = (State.DRAFT, State.ASKED, State.APPROVED, State.ENDED)


async def draw_events(access: SiteAccess, start: dt.datetime, end: dt.datetime) -> dict[str, Any]:
    """``start`` inclusive to ``end`` exclusive. ``Http404`` when the access ended meanwhile."""
    book = await alarm_book(access, WAIT)
    summary = link_summary(access)
    gaps: list[str] = []
    if book.state != "current" or not summary.live:
        gaps.append(GAP_LIST)
    past = await _past(access, start, end, gaps)
    standing, shelved = _standing(book)
    names = await names_of([row.by for row in past] + [row.by for row in (*standing, *shelved)])
    changes, notes, links = await _own_rows(access, start, end)
    return {
        "v": 1,
        "now": summary.agent_time,
        "gaps": gaps,
        "mode": summary.mode.mode if summary.mode is not None else "",
        "standing": make_section([_alarm(row, names) for row in standing[:MAX_ROWS]], len(standing)),
        "shelved": make_section([_alarm(row, names) for row in shelved[:MAX_ROWS]], len(shelved)),
        "alarms": _came(past),
        "acts": make_section([_act(row, names) for row in reversed(past) if row.kind in ACTS]),
        "changes": make_section([_change(row) for row in changes]),
        "link": make_section([{"t": _ms(row.at), "what": row.kind, "detail": plain(row.detail, MAX_TEXT)}
                              for row in links]),
        "notes": make_section([_note(row) for row in notes]),
    }  # fmt: skip


def _standing(book: AlarmBook) -> tuple[list[AlarmRow], list[AlarmRow]]:
    """What stands or waits, and what is out of the way; the most important first."""
    rows = sorted(book.rows.values(), key=lambda row: (row.ack, *importance(row)))
    return [row for row in rows if not is_shelved(row)], [row for row in rows if is_shelved(row)]


async def _past(access: SiteAccess, start: dt.datetime, end: dt.datetime, gaps: list[str]) -> tuple[JournalRow, ...]:
    try:
        past = await read_past(access, _ms(start), _ms(end))
    except AccessEnded:
        raise Http404(NOT_FOUND) from None
    except (SiteUnreachable, SiteRefused):
        gaps.append(GAP_JOURNAL)
        return ()
    if past.more:
        gaps.append(GAP_CUT)
    elif past.since > _ms(start):
        gaps.append(GAP_SINCE)
    return past.rows


@database_sync_to_async
def _own_rows(
    access: SiteAccess, start: dt.datetime, end: dt.datetime
) -> tuple[list[Change], list[Note], list[SiteEvent]]:
    sent = Change.objects.filter(site_id=access.site.id, sent_at__gte=start, sent_at__lt=end)
    changes = sent.exclude(state__in=_UNSENT).select_related("person", "approver").order_by("sent_at")
    return list(changes[: 5 * MAX_ROWS]), between(access, start, end, 5 * MAX_ROWS), site_events(access, start, end)


def _alarm(row: AlarmRow, names: dict[str, str]) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": plain(row.name, MAX_NAME),
        "kind": plain(row.cond, 60),
        "band": band_of(row.sev),
        "where": plain(row.asset or row.area, MAX_NAME),
        "act": row.act,
        "ack": row.ack,
        "t": row.t_act if row.act else row.t_clr or row.t_act,
        "until": row.shelf,
        "suppressed": row.suppressed,
        "by": _who(row.by, names),
        "comment": plain(row.comment, MAX_TEXT),
    }


def _came(past: Iterable[JournalRow]) -> dict[str, Any]:
    """By alarm how often it came: a flood of one alarm is one line. The most important first, then the most often."""
    found: dict[str, dict[str, Any]] = {}
    severity: dict[str, int] = {}
    for row in past:  # newest first
        if row.kind != "active":
            continue
        line = found.setdefault(row.id, {
            "id": row.id, "name": plain(row.name, MAX_NAME), "kind": plain(row.cond, 60), "band": band_of(row.sev),
            "where": plain(row.asset or row.area, MAX_NAME), "count": 0, "first": row.t, "last": row.t,
        })  # fmt: skip
        line["count"] += 1
        line["first"] = min(line["first"], row.t)
        severity[row.id] = max(row.sev, severity.get(row.id, 0))
    bands = ("crit", "high", "med", "low")
    lines = sorted(found.values(), key=lambda line: (bands.index(line["band"]), -line["count"], -severity[line["id"]]))
    return make_section(lines, came=sum(line["count"] for line in lines))


def _act(row: JournalRow, names: dict[str, str]) -> dict[str, Any]:
    return {
        "t": row.t, "what": row.kind, "id": row.id, "name": plain(row.name, MAX_NAME), "kind": plain(row.cond, 60),
        "by": _who(row.by, names), "comment": plain(row.comment, MAX_TEXT),
    }  # fmt: skip


def _change(row: Change) -> dict[str, Any]:
    return {
        "t": _ms(row.sent_at) if row.sent_at is not None else 0,
        "name": plain(row.name, MAX_NAME),
        "asset": row.asset,
        "old": plain(row.expected_shown, 60),
        "new": plain(row.value_shown, 60),
        "why": plain(row.why, MAX_TEXT),
        "by": str(row.person),
        "approver": str(row.approver) if row.approver is not None else "",
        # Nobody follows a change for ever: what time alone made of it counts.
        "state": row.state_at(dt.datetime.now(dt.UTC)).value,
        "message": plain(row.message, MAX_TEXT),
    }


def _note(row: Note) -> dict[str, Any]:
    return {
        "t": _ms(row.at), "id": str(row.pk), "asset": row.asset, "name": plain(row.asset_name, MAX_NAME),
        "by": row.author_name, "text": plain(row.text, MAX_EXCERPT), "photo": bool(row.photo),
    }  # fmt: skip


def _who(by: str, names: dict[str, str]) -> str:
    return names.get(by) or plain(by, 60)


def _ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)
