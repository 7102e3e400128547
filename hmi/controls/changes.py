"""The steps of a change, each in one transaction with its event in the audit trail: both are stored, or neither.

``audit.AuditUnavailable`` travels: what cannot be recorded is not done.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from channels.db import database_sync_to_async
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from hmi.controls.models import APPROVAL_LIFE, KEEP, UNSENT, Change, Kind, State
from hmi.controls.offers import Offer
from hmi.controls.tickets import Ticket
from hmi.sites.access import SiteAccess, get_site_for
from relay_bridge.contract.acting import ActAnswer, ActValue

MAX_DRAFTS = 30  # of one person within ten minutes
OUTCOMES = {"done": State.DONE, "sent": State.SENT, "refused": State.REFUSED, "unknown_outcome": State.UNKNOWN}
OUTCOME_TAGS = {
    State.DONE: "control:change:done",
    State.SENT: "control:change:sent",
    State.REFUSED: "control:change:refused",
    State.UNKNOWN: "control:change:unknown",
}
RESULTS = {State.DONE: "done", State.REFUSED: "refused"}  # anything else has failed until somebody has looked
_MAX_MESSAGE = 400


class StepRefused(Exception):  # noqa: N818 - a decision, not a fault
    """The message is a sentence for the person."""


class Wished(NamedTuple):
    """What the form of a dialog asks for: the value, its text with unit, the reason, and the thing's whole name."""

    value: ActValue
    shown: str
    why: str
    name: str


def draft(access: SiteAccess, offer: Offer, ticket: Ticket, wished: Wished) -> Change:
    """The change that a dialog asks for, stored and not sent. The same form again is the same change.

    ``StepRefused`` when the form was sent before with another value: a key never stands for two wishes.
    """
    now = timezone.now()
    Change.objects.filter(made_at__lt=now - KEEP).delete()
    wish = Change(
        key=ticket.key, site=access.site, person_id=access.user_id, kind=offer.kind, target=offer.target,
        asset=offer.asset, name=wished.name, value=wished.value, value_shown=wished.shown, unit=offer.unit,
        expected=ticket.expected, expected_shown=ticket.shown, why=wished.why, confirm=offer.confirm,
        reauth=offer.reauth, ttl=offer.ttl, made_at=now, since=now,
    )  # fmt: skip
    known = Change.objects.filter(key=ticket.key).first()
    if known is None:
        recent = Change.objects.filter(person_id=access.user_id, made_at__gt=now - dt.timedelta(minutes=10))
        if recent.count() >= MAX_DRAFTS:
            raise StepRefused(_("You have opened too many changes within ten minutes. Wait a little."))
        try:
            with transaction.atomic():
                wish.save(force_insert=True)
        except IntegrityError:  # the same form came twice in the same moment
            known = Change.objects.get(key=ticket.key)
        else:
            return wish
    if known.person_id != access.user_id or known.wish() != wish.wish():
        words = _("This form was used already, for %(value)s. Open the dialog again.")
        raise StepRefused(words % {"value": known.value_shown})
    return known


@transaction.atomic
def put_away(change: Change, person: Any) -> bool:
    """Given up by its own person, or declined by the second one; nothing was sent."""
    if not move(change, set(UNSENT), State.ENDED):
        return False
    own = change.person_id == person.pk
    code, message = ("given-up", "") if own else ("declined", str(person))
    Change.objects.filter(pk=change.pk).update(code=code, message=message[:_MAX_MESSAGE])
    record("control:change:given-up" if own else "control:change:declined", change, person, "done")
    return True


@transaction.atomic
def begin(change: Change, person: Any) -> bool:
    """From now on it counts as sent. False when it was sent before, or is too old: then nobody sends it."""
    now = timezone.now()
    wanted = State.APPROVED if change.two_persons else State.DRAFT
    if change.state_at(now) is not wanted:
        return False
    if change.two_persons and not second_still_may(change):
        # Their agreement was worth what their right was worth, and that is gone.
        if move(change, {wanted}, State.ENDED):
            Change.objects.filter(pk=change.pk).update(code="second-gone")
            record(
                "control:change:refused", change, person, "refused", reason="the second person may not agree any more"
            )
        return False
    if not move(change, {wanted}, State.SENDING, sent_at=now):
        return False
    record("control:change:attempted", change, person, "done", reason=change.why)
    return True


