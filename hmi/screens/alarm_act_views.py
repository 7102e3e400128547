"""Acknowledging, confirming and shelving: the forms' other end. What the site answers is shown, nothing else."""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.step_up import ahas_stepped_up, to_confirm
from hmi.alarms import acting
from hmi.alarms.people import names_of
from hmi.alarms.presenting import moment_words, show_alarm, state_words
from hmi.live.alarm_book import AlarmBook
from hmi.live.first_paint import alarm_book, link_summary
from hmi.screens.alarm_access import ACK, SHELVE, alarm_page, find_access
from hmi.screens.alarm_contexts import down_sources, names_in_trail, new_nonce, page_context, person_words
from hmi.screens.alarm_views import WAIT
from hmi.screens.requests import PageRequest, wants_part
from hmi.sites.access import SiteAccess
from hmi.sites.plain_text import plain
from relay_bridge.contract.alarms import MAX_ACKS, MAX_COMMENT, AckResult, AlarmPick, band_of

PICK = re.compile(r"(?P<id>[A-Za-z0-9_-]{1,40}) (?P<eid>[A-Za-z0-9_-]{1,400})\Z")
ID = re.compile(r"[A-Za-z0-9_-]{1,40}\Z")
NONCE = re.compile(r"[A-Za-z0-9_-]{22,64}\Z")
# What an act leads to, as the plant's own report of the alarm shows it, and how it is told then.
REPORTED = {
    "acknowledge": gettext_lazy("It is acknowledged now."),
    "confirm": gettext_lazy("It is confirmed now."),
    "shelve": gettext_lazy("It is shelved now."),
    "unshelve": gettext_lazy("It is back from the shelf now."),
}
NOT_A_FORM = gettext_lazy("This form does not belong to this page. Load the page again.")


@dataclass(frozen=True)
class ShownResult:
    """``good``: it was taken. ``words`` say what became of the alarm ``name``. ``done``: by this act, and it
    shows as soon as the plant reports it."""

    id: str
    name: str
    words: str
    good: bool
    done: bool = False


@require_safe
@alarm_page(ACK)
async def review(request: PageRequest, slug: str) -> HttpResponse:
    """The alarms that somebody wants to acknowledge together, exactly as they are now, before anything is asked."""
    access = await find_access(request, slug, ACK)
    names = list(dict.fromkeys(request.GET.getlist("pick")))
    if not names or len(names) > MAX_ACKS or not all(ID.match(name) for name in names):
        return HttpResponseBadRequest(NOT_A_FORM)
    book, summary = await alarm_book(access, WAIT), link_summary(access)
    down = down_sources(summary)
    rows = [book.rows[name] for name in names if name in book.rows]
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    together = [row for row in rows if acting.may_be_picked_together(row) and row.source not in down]
    current = summary.live and book.state == "current"
    context = page_context(
        access,
        summary,
        alarms=[show_alarm(row, zone, summary.agent_time) for row in together],
        left_out=len(names) - len(together),
        current=current,
        nonce=new_nonce(),
        max_comment=MAX_COMMENT,
    )
    return render(request, "alarms/review.html", context)


@require_POST
@alarm_page(ACK)
async def acknowledge(request: PageRequest, slug: str) -> HttpResponse:
    """Acknowledge or confirm what was seen: one alarm, or several that are not of the highest priority."""
    access = await find_access(request, slug, ACK)
    if settings.ACK_STEP_UP and not await ahas_stepped_up(request):
        return to_confirm(request)
    picks = [_read_pick(text) for text in dict.fromkeys(request.POST.getlist("pick"))]
    nonce, comment = request.POST.get("nonce", ""), _text(request, "comment")
    what = request.POST.get("what") or "acknowledge"
    if not picks or not all(picks) or not NONCE.match(nonce) or what not in {"acknowledge", "confirm"}:
        return HttpResponseBadRequest(NOT_A_FORM)
    chosen = [pick for pick in picks if pick is not None]
    if len({pick.id for pick in chosen}) != len(chosen):
        return HttpResponseBadRequest(NOT_A_FORM)
    book = await alarm_book(access, WAIT)
    refusal = acting.check_together(book, chosen) or _why_closed(access, book, chosen)
    if refusal:
        return await _answer(
            request, access, book, acting.Outcome(trouble=refusal, asked=False), nonce=nonce, what=what
        )
    outcome = await acting.acknowledge(
        await request.auser(), access, chosen, nonce=nonce, comment=comment, what=what, names=_names(book, chosen)
    )
    return await _answer(request, access, book, outcome, nonce=nonce, what=what)


