"""Asking for access: a person names a site, a role, a day and a reason; whoever may grant says yes or no to it.

    request = ask(person, slug="north", role=viewer, last_day=day, reason="night shift")
    grant_as_asked(request, by=administrator)          # through the ordinary rules of grants
    decline(request, by=administrator, answer="Ask the shift supervisor first.")

Nobody learns here whether a site exists: a request for one that does not is stored, shown and answered like any other.
"""

from __future__ import annotations

import datetime as dt
import uuid
import zoneinfo
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit.admin_changes import has_own_events
from accounts.models import Role
from accounts.roles import role_words
from hmi.languages.dates import date_text
from hmi.sites.access_requests import MAX_REASON, AccessRequest, RequestState
from hmi.sites.approvals import extend
from hmi.sites.grant_rules import default_end, longest_days, may_give, overlapping
from hmi.sites.grants import Approval, Grant, State
from hmi.sites.models import Site

LIFE = dt.timedelta(days=14)  # an unanswered request is worth nothing after this
MOST_OPEN = 5  # of one person
MOST_A_DAY = 10  # of one person, withdrawn ones included


def connect() -> None:
    """Called once, when the app is ready: requests have events of their own."""
    has_own_events(AccessRequest)


# --- asking ----------------------------------------------------------------------------------------------------------


def ask(
    person: Any, *, slug: str, role: Role, last_day: dt.date, reason: str, now: dt.datetime | None = None
) -> AccessRequest:
    """Store a request. ``last_day``: the last day of the access, in the site's time. Raises ``ValidationError``.

    No refusal depends on whether the site exists, unless the person holds a grant there and so knows it.
    """
    now = now or timezone.now()
    reason = " ".join(reason.split())
    if not reason or len(reason) > MAX_REASON:
        words = _("Say in 1 to %(most)d characters what you need it for.")
        raise ValidationError({"reason": words % {"most": MAX_REASON}})
    _check_day(person, role, last_day, now)
    with transaction.atomic():
        # One request of a person at a time, or two at the same moment would both find room.
        get_user_model().objects.select_for_update().get(pk=person.pk)
        mine = AccessRequest.objects.filter(person=person)
        if mine.filter(asked_at__gt=now - dt.timedelta(days=1)).count() >= MOST_A_DAY:
            words = _("You have asked %(most)d times within a day. Try again tomorrow.")
            raise ValidationError(words % {"most": MOST_A_DAY})
        waiting = mine.open(now)
        if waiting.filter(site_slug=slug, role=role).exists():
            words = _("You have asked for %(role)s at %(site)s already, and it waits for an answer.")
            raise ValidationError(words % {"role": role_words(role.name), "site": slug})
        if waiting.count() >= MOST_OPEN:
            words = _("%(most)d of your requests wait for an answer. Withdraw one, or wait.")
            raise ValidationError(words % {"most": MOST_OPEN})
        site = Site.objects.filter(slug=slug).first()
        _check_held(person, slug, role, last_day, now)
        request = AccessRequest.objects.create(
            person=person, site_slug=slug, site=site, role=role, last_day=last_day, reason=reason, asked_at=now,
            expires_at=min(now + LIFE, _end_of(last_day, None)),  # in UTC: a site's zone would say that it exists
        )  # fmt: skip
        _note("request:access:asked", request, person, facts={"until": f"{last_day:%Y-%m-%d}"})
    return request


def withdraw(person: Any, key: uuid.UUID, now: dt.datetime | None = None) -> AccessRequest:
    """Take an own request back; ``AccessRequest.DoesNotExist`` when it is not one that waits."""
    now = now or timezone.now()
    with transaction.atomic():
        request = AccessRequest.objects.open(now).select_for_update().get(pk=key, person=person)
        _decide(request, RequestState.WITHDRAWN, person, now)
        _note("request:access:withdrawn", request, person)
    return request


def latest_day(person: Any, role: Role, now: dt.datetime) -> dt.date:
    """The last day that may be asked for: nobody holds ``role`` longer at a time."""
    return (now + dt.timedelta(days=longest_days(role, person) - 1)).date()


def usual_day(person: Any, role: Role | None, now: dt.datetime) -> dt.date:
    """The day that the form proposes: the usual length of the role, a week when none is chosen yet."""
    return (default_end(role, person, now) if role is not None else now + dt.timedelta(days=7)).date()


def _check_day(person: Any, role: Role, last_day: dt.date, now: dt.datetime) -> None:
    latest = latest_day(person, role, now)
    if last_day < now.date():
        raise ValidationError({"last_day": _("That day is over. Choose today or a later day.")})
    if last_day > latest:
        words = _("The role %(role)s is given until %(day)s at the latest.")
        facts = {"role": role_words(role.name), "day": date_text(latest)}
        raise ValidationError({"last_day": words % facts})