@transaction.atomic
def finish(pk: UUID, answer: ActAnswer | None, *, code: str = "", message: str = "", settled: bool = True) -> None:
    """What became of it. ``answer`` is the agent's word; without one it was refused here, or nobody knows.

    A later word of the site replaces "not known", and nothing replaces what the site has settled.
    """
    change = Change.objects.select_for_update().select_related("person", "site", "approver").get(pk=pk)
    if change.settled or change.state not in {State.SENDING, State.UNKNOWN}:
        return
    if answer is None:
        state = State.REFUSED if settled else State.UNKNOWN
    else:
        # What is still being worked on is not known, whatever else the answer says.
        state, settled = (State.UNKNOWN, False) if answer.pending else (OUTCOMES[answer.res], True)
        code, message = answer.c, answer.msg
        change.before, change.after = _plain(answer.before), _plain(answer.after)
        change.journal_entry = answer.aid[:40]
    repeated = change.state == state
    change.state, change.settled, change.since = state, settled, timezone.now()
    change.code, change.message = code[:20], message[:_MAX_MESSAGE]
    change.save()
    if not (repeated and not settled):
        _note_outcome(change)


def _note_outcome(change: Change) -> None:
    facts = {"code": change.code, "begun": change.journal_entry}
    if change.after is not None:
        facts["after"] = _text(change.after)
    if change.before is not None:
        facts["before"] = _text(change.before)
    # The attempt is recorded already, and what happened has happened: a trail that is full loses this word only.
    audit.try_record(
        OUTCOME_TAGS[State(change.state)], actor=change.person, result=RESULTS.get(State(change.state), "failed"),
        site_id=change.site_id, site=change.site.slug, subject=change.target, reason=change.message or change.code,
        facts=_facts(change) | {name: fact for name, fact in facts.items() if fact},
    )  # fmt: skip


def own(site_id: UUID, person: Any, most: int = 20) -> list[Change]:
    """A person's last changes at a site that went further than the dialog, newest first."""
    rows = Change.objects.filter(site_id=site_id, person_id=person.pk).exclude(state=State.DRAFT)
    return list(rows.select_related("approver")[:most])


def waiting_for(site_id: UUID, person: Any, scopes: frozenset[str], asset: str = "") -> list[Change]:
    """Other people's changes at a site to which this person may agree now."""
    kinds = [kind for kind in Kind if Change(kind=kind).scope in scopes]
    rows = Change.objects.filter(
        site_id=site_id, state=State.ASKED, kind__in=kinds, since__gt=timezone.now() - APPROVAL_LIFE
    ).exclude(person_id=person.pk)
    if asset:
        rows = rows.filter(asset=asset)
    return list(rows.select_related("person").order_by("since")[:20])


def find(site_id: UUID, pk: UUID, kind: Kind, person: Any) -> Change | None:
    """A change that this person may look at: an own one, or one that waits for a second person or had this one."""
    rows = Change.objects.select_related("person", "approver", "site").filter(pk=pk, site_id=site_id, kind=kind)
    return rows.filter(Q(person_id=person.pk) | Q(state=State.ASKED) | Q(approver_id=person.pk)).first()


adraft = database_sync_to_async(draft)
aput_away = database_sync_to_async(put_away)
abegin = database_sync_to_async(begin)
afinish = database_sync_to_async(finish)
aown = database_sync_to_async(own)
awaiting_for = database_sync_to_async(waiting_for)
afind = database_sync_to_async(find)


def second_still_may(change: Change) -> bool:
    """Whether whoever agreed still holds the right to do this very thing at this site."""
    if change.approver is None:
        return False
    try:
        get_site_for(change.approver, change.site.slug, scope=change.scope)
    except Http404:
        return False
    return True


def move(change: Change, before: set[State], after: State, **fields: Any) -> bool:
    """Whether the row was in one of the states ``before`` and no other request moved it."""
    now = timezone.now()
    moved = Change.objects.filter(pk=change.pk, state__in=before).update(state=after, since=now, **fields)
    if not moved:
        return False
    change.state, change.since = after, now
    for name, value in fields.items():
        setattr(change, name, value)
    return True


def record(tag: str, change: Change, person: Any, result: Any, *, reason: str = "") -> None:
    audit.record(
        tag, actor=person, result=result, site_id=change.site_id, site=change.site.slug,
        subject=change.target, reason=reason, facts=_facts(change),
    )  # fmt: skip


def _facts(change: Change) -> dict[str, str]:
    facts = {
        "action": change.digest, "kind": str(change.kind), "value": _text(change.value),
        "expected": _text(change.expected), "unit": change.unit,
    }  # fmt: skip
    if change.approver is not None:
        facts["approver"] = str(change.approver.subject)
    return facts


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode("utf-8", "replace")


def _plain(value: object) -> object:
    """What the agent says it read, as far as it is something that a tag can read."""
    return value if isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= 200) else None
