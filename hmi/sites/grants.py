"""The grant: a role that a person holds at a site from a time until a time. Every right at a site comes from one row.

The rules (grant_rules.py) hold whichever door a grant comes through (admin, command, code), because ``save`` asks them.
Whether a grant opens anything is decided in two places that say the same: ``GrantQuerySet.live``, ``Grant.is_live``.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from datetime import datetime
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from hmi.sites.grant_rules import check_approval, check_new, check_unchanged, needs_approval
from hmi.sites.seal import make_seal
from relay_bridge.contract.scopes import parse_scopes

logger = logging.getLogger(__name__)
SOON = dt.timedelta(days=7)  # a grant that ends within this time counts as "ends soon"
# What a change of means new rights: it counts the epoch up, which ends every token and every open socket.
_SUBSTANCE = (
    "user_id", "role_id", "site_id", "valid_from", "valid_until", "reason", "granted_by_id", "given_at",
    "approval", "approved_by_id", "approved_at", "revoked_at", "revoked_by_id", "end_reason",
)  # fmt: skip


class Approval(models.TextChoices):
    """What a second person said. Only ``NOT_NEEDED`` and ``APPROVED`` can open anything."""

    NOT_NEEDED = "not-needed", "not needed"
    PENDING = "pending", "waits for a second person"
    APPROVED = "approved", "approved"
    REFUSED = "refused", "refused"


class State(models.TextChoices):
    """What a grant is at a moment; all transitions follow from its row, its person, its site and the clock."""

    PENDING = "pending", "waits for approval"
    REFUSED = "refused", "refused"
    REVOKED = "revoked", "revoked"
    OVER = "over", "over"
    LATER = "later", "starts later"
    SUSPENDED = "suspended", "suspended: site or account is switched off"
    LIVE = "live", "live"


OPENING = (Approval.NOT_NEEDED, Approval.APPROVED)


class GrantQuerySet(models.QuerySet["Grant"]):
    def live(self, now: datetime | None = None) -> GrantQuerySet:
        """Grants that open something at ``now``: in their time, approved, not revoked, site and account switched on."""
        now = now or timezone.now()
        return self.filter(
            site__enabled=True, user__is_active=True, valid_from__lte=now, valid_until__gt=now,
            revoked_at__isnull=True, approval__in=OPENING,
        )  # fmt: skip

    def pending(self, now: datetime | None = None) -> GrantQuerySet:
        """Grants that wait for a second person and could still open something."""
        now = now or timezone.now()
        return self.filter(approval=Approval.PENDING, revoked_at__isnull=True, valid_until__gt=now)

    def update(self, **_values: Any) -> NoReturn:
        raise TypeError("Change a grant through save(): only that counts its epoch up and seals it.")

    def bulk_create(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("Create grants one by one: only save() checks and seals them.")


class Grant(models.Model):
    """``role`` for ``user`` at ``site`` in [``valid_from``, ``valid_until``), once approved, until revoked.

    ``epoch`` counts the changes of this row; a token or an open page made under an older epoch is worth nothing.
    ``granted_by`` is ``None`` for a grant from the command line without ``--by``. Rows are never deleted: who could see
    what, when and why stays readable.
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
    given_at = models.DateTimeField(null=True, blank=True, editable=False)
    approval = models.CharField(max_length=10, choices=Approval, default=Approval.NOT_NEEDED, editable=False)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="grants_approved",
        null=True,
        blank=True,
        editable=False,
    )
    approved_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="grants_revoked",
        null=True,
        blank=True,
        editable=False,
    )
    end_reason = models.CharField(max_length=200, blank=True, editable=False)
    epoch = models.PositiveIntegerField(default=1, editable=False)
    seal = models.CharField(max_length=64, editable=False)

    # Whether one may be stored beside a grant of the same role that waits for approval: those by a company's group.
    passes_pending = False

    objects = GrantQuerySet.as_manager()

    class Meta:
        ordering = ["-valid_until"]
        indexes = [models.Index(fields=["user", "site"])]
        constraints = [
            models.CheckConstraint(condition=Q(valid_from__lt=F("valid_until")), name="grant_starts_before_it_ends"),
            models.CheckConstraint(condition=~Q(reason=""), name="grant_has_a_reason"),
        ]
        permissions = [
            ("approve_grant", "Can approve or refuse grants that others gave"),
            ("review_access", "Can export who had which access"),
            ("view_as", "Can look at a site as another person"),
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
        return self.state_at(now) == State.LIVE

    def state_at(self, now: datetime) -> State:
        """What this grant is at ``now``; only ``State.LIVE`` opens anything."""
        if self.approval == Approval.REFUSED:
            return State.REFUSED
        if self.revoked_at is not None:
            return State.REVOKED
        if now >= self.valid_until:
            return State.OVER
        if self.approval not in OPENING:
            return State.PENDING
        if now < self.valid_from:
            return State.LATER
        return State.LIVE if self.site.enabled and self.user.is_active else State.SUSPENDED

    @property
    def state(self) -> State:
        """What this grant is now."""
        return self.state_at(timezone.now())

    def revoke(self, now: datetime | None = None, *, by: Any = None, reason: str = "") -> None:
        """End this grant now. Tokens and open pages under it end with it; revoking twice changes nothing."""
        if self.revoked_at is None:
            self.revoked_at, self.revoked_by, self.end_reason = now or timezone.now(), by, reason.strip()
            self.save()

    def approve(self, by: Any, now: datetime | None = None) -> None:
        """The second person's yes; from now on the grant opens what it says. Raises ``ValidationError``."""
        before = self.approval
        self.approval, self.approved_by, self.approved_at = Approval.APPROVED, by, now or timezone.now()
        try:
            self.save()
        except Exception:
            self.approval, self.approved_by, self.approved_at = before, None, None
            raise

    def refuse(self, by: Any, reason: str, now: datetime | None = None) -> None:
        """The second person's no, which ends the grant before it opened anything. Raises ``ValidationError``."""
        if not reason.strip():
            raise ValidationError("Say why this grant is refused.")
        self.approval, self.revoked_by, self.end_reason = Approval.REFUSED, by, reason.strip()
        self.revoked_at = now or timezone.now()
        try:
            self.save()
        except Exception:
            self.refresh_from_db()
            raise

    def stored(self) -> Grant | None:
        """The row as the database has it, or ``None`` for one that was not saved yet."""
        return None if self._state.adding else Grant.objects.select_related("user", "role").filter(pk=self.pk).first()

    def clean(self) -> None:
        super().clean()
        if not self.reason.strip():
            raise ValidationError({"reason": "Say why this person needs this role at this site."})
        stored = self.stored()
        if stored is not None:
            check_unchanged(self, stored)
            check_approval(self, stored)
        if self.revoked_at is not None or not (self.valid_from and self.valid_until):
            return  # a grant may always be ended; a missing time is reported as a missing field
        if self.valid_from >= self.valid_until:
            raise ValidationError({"valid_until": "A grant must end after it starts."})
        if self.user_id and self.role_id and self.site_id:
            check_new(self, stored)

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Check, count the epoch up if anything changed, seal, store. Raises ``ValidationError``."""
        kwargs.pop("update_fields", None)  # the seal covers the whole row, so the whole row is written
        before = None
        if self._state.adding:
            # Not the caller's to say: a new grant of a write role waits, whoever gives it.
            self.given_at = timezone.now()
            self.approval = Approval.PENDING if needs_approval(self) else Approval.NOT_NEEDED
            self.approved_by = self.approved_at = self.revoked_at = self.revoked_by = None
            self.end_reason = ""
        else:
            before = Grant.objects.select_for_update().filter(pk=self.pk).values(*_SUBSTANCE, "epoch").first()
        self.full_clean(exclude={"seal"})
        if before is not None:  # from the stored row: an older copy in memory must not count the epoch back
            self.epoch = before["epoch"] + any(getattr(self, name) != before[name] for name in _SUBSTANCE)
        self.seal = make_seal(self)
        super().save(*args, **kwargs)