@require_POST
@alarm_page(SHELVE)
async def shelve(request: PageRequest, slug: str) -> HttpResponse:
    """Put one alarm out of the way, with a reason and an end, or bring it back."""
    access = await find_access(request, slug, SHELVE)
    if settings.ACK_STEP_UP and not await ahas_stepped_up(request):
        return to_confirm(request)
    pick, nonce = _read_pick(request.POST.get("pick", "")), request.POST.get("nonce", "")
    minutes, reason = _read_minutes(request.POST.get("minutes", "")), _text(request, "reason")
    if pick is None or minutes is None or not NONCE.match(nonce):
        return HttpResponseBadRequest(NOT_A_FORM)
    book = await alarm_book(access, WAIT)
    trouble = _why_not_shelved(book, pick, minutes, reason) or _why_closed(access, book, [pick])
    what = "shelve" if minutes else "unshelve"
    if trouble:
        return await _answer(
            request, access, book, acting.Outcome(trouble=trouble, asked=False), nonce=nonce, what=what
        )
    outcome = await acting.shelve(
        await request.auser(), access, pick, nonce=nonce, minutes=minutes, reason=reason, names=_names(book, [pick])
    )
    return await _answer(request, access, book, outcome, nonce=nonce, what=what)


def _why_closed(access: SiteAccess, book: AlarmBook, picks: list[AlarmPick]) -> str:
    summary = link_summary(access)
    return acting.why_closed(book, picks, live=summary.live, down=down_sources(summary))


def _why_not_shelved(book: AlarmBook, pick: AlarmPick, minutes: int, reason: str) -> str:
    """Bringing an alarm back is always right."""
    row = book.rows.get(pick.id)
    if not minutes:
        return ""
    if not reason.strip():
        return _("Give a reason: whoever comes after you reads it.")
    if row is None:
        return _("It is not in the list, so it cannot be shelved.")
    if band_of(row.sev) == "crit":
        return _("An alarm of the highest priority is not shelved from here.")
    return ""


async def _answer(
    request: PageRequest, access: SiteAccess, book: AlarmBook, outcome: acting.Outcome, *, nonce: str, what: str
) -> HttpResponse:
    names = await names_of(
        [result.by for result in outcome.results] + [result.row.by for result in outcome.results if result.row]
    )
    summary = link_summary(access)
    context = page_context(
        access,
        summary,
        outcome=outcome,
        done=what,
        reported=REPORTED[what],
        results=[_show(result, access, book, names, summary.agent_time) for result in outcome.results],
        # What has an answer is over: the next touch is another wish. Without one the same wish is asked again.
        nonce=new_nonce() if outcome.settled else nonce,
    )
    return render(request, "alarms/_outcome.html" if wants_part(request) else "alarms/outcome.html", context)


def _show(result: AckResult, access: SiteAccess, book: AlarmBook, names: dict[str, str], now: int) -> ShownResult:
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    row = result.row or book.rows.get(result.id)
    name = plain(row.name, 120) if row is not None else _("An alarm")
    message = plain(result.msg, 200)
    if result.res == "ok":
        words = _("The plant took it. The list shows it as soon as the plant reports it.")
        return ShownResult(result.id, name, words, good=True, done=True)
    if result.res == "already":
        who, when = person_words(result.by, names), moment_words(result.at, zone, now)
        return ShownResult(result.id, name, _already(who, when), good=True)
    if result.res == "stale":
        state = f"{state_words(row)}, {plain(row.cond, 60)}" if result.row and row else ""
        return ShownResult(result.id, name, _changed(state), good=False)
    if result.res == "gone":
        return ShownResult(result.id, name, _("It has left the list; nothing was done."), good=False)
    if result.res == "unknown":
        unknown = _("Nobody knows whether it was done. %(why)s") % {"why": message}
        return ShownResult(result.id, name, unknown, good=False)
    return ShownResult(result.id, name, _("Nothing was done. %(why)s") % {"why": message}, good=False)


def _already(who: str, when: str) -> str:
    if who and when:
        return _("This was done already by %(who)s at %(moment)s.") % {"who": who, "moment": when}
    if who:
        return _("This was done already by %(who)s.") % {"who": who}
    return _("This was done already at %(moment)s.") % {"moment": when} if when else _("This was done already.")


def _changed(state: str) -> str:
    if not state:
        return _("It has changed since you looked, so nothing was done. Look again.")
    return _("It has changed since you looked, so nothing was done. It is now: %(state)s. Look again.") % {
        "state": state
    }


def _read_pick(text: str) -> AlarmPick | None:
    found = PICK.match(text)
    return None if found is None else AlarmPick(found["id"], found["eid"])


def _read_minutes(text: str) -> int | None:
    if not re.fullmatch(r"[0-9]{1,4}", text):
        return None
    return int(text) if int(text) <= acting.MAX_SHELVE_MINUTES else None


def _text(request: PageRequest, name: str) -> str:
    return plain(request.POST.get(name, ""), MAX_COMMENT)


def _names(book: AlarmBook, picks: list[AlarmPick]) -> str:
    return names_in_trail(book.rows.get(pick.id) for pick in picks)
