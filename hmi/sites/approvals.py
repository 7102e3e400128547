"""What is done to grants beyond giving one: lengthen, give many at once, keep a role from growing under its holders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import Role, role_changing
from hmi.sites.grant_rules import OWN, beside, default_end, longest_days, may_give, needs_approval
from hmi.sites.grants import Approval, Grant, State
from hmi.sites.models import Site

MOST_AT_ONCE = 500  # grants of one list action: each is a row, an event and a line on the page


@dataclass(frozen=True)
class Planned:
    """One grant of a list action. ``refused`` says in words why it cannot be given; ``warning`` what to know."""

    grant: Grant
    refused: str = ""
    warning: str = ""

    @property
    def waits(self) -> bool:
        return not self.refused and needs_approval(self.grant)


def plan_grants(
    people: Iterable[Any], sites: Iterable[Site], role: Role, *, start: dt.datetime, end: dt.datetime | None,
    reason: str, by: Any,
) -> list[Planned]:  # fmt: skip
    """What ``give_all`` would do: every person at every site, checked, nothing stored. No ``end``: the usual length."""
    planned = []
    sites = list(sites)
    for person in people:
        for site in sites:
            grant = Grant(
                user=person, role=role, site=site, valid_from=start, reason=reason, granted_by=by,
                valid_until=end or default_end(role, person, start),
            )  # fmt: skip
            try:
                grant.full_clean(exclude={"seal"})
            except ValidationError as error:
                planned.append(Planned(grant, refused=" ".join(error.messages)))
            else:
                planned.append(Planned(grant, warning=beside(grant)))
    return planned


def give_all(planned: Iterable[Planned]) -> list[Planned]:
    """Store what can be given; each is checked again. The answer says of each what became of it."""
    done = []
    for plan in planned:
        if plan.refused:
            done.append(plan)
            continue
        try:
            plan.grant.save()
        except ValidationError as error:
            done.append(Planned(plan.grant, refused=" ".join(error.messages)))
        else:
            done.append(plan)
    return done


@transaction.atomic
def extend(grant: Grant, until: dt.datetime, reason: str, by: Any) -> Grant:
    """Lengthen ``grant`` to ``until``; answers the grant that then lasts so long. Raises ``ValidationError``.

    A role that writes gets a second grant from the first one's end on, which a second person approves; the first goes
    on as it was. Others are lengthened themselves, as far as their role's longest length reaches from now.
    """
    if by.pk == grant.user_id:
        raise ValidationError(OWN)
    if grant.state in {State.REVOKED, State.REFUSED, State.OVER, State.PENDING}:
        raise ValidationError(f"{grant} is {grant.state.label}: give a new grant instead.")
    if until <= grant.valid_until:
        raise ValidationError(f"{grant} lasts until {grant.valid_until:%Y-%m-%d %H:%M} UTC already.")
    longest = dt.timedelta(days=longest_days(grant.role, grant.user))
    most = timezone.now() + longest
    if until > most:
        raise ValidationError(f"{grant} can be extended to {most:%Y-%m-%d %H:%M} UTC at most.")
    if needs_approval(grant) or grant.approval == Approval.APPROVED or until - grant.valid_from > longest:
        following = Grant(
            user=grant.user, role=grant.role, site=grant.site, valid_from=grant.valid_until, valid_until=until,
            reason=reason, granted_by=by,
        )  # fmt: skip
        following.save()
        return following
    if not may_give(by):
        raise ValidationError(f"{by} may not lengthen grants.")
    grant.valid_until = until
    grant.save()
    return grant


# --- roles ----------------------------------------------------------------------------------------------------------


def connect() -> None:
    """Called once, when the app is ready."""
    role_changing.connect(_refuse_wider_role, dispatch_uid="sites.approvals.role")


def _refuse_wider_role(role: Role, **_facts: Any) -> None:
    """A role that people hold gains no right that a second person would have to approve: nobody approved it."""
    from accounts.factors import STRONG_SCOPES  # noqa: PLC0415 - needs the apps to be loaded

    stored = Role.objects.filter(pk=role.pk).first()
    if stored is None or not settings.GRANT_APPROVAL:
        return
    try:
        gained = (role.scope_set - stored.scope_set) & STRONG_SCOPES
    except ValueError:
        return  # reported by the scopes' own check
    holders = Grant.objects.filter(role=role, revoked_at__isnull=True, valid_until__gt=timezone.now())
    if gained and holders.exists():
        raise ValidationError(
            {
                "scopes": f"{holders.count()} grant(s) of this role stand, and nobody approved "
                f"{', '.join(sorted(gained))} for them. Make a new role with it, or revoke those grants first."
            }
        )