def _check_held(person: Any, slug: str, role: Role, last_day: dt.date, now: dt.datetime) -> None:
    """Say so when the person has it already, or somebody has still to approve it: nobody need be asked.

    Asked through the person's own grants, so the same one query for a site that exists and for one that does not.
    """
    mine = Grant.objects.filter(user=person, site__slug=slug, role=role, revoked_at__isnull=True, valid_until__gt=now)
    for grant in mine.exclude(approval=Approval.REFUSED).select_related("site"):
        site = grant.site
        facts = {"role": role_words(role.name), "site": site.name, "zone": site.time_zone}
        if grant.approval == Approval.PENDING:
            words = _("You were given %(role)s at %(site)s already; a second person has still to approve it.")
            raise ValidationError(words % facts)
        if grant.valid_until >= _end_of(last_day, site):
            local = grant.valid_until.astimezone(zoneinfo.ZoneInfo(site.time_zone))
            words = _("You hold %(role)s at %(site)s until %(moment)s (%(zone)s) already.")
            raise ValidationError(words % (facts | {"moment": f"{date_text(local)} {local:%H:%M}"}))


def _end_of(day: dt.date, site: Site | None) -> dt.datetime:
    zone = zoneinfo.ZoneInfo(site.time_zone if site is not None else "UTC")
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), zone).astimezone(dt.UTC)


# --- answering -------------------------------------------------------------------------------------------------------


def grant_as_asked(request: AccessRequest, by: Any, now: dt.datetime | None = None) -> Grant:
    """Give what was asked for, from now on; answers the grant, which may still have to be approved.

    By the ordinary rules: who may give, nobody to himself, how long, a second person for roles that write. A grant of
    the same role that is live is lengthened. Of a last day that the role's longest length does not reach to its end,
    the hours until there are given. Raises ``ValidationError``; then nothing was done.
    """
    now = now or timezone.now()
    with transaction.atomic():
        waiting = _waiting(request, by, now)
        site = Site.objects.filter(slug=waiting.site_slug).first()
        if site is None:
            raise ValidationError(f"There is no site {waiting.site_slug!r}. Decline it, and say which site is meant.")
        if waiting.role is None:
            raise ValidationError("The role was deleted. Decline the request.")
        longest = now + dt.timedelta(days=longest_days(waiting.role, waiting.person))
        until = min(_end_of(waiting.last_day, site), longest)
        grant = Grant(
            user=waiting.person, role=waiting.role, site=site, valid_from=now, valid_until=until,
            reason=waiting.reason, granted_by=by,
        )  # fmt: skip
        standing = next((each for each in overlapping(grant).filter(role=grant.role) if each.state is State.LIVE), None)
        if standing is not None:
            grant = extend(standing, until, waiting.reason, by)
        else:
            grant.save()
        waiting.grant, waiting.site = grant, site
        _decide(waiting, RequestState.GRANTED, by, now)
        _note("request:access:granted", waiting, by, facts={"grant": str(grant.pk)})
    return grant


def decline(request: AccessRequest, by: Any, answer: str, now: dt.datetime | None = None) -> None:
    """Say no, with a reason that the person reads. Raises ``ValidationError``."""
    now = now or timezone.now()
    answer = " ".join(answer.split())[:MAX_REASON]
    if not answer:
        raise ValidationError("Say why: the person reads it.")
    with transaction.atomic():
        waiting = _waiting(request, by, now)
        waiting.answer = answer
        _decide(waiting, RequestState.DECLINED, by, now)
        _note("request:access:declined", waiting, by, reason=answer)


def _waiting(request: AccessRequest, by: Any, now: dt.datetime) -> AccessRequest:
    """The row as it is stored, locked; ``ValidationError`` unless it waits and ``by`` may answer it."""
    stored = AccessRequest.objects.select_for_update(of=("self",)).select_related("person", "role", "site")
    waiting = stored.get(pk=request.pk)
    state = waiting.state_at(now)
    if state is not RequestState.OPEN:
        raise ValidationError(f"This request is {state.label}.")
    if by.pk == waiting.person_id:
        raise ValidationError("You cannot answer your own request: another administrator has to.")
    if not may_give(by):
        raise ValidationError(f"{by} may not give access, so not answer requests for it either.")
    return waiting


def _decide(request: AccessRequest, decision: RequestState, by: Any, now: dt.datetime) -> None:
    request.decision, request.decided_by, request.decided_at = decision, by, now
    request.save()


def _note(
    tag: str, request: AccessRequest, actor: Any, *, reason: str = "", facts: dict[str, str] | None = None
) -> None:
    audit.record(
        tag, actor=actor, result="done", subject=str(request.pk), site_id=request.site_id, site=request.site_slug,
        reason=reason or request.reason,
        facts={"person": audit.person_subject(request.person), "role": request.role.slug if request.role else ""}
        | (facts or {}),
    )  # fmt: skip
