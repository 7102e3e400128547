"""The steps of a hand-over, each in one transaction with its event in the audit trail: both are stored, or neither.

``audit.AuditUnavailable`` travels: what cannot be recorded is not done. ``StepRefused`` is a sentence for the person.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from hmi.shifts.content import SECTIONS, draft_digest, given_digest, taken_digest
from hmi.shifts.models import MAX_WORDS, HandOver, SiteEvent, Stage
from hmi.shifts.times import LONGEST, Shift, shifts_until, starts_at
from hmi.sites.access import SiteAccess

MAX_OPEN = 20  # drafts of one person at a site
MOST_LISTED = 100
MOST_SITE_EVENTS = 200


class StepRefused(Exception):  # noqa: N818 - a decision, not a fault
    """The message is a sentence for the person."""


def shifts_of(access: SiteAccess, now: dt.datetime, zone: Any) -> tuple[Shift, ...]:
    """The shift that runs and the three before it."""
    return shifts_until(now, starts_at(access.site), zone)


def check_span(start: dt.datetime, end: dt.datetime, now: dt.datetime) -> None:
    """``StepRefused`` for a time that no hand-over covers."""
    if end <= start or end - start > LONGEST:
        raise StepRefused(_("A hand-over covers up to 36 hours, and ends after it begins."))
    if start > now:
        raise StepRefused(_("This shift has not begun yet."))


@transaction.atomic
def begin(
    access: SiteAccess, person: Any, start: dt.datetime, end: dt.datetime, events: dict[str, Any]
) -> tuple[HandOver, bool]:
    """A draft, and whether it is new: an open one of the same shift and person is that one."""
    mine = HandOver.objects.filter(site=access.site, outgoing=person).exclude(stage=Stage.TAKEN)
    known = mine.filter(start=start, end=end).first()
    if known is not None:
        return known, False
    if mine.count() >= MAX_OPEN:
        raise StepRefused(_("You have many open hand-overs here. Finish one or throw one away first."))
    now = timezone.now()
    try:
        with transaction.atomic():
            row = HandOver.objects.create(
                site=access.site, start=start, end=end, made_at=now, drawn_at=now, events=events,
                outgoing=person, outgoing_name=str(person),
            )  # fmt: skip
    except IntegrityError:  # the same form came twice in the same moment
        return mine.get(start=start, end=end), False
    _record("shift:hand-over:drafted", access, row, person)
    return row, True


@transaction.atomic
def redraw(access: SiteAccess, person: Any, key: UUID, events: dict[str, Any]) -> HandOver:
    """The events as they are now; the words stay."""
    row = _own_draft(access, person, key)
    row.events, row.drawn_at = events, timezone.now()
    row.save(update_fields=["events", "drawn_at"])
    return row


@transaction.atomic
def write_words(access: SiteAccess, person: Any, key: UUID, words: Mapping[str, str]) -> HandOver:
    """What the person who goes adds, by section; empty ones are left out."""
    row = _own_draft(access, person, key)
    kept = {name: words[name] for name in SECTIONS if words.get(name)}
    if any(len(text) > MAX_WORDS for text in kept.values()):
        raise StepRefused(_("What you add to one section has at most %(most)d characters.") % {"most": MAX_WORDS})
    row.words = kept
    row.save(update_fields=["words"])
    return row


@transaction.atomic
def give(access: SiteAccess, person: Any, key: UUID, seen: str) -> HandOver:
    """The person who goes signs what the page showed them."""
    row = _own_draft(access, person, key)
    if seen != draft_digest(row):
        raise StepRefused(_("It has changed since you looked. Read it as it is now, then sign."))
    row.stage, row.outgoing_at, row.outgoing_name = Stage.GIVEN, timezone.now(), str(person)
    row.digest = given_digest(row)
    row.save(update_fields=["stage", "outgoing_at", "outgoing_name", "digest"])
    _record("shift:hand-over:given", access, row, person, hash=row.digest)
    return row


@transaction.atomic
def take_back(access: SiteAccess, person: Any, key: UUID) -> HandOver:
    """The person who goes withdraws their signature while nobody has taken over; it is a draft again."""
    row = _locked(access, key)
    if row.outgoing_id != person.pk or row.stage != Stage.GIVEN:
        raise StepRefused(_("It cannot be taken back any more."))
    row.stage, row.outgoing_at, row.digest = Stage.DRAFT, None, ""
    row.save(update_fields=["stage", "outgoing_at", "digest"])
    _record("shift:hand-over:taken-back", access, row, person)
    return row


@transaction.atomic
def take(
    access: SiteAccess,
    person: Any,
    key: UUID,
    seen: str,
    *,
    reviewed: Sequence[Mapping[str, str]],
    required: set[str],
) -> HandOver:
    """The person who comes signs. ``reviewed``: the shelved alarms they looked at; ``required``: all that there are."""
    row = _locked(access, key)
    if row.stage != Stage.GIVEN:
        raise StepRefused(_("It does not wait for a second signature."))
    if row.outgoing_id == person.pk:
        raise StepRefused(_("Nobody takes over from themselves: another person signs here."))
    if seen != row.digest or seen != given_digest(row):
        raise StepRefused(_("It has changed since you looked. Read it as it is now, then sign."))
    if required - {each["id"] for each in reviewed}:
        raise StepRefused(_("Look at every shelved alarm first, and tick it."))
    row.reviewed = [dict(each) for each in reviewed]
    row.stage, row.incoming, row.incoming_name, row.incoming_at = Stage.TAKEN, person, str(person), timezone.now()
    row.digest = taken_digest(row)
    row.save()
    _record("shift:hand-over:taken", access, row, person, hash=row.digest, **{"from": row.outgoing_name})
    return row


@transaction.atomic
def throw_away(access: SiteAccess, person: Any, key: UUID) -> None:
    """An own draft that nobody signed."""
    row = _own_draft(access, person, key)
    _record("shift:hand-over:thrown-away", access, row, person)
    row.delete()


def find(access: SiteAccess, key: UUID, person: Any) -> HandOver | None:
    """A hand-over that the person may read: the signed ones, and own drafts."""
    rows = _readable(access, person).select_related("outgoing", "incoming", "site")
    return rows.filter(pk=key).first()


def search(
    access: SiteAccess, person: Any, start: dt.datetime | None, end: dt.datetime | None
) -> tuple[list[HandOver], bool]:
    """Newest first, those that touch the time from ``start`` to ``end``; and whether there are more."""
    rows = _readable(access, person).defer("events", "words", "reviewed")
    if start is not None:
        rows = rows.filter(end__gt=start)
    if end is not None:
        rows = rows.filter(start__lt=end)
    found = list(rows[: MOST_LISTED + 1])
    return found[:MOST_LISTED], len(found) > MOST_LISTED


def site_events(access: SiteAccess, start: dt.datetime, end: dt.datetime) -> list[SiteEvent]:
    """What is known of the link and of the switch at the plant, oldest first."""
    return list(SiteEvent.objects.filter(site=access.site, at__gte=start, at__lt=end)[:MOST_SITE_EVENTS])


ashifts_of = database_sync_to_async(shifts_of)
abegin = database_sync_to_async(begin)
aredraw = database_sync_to_async(redraw)
awrite_words = database_sync_to_async(write_words)
agive = database_sync_to_async(give)
atake_back = database_sync_to_async(take_back)
atake = database_sync_to_async(take)
athrow_away = database_sync_to_async(throw_away)
afind = database_sync_to_async(find)
asearch = database_sync_to_async(search)
asite_events = database_sync_to_async(site_events)


def _readable(access: SiteAccess, person: Any) -> Any:
    return HandOver.objects.filter(site_id=access.site.id).filter(~Q(stage=Stage.DRAFT) | Q(outgoing_id=person.pk))


def _locked(access: SiteAccess, key: UUID) -> HandOver:
    rows = HandOver.objects.select_for_update(of=("self",)).select_related("outgoing")
    row = rows.filter(site_id=access.site.id, pk=key).first()
    if row is None:
        raise StepRefused(_("This hand-over is not there any more."))
    return row


def _own_draft(access: SiteAccess, person: Any, key: UUID) -> HandOver:
    row = _locked(access, key)
    if row.outgoing_id != person.pk or row.stage != Stage.DRAFT:
        raise StepRefused(_("It is signed, or not yours: it cannot be changed."))
    return row


def _record(tag: str, access: SiteAccess, row: HandOver, person: Any, **facts: str) -> None:
    times = {"start": row.start.isoformat(), "end": row.end.isoformat()}
    audit.record(
        tag, actor=person, result="done", site_id=access.site.pk, site=access.site.slug, subject=str(row.pk),
        facts=times | facts,
    )  # fmt: skip
