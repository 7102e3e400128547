"""What a grant may be: who may give it to whom, for how long, beside which others, and what a second person approves.

Asked by ``Grant.clean``, so by forms, list actions, commands and code alike. Each refusal is a ``ValidationError`` with
a sentence that says what to do.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.audit.context import current_person
from relay_bridge.contract.scopes import PROCESS_SCOPES

if TYPE_CHECKING:
    from accounts.models import Role
    from hmi.sites.grants import Grant

CONTRACTOR_DAYS = 7  # how long a contractor's grant lasts unless its giver says otherwise
CONTRACTOR_LONGEST_DAYS = 31  # and at most
GIVE, APPROVE, END = "sites.add_grant", "sites.approve_grant", "sites.change_grant"
OWN = "You cannot grant yourself access, or change your own: ask another administrator."
_FIXED = {"user_id": "person", "role_id": "role", "site_id": "site", "granted_by_id": "giver", "given_at": "date"}


# --- lengths -----------------------------------------------------------------------------------------------------


def default_end(role: Role, user: Any, start: dt.datetime) -> dt.datetime:
    """When a grant ends of which nobody said how long it lasts."""
    days = min(role.default_days, CONTRACTOR_DAYS) if user.is_contractor else role.default_days
    return start + dt.timedelta(days=days)


def longest_days(role: Role, user: Any) -> int:
    """The most days that a grant of ``role`` to ``user`` may last."""
    return min(role.longest_days, CONTRACTOR_LONGEST_DAYS) if user.is_contractor else role.longest_days


# --- who ---------------------------------------------------------------------------------------------------------


def may_give(person: Any) -> bool:
    return bool(person.is_active and person.has_perm(GIVE))


def may_approve(person: Any) -> bool:
    return bool(person.is_active and person.has_perm(APPROVE))


def needs_approval(grant: Grant) -> bool:
    """Whether a new grant waits for a second person: its role can silence an alarm or move the plant."""
    from accounts.factors import STRONG_SCOPES  # noqa: PLC0415 - needs the apps to be loaded

    if not settings.GRANT_APPROVAL:
        return False
    try:
        return bool(grant.role.scope_set & STRONG_SCOPES)
    except ValueError:
        return True  # a role that cannot be read opens nothing, and nobody should say yes to it unseen


# --- the checks of Grant.clean -----------------------------------------------------------------------------------


def check_new(grant: Grant, stored: Grant | None) -> None:
    """What holds for a grant that is made, and for one whose time is changed."""
    if stored is None:
        if grant.granted_by_id is not None:
            if grant.granted_by_id == grant.user_id:
                raise ValidationError(OWN)
            if not may_give(grant.granted_by):
                raise ValidationError(f"{grant.granted_by} may not grant roles: that needs the permission {GIVE}.")
    elif (grant.valid_from, grant.valid_until) == (stored.valid_from, stored.valid_until):
        return  # what was allowed once is not judged again by a rule that came later
    elif grant.valid_from < stored.valid_from or grant.valid_until > stored.valid_until:
        _check_extension(grant)
    actor = current_person()
    if actor is not None and actor.pk == grant.user_id:
        raise ValidationError(OWN)
    if not grant.user.is_active and stored is None:
        raise ValidationError({"user": f"The account of {grant.user} is closed. Open it first."})
    # Separation of duties: whoever can change everything does not also see and move the process.
    if grant.user.is_superuser and grant.scopes & PROCESS_SCOPES:
        raise ValidationError(
            {"role": f"{grant.user} is a superuser and cannot hold {grant.role}: it shows process data."}
        )
    _check_length(grant)
    _refuse_overlap(grant)


def check_unchanged(grant: Grant, stored: Grant) -> None:
    """Whose, what and where are what a grant *is*: another one is another grant. An ended one is history."""
    for name, words in _FIXED.items():
        if getattr(grant, name) != getattr(stored, name):
            raise ValidationError(f"The {words} of a grant never changes: revoke this grant and give another one.")
    if stored.revoked_at is not None:
        changed = ("valid_from", "valid_until", "reason", "approval", "revoked_at", "revoked_by_id", "end_reason")
        if any(getattr(grant, name) != getattr(stored, name) for name in changed):
            raise ValidationError("This grant has ended and is history. Give another one.")
    elif grant.reason != stored.reason and stored.approval != "not-needed":
        raise ValidationError({"reason": "The reason is part of what a second person approves and does not change."})


def check_approval(grant: Grant, stored: Grant) -> None:
    """The only ways from one approval to another, and who may go them."""
    if (grant.approval, grant.approved_by_id, grant.approved_at) == (
        stored.approval, stored.approved_by_id, stored.approved_at,
    ):  # fmt: skip
        return
    way = (stored.approval, grant.approval)
    if way not in {("pending", "approved"), ("pending", "refused")} or stored.revoked_at is not None:
        raise ValidationError("This grant does not wait for approval.")
    if (grant.valid_from, grant.valid_until) != (stored.valid_from, stored.valid_until):
        raise ValidationError("Approve a grant as it was given, or refuse it.")
    decider = grant.approved_by if grant.approval == "approved" else grant.revoked_by
    if decider is None:
        raise ValidationError("A grant is approved or refused by a person.")
    if grant.approval == "refused":
        if grant.revoked_at is None or not grant.end_reason:
            raise ValidationError("Say why this grant is refused.")
    elif grant.approved_at is None or grant.approved_at >= grant.valid_until:
        raise ValidationError("The time of this grant is over. Give another one.")
    check_decider(grant, decider)


def check_decider(grant: Grant, person: Any) -> None:
    """``ValidationError`` unless ``person`` may approve or refuse ``grant``: another than its giver and receiver."""
    actor = current_person()
    if person.pk == grant.user_id or (actor is not None and actor.pk == grant.user_id):
        raise ValidationError("You cannot approve your own access: ask another administrator.")
    if person.pk == grant.granted_by_id:
        raise ValidationError(f"{person} gave this grant; somebody else has to approve it.")
    if not may_approve(person):
        raise ValidationError(f"{person} may not approve grants: that needs the permission {APPROVE}.")
    if grant.approval == "approved" and not grant.user.is_active:
        raise ValidationError(f"The account of {grant.user} is closed. Open it first, or refuse the grant.")


# --- pieces ------------------------------------------------------------------------------------------------------


def _check_extension(grant: Grant) -> None:
    if grant.approval == "pending":
        raise ValidationError("A grant that waits for approval does not change. Revoke it and give another one.")
    if grant.approval == "approved" or needs_approval(grant):
        raise ValidationError(
            {
                "valid_until": f"Lengthening {grant.role} counts as a new grant, which a second person approves. "
                "Choose Extend in the list of grants."
            }
        )


def _check_length(grant: Grant) -> None:
    longest = longest_days(grant.role, grant.user)
    if grant.valid_from > timezone.now() + dt.timedelta(days=longest):
        # Or a row of grants, each of the longest length, would be one without an end.
        raise ValidationError({"valid_from": f"A grant of {grant.role} starts within {longest} days."})
    if grant.valid_until - grant.valid_from > dt.timedelta(days=longest):
        whose = "a contractor holds a role" if grant.user.is_contractor else f"{grant.role} is held"
        raise ValidationError({"valid_until": f"At most {whose} for {longest} days at a time. Choose an earlier end."})


def _refuse_overlap(grant: Grant) -> None:
    others = overlapping(grant).filter(role_id=grant.role_id)
    other = (others.exclude(approval="pending") if grant.passes_pending else others).first()
    if other is None:
        return
    if other.approval == "pending":
        raise ValidationError(
            f"A grant of {grant.role} at {grant.site} to {grant.user} waits for approval already. "
            "Approve it, or revoke it first."
        )
    raise ValidationError(
        f"{grant.user} already holds {grant.role} at {grant.site} until {other.valid_until:%Y-%m-%d %H:%M} UTC. "
        "Extend that grant, or revoke it first."
    )


def overlapping(grant: Grant) -> Any:
    """The person's other grants at the site that are not revoked and share a moment with this one."""
    return (
        type(grant)
        .objects.filter(
            user_id=grant.user_id, site_id=grant.site_id, revoked_at__isnull=True,
            valid_from__lt=grant.valid_until, valid_until__gt=grant.valid_from,
        )
        .exclude(pk=grant.pk)
        .select_related("role", "user", "site")
    )  # fmt: skip


def beside(grant: Grant) -> str:
    """A warning in words when the person holds other roles at the site in that time; empty otherwise."""
    others = [f"{other.role} until {other.valid_until:%Y-%m-%d %H:%M} UTC" for other in overlapping(grant)[:5]]
    if not others:
        return ""
    return (
        f"{grant.user} also holds {', '.join(others)} at {grant.site}. Rights are not added up: the role with the most "
        "rights counts."
    )
