"""Groups of a company sign-on as roles at sites: one row says that a group of a provider means this role at this site.

At a sign-in through the company its members get a grant for as long as the sign-in may last, and lose it at the next
sign-in after they left the group. A role that can silence an alarm or move the plant is not given this way while
such grants need a second person's approval: nobody would have approved them.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts.company_sign_on import signed_in_with_groups
from accounts.factors import STRONG_SCOPES, roles_are_found_by
from hmi.sites.grant_rules import overlapping
from hmi.sites.grants import OPENING, Grant

logger = logging.getLogger(__name__)
Span = tuple[dt.datetime, dt.datetime]
LEFT = "The company sign-on no longer names the group {group}."


class CompanyGroup(models.Model):
    """Members of ``group`` at the provider ``company`` hold ``role`` at ``site`` while they are signed in."""

    company = models.CharField(max_length=30, help_text="The provider's id, as in SIGHTLINE_COMPANIES.")
    group = models.CharField(max_length=200, help_text="The group's name or id, exactly as the provider sends it.")
    role = models.ForeignKey("accounts.Role", on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ["company", "group"]
        constraints = [
            models.UniqueConstraint(fields=["company", "group", "role", "site"], name="one_row_of_each_group"),
        ]

    def __str__(self) -> str:
        return f"{self.group} of {self.company} as {self.role} at {self.site}"

    def clean(self) -> None:
        super().clean()
        if self.company and self.company not in {company.id for company in settings.COMPANY_SIGN_ON}:
            raise ValidationError({"company": f"There is no company sign-on called {self.company} in the settings."})
        if self.role_id and not may_come_from_group(self.role):
            raise ValidationError(
                {"role": f"{self.role} needs a second person's approval, so people get it one by one, not by a group."}
            )


class GroupGrant(models.Model):
    """Marks a grant that came from a group, so that it ends when the group is gone."""

    grant = models.OneToOneField(Grant, on_delete=models.CASCADE, related_name="from_group")
    company = models.CharField(max_length=30)
    group = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"{self.grant} by {self.group} of {self.company}"


def connect() -> None:
    """Called once, when the app is ready."""
    roles_are_found_by(roles_held_by)
    signed_in_with_groups.connect(_signed_in, dispatch_uid="sites.company_groups")


def roles_held_by(person: Any) -> list[Any]:
    """The roles that the person holds anywhere right now; accounts.factors asks, to know who needs a second factor."""
    grants = Grant.objects.live().filter(user_id=person.pk).select_related("role")
    return list({grant.role_id: grant.role for grant in grants}.values())


def may_come_from_group(role: Any) -> bool:
    """Whether a group can give this role. Asked again at each sign-in: the role may have changed since."""
    if not settings.GRANT_APPROVAL:
        return True
    try:
        return not role.scope_set & STRONG_SCOPES
    except ValueError:
        return False


def _signed_in(sender: Any, person: Any, company: str, groups: frozenset[str], seconds: int, **_facts: Any) -> None:
    now = timezone.now()
    rows = CompanyGroup.objects.filter(company=company, group__in=groups, site__enabled=True)
    wanted = {
        (row.role_id, row.site_id): row for row in rows.select_related("role", "site") if may_come_from_group(row.role)
    }
    held = Grant.objects.filter(user=person, from_group__company=company, revoked_at__isnull=True, valid_until__gt=now)
    for grant in held.select_related("from_group"):
        if (grant.role_id, grant.site_id) not in wanted:
            grant.revoke(now, reason=LEFT.format(group=grant.from_group.group)[:200])
    for row in wanted.values():
        _give(person, row, now, now + dt.timedelta(seconds=seconds))


def _give(person: Any, row: CompanyGroup, now: dt.datetime, until: dt.datetime) -> None:
    """Grants for the time until ``until`` in which the person does not hold the role anyway.

    A grant that stands is left alone, so that open pages under it are not disturbed. One that waits for approval is no
    access: the member comes in, and it goes on waiting.
    """
    standing = overlapping(Grant(user=person, site=row.site, valid_from=now, valid_until=until))
    held = standing.filter(role=row.role, approval__in=OPENING).order_by("valid_from")
    for start, end in _gaps(now, until, held.values_list("valid_from", "valid_until")):
        grant = Grant(
            user=person,
            role=row.role,
            site=row.site,
            valid_from=start,
            valid_until=end,
            reason=f"Member of {row.group} at {row.company}"[:200],
        )
        grant.passes_pending = True
        try:
            grant.save()
        except ValidationError as refusal:  # a superuser and process data, for instance: a sign-in cannot say it
            logger.warning("Group %s gave %s no grant: %s", row.pk, person.subject, " ".join(refusal.messages))
            return
        GroupGrant.objects.create(grant=grant, company=row.company, group=row.group)


def _gaps(start: dt.datetime, until: dt.datetime, taken: Iterable[Span]) -> Iterator[Span]:
    """The parts of [``start``, ``until``) outside of the spans ``taken``, which come in order."""
    for begins, ends in taken:
        if start < begins:
            yield start, min(begins, until)
        start = max(start, ends)
    if start < until:
        yield start, until
