"""The grant: a role that a person holds at a site from a time until a time. Every right at a site comes from one row.

The rules hold whichever door a grant comes through (admin, command, code), because ``save`` checks them.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from hmi.sites.seal import make_seal
from relay_bridge.contract.scopes import PROCESS_SCOPES, parse_scopes

logger = logging.getLogger(__name__)
# What a change of means new rights: it counts the epoch up, which ends every token and every open socket.
_SUBSTANCE = ("user_id", "role_id", "site_id", "valid_from", "valid_until", "reason", "granted_by_id", "revoked_at")


class GrantQuerySet(models.QuerySet["Grant"]):
    def live(self, now: datetime | None = None) -> GrantQuerySet:
        """Grants that open something at ``now``: site enabled, person active, within their time, not revoked."""
        now = now or timezone.now()
        return self.filter(
            site__enabled=True, user__is_active=True, valid_from__lte=now, valid_until__gt=now, revoked_at__isnull=True
        )

    def update(self, **_values: Any) -> NoReturn:
        raise TypeError("Change a grant through save(): only that counts its epoch up and seals it.")

    def bulk_create(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("Create grants one by one: only save() checks and seals them.")


class Grant(models.Model):
    """``role`` for ``user`` at ``site`` in [``valid_from``, ``valid_until``), unless revoked.

    ``epoch`` counts the changes of this row; a token or an open page made under an older epoch is worth nothing.
    Rows are never deleted: who could see what, when and why stays readable.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="grants")
    role = models.ForeignKey("accounts.Role", on_delete=models.PROTECT, related_name="grants")
    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="grants")
    valid_from = models.DateTimeField(default=timezone.now)
    valid_until = models.DateTimeField()
    reason = models.CharField(max_length=200, help_text="Why this person needs this role at this site.")
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="grants_given", null=True, blank=True
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    epoch = models.PositiveIntegerField(default=1, editable=False)
    seal = models.CharField(max_length=64, editable=False)

    objects = GrantQuerySet.as_manager()

    class Meta:
        ordering = ["-valid_until"]
        indexes = [models.Index(fields=["user", "site"])]
        constraints = [
            models.CheckConstraint(condition=Q(valid_from__lt=F("valid_until")), name="grant_starts_before_it_ends"),
            models.CheckConstraint(condition=~Q(reason=""), name="grant_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} at {self.site}"

    @property
    def scopes(self) -> frozenset[str]:
        """The role's scopes; none at all when the role's row holds one outside the closed list."""
        try:
            return parse_scopes(self.role.scopes)
        except ValueError as error:
            logger.error("Role %s opens nothing: %s.", self.role_id, error)  # noqa: TRY400 - the row is wrong, not us
            return frozenset()

    def is_live(self, now: datetime) -> bool:
        """The same rule as ``GrantQuerySet.live``, for a row in hand."""
        return (
            self.site.enabled
            and self.user.is_active
            and self.valid_from <= now < self.valid_until
            and self.revoked_at is None
        )

    def revoke(self, now: datetime | None = None) -> None:
        """End this grant now. Tokens and open pages under it end with it; revoking twice changes nothing."""
        if self.revoked_at is None:
            self.revoked_at = now or timezone.now()
            self.save()

    def clean(self) -> None:
        super().clean()
        if not self.reason.strip():
            raise ValidationError({"reason": "Say why this person needs this role at this site."})
        if self.revoked_at is not None or not (self.valid_from and self.valid_until):
            return  # a grant may always be ended; a missing time is reported as a missing field
        if self.valid_from >= self.valid_until:
            raise ValidationError({"valid_until": "A grant must end after it starts."})
        # Separation of duties: whoever can change everything does not also see and move the process.
        if self.user_id and self.role_id and self.user.is_superuser and self.scopes & PROCESS_SCOPES:
            raise ValidationError(
                {"role": f"{self.user} is a superuser and cannot hold {self.role}: it shows process data."}
            )
        self._refuse_overlap()

    def _refuse_overlap(self) -> None:
        overlapping = Grant.objects.filter(
            user_id=self.user_id, role_id=self.role_id, site_id=self.site_id, revoked_at__isnull=True,
            valid_from__lt=self.valid_until, valid_until__gt=self.valid_from,
        ).exclude(pk=self.pk)  # fmt: skip
        other = overlapping.first()
        if other is not None:
            raise ValidationError(
                f"{self.user} already holds {self.role} at {self.site} until {other.valid_until:%Y-%m-%d %H:%M} UTC. "
                "Change that grant, or revoke it first."
            )

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Check, count the epoch up if anything changed, seal, store. Raises ``ValidationError``."""
        kwargs.pop("update_fields", None)  # the seal covers the whole row, so the whole row is written
        before = None
        if not self._state.adding:
            before = Grant.objects.select_for_update().filter(pk=self.pk).values(*_SUBSTANCE, "epoch").first()
        self.full_clean(exclude={"seal"})
        if before is not None:  # from the stored row: an older copy in memory must not count the epoch back
            self.epoch = before["epoch"] + any(getattr(self, name) != before[name] for name in _SUBSTANCE)
        self.seal = make_seal(self)
        super().save(*args, **kwargs)
