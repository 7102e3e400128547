"""Who may sign in (User) and which named sets of scopes exist (Role). Who holds what where: hmi.sites' Grant."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models.functions import Lower
from django.dispatch import Signal
from django.utils import timezone

from accounts.sessions import end_sessions_of
from relay_bridge.contract.scopes import format_scopes, parse_scopes

LONGEST_GRANT_DAYS = 366  # every grant has an end; a year is the longest that any role may be held at a time
# Sent with ``role`` before a stored role changes. Whoever knows who holds it may raise ``ValidationError``.
role_changing = Signal()


# In which units a person reads the screens. Custody figures keep the source's unit and digits whatever is chosen.
UNITS = [("site", "as the site sends them"), ("si", "SI"), ("us", "US")]


class User(AbstractUser):
    """A person. ``subject`` is all a site ever learns about them: random, never reused, no name in it."""

    subject = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    is_contractor = models.BooleanField(
        "contractor",
        default=False,
        help_text="Works for another company: holds a role for 7 days unless its giver says otherwise, 31 at most.",
    )

    language = models.CharField(
        max_length=8, blank=True, default="", help_text="Of the screens; empty: what the person's browser asks for."
    )
    units = models.CharField(max_length=4, choices=UNITS, default="site", help_text="Of the values on the screens.")

    class Meta(AbstractUser.Meta):
        verbose_name = "person"
        verbose_name_plural = "people"
        constraints = [
            # "Alice" beside "alice" would be two people whom nobody can tell apart in a grant list.
            models.UniqueConstraint(Lower("username"), name="one_person_per_username_in_any_case"),
        ]

    def __str__(self) -> str:
        return self.get_username()

    @transaction.atomic  # with its audit event or not at all
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store; a new password or a closed account also ends every session, open live pages included."""
        has_new_password = (
            getattr(self, "_password", None) is not None
        )  # set_password() leaves it until the row is saved
        over = not self._state.adding and (has_new_password or not self.is_active)
        super().save(*args, **kwargs)
        if over:
            end_sessions_of(self)


def validate_scopes(text: str) -> None:
    """``ValidationError`` when a scope is not in the closed list, or when there is none."""
    try:
        scopes = parse_scopes(text)
    except ValueError as error:
        raise ValidationError(f"This is not in the closed list of scopes: {error}.") from error
    if not scopes:
        raise ValidationError("A role needs at least one scope.")


class Role(models.Model):
    """A named set of scopes, space-delimited in the closed list's order (relay_bridge.contract.scopes)."""

    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=80, unique=True)
    scopes = models.TextField(validators=[validate_scopes])
    default_days = models.PositiveSmallIntegerField(
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_GRANT_DAYS)],
        help_text="How many days a grant of this role lasts unless its giver chooses otherwise.",
    )
    longest_days = models.PositiveSmallIntegerField(
        default=LONGEST_GRANT_DAYS,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_GRANT_DAYS)],
        help_text="How many days a grant of this role may last at most. Grants given before keep their end.",
    )
    created = models.DateTimeField(default=timezone.now, editable=False)
    requires_second_factor = models.BooleanField(
        default=False,
        help_text="Sign-in asks its holders for a second factor even where the setting leaves others alone.",
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def scope_set(self) -> frozenset[str]:
        """The scopes as a set; ``ValueError`` when the row holds one outside the closed list."""
        return parse_scopes(self.scopes)

    def clean(self) -> None:
        super().clean()
        if self.default_days and self.longest_days and self.default_days > self.longest_days:
            raise ValidationError({"default_days": "This is longer than the longest grant of this role."})
        if not self._state.adding:
            role_changing.send(sender=Role, role=self)

    @transaction.atomic  # with its audit event or not at all
    def save(self, *args: Any, **kwargs: Any) -> None:
        # Checked here too: a script that skips forms must not put an unknown scope into a token.
        validate_scopes(self.scopes)
        self.clean()
        self.scopes = format_scopes(parse_scopes(self.scopes))
        super().save(*args, **kwargs)
