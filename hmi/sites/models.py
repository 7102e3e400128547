"""A site, its conduit, and who holds which role at it: the rows that everything else asks.

``Site``             a plant behind a firewall
``Conduit``          the site's hybrid connection: where it is, the Send key's file, the agent's pinned certificate
``AccessNews``       (hmi/sites/access_news.py) what one web process tells the others about access
``ConduitChange``    what was done to a conduit's keys, when and by whom
``Enrolment``        (hmi/sites/enrolment_rows.py) a one-time code with which an agent enrolls, and what became of it
``Grant``            (hmi/sites/grants.py) a role that a person holds at a site from a time until a time
``GrantReminder``    who was told that which grant ends
``SiteAccessToken``  which access token was opened for which grant and which signed-in session
``AccessRequest``    (hmi/sites/access_requests.py) somebody asks for a role at a site
``ViewAs``           an administrator looks at a site as another person, from when until when
"""

from __future__ import annotations

import uuid
import zoneinfo
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.utils import timezone
from oauth2_provider.settings import oauth2_settings

from hmi.sites.access_news import AccessNews
from hmi.sites.access_requests import AccessRequest
from hmi.sites.company_groups import CompanyGroup, GroupGrant
from hmi.sites.enrolment_rows import Enrolment
from hmi.sites.grants import Grant

__all__ = [
    "AccessNews",
    "AccessRequest",
    "CompanyGroup",
    "Conduit",
    "ConduitChange",
    "Enrolment",
    "Grant",
    "GrantReminder",
    "GroupGrant",
    "Site",
    "SiteAccessToken",
    "ViewAs",
    "check_slug",
    "check_time_zone",
]

# A slug stands in addresses, file names and the relay's entity path, so its alphabet is the narrowest of the three.
check_slug = RegexValidator(
    r"\A[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?\Z",
    "A slug has 1 to 50 lower-case letters, digits and hyphens, and neither starts nor ends with a hyphen.",
)


def check_time_zone(name: str) -> None:
    """``ValidationError`` unless ``name`` is in the IANA list."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValidationError(f"{name[:60]!r} is no time zone; write one like Europe/Oslo or UTC.") from None


def check_key_reference(reference: str) -> None:
    """``ValidationError`` unless it is ``file:NAME`` of a file below the secrets folder."""
    name = reference.removeprefix("file:")
    folder = settings.SIGHTLINE.secrets_dir.resolve()
    if not reference.startswith("file:") or not (folder / name).resolve().is_relative_to(folder):
        raise ValidationError(f"The Send key is referred to as file:NAME, a file below {folder}.")


class Site(models.Model):
    """A plant behind a firewall. ``time_zone`` is for display only; ``enabled`` off ends everybody's access."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.CharField(max_length=50, unique=True, validators=[check_slug])
    name = models.CharField(max_length=100)
    time_zone = models.CharField(max_length=60, default="UTC", validators=[check_time_zone])
    enabled = models.BooleanField(default=True, help_text="Off: the site exists for nobody, and open pages close.")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @transaction.atomic  # with its audit event or not at all
    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)

    @property
    def audience(self) -> str:
        """The site's URI: ``aud`` of its site tokens, ``resource`` of its access tokens."""
        return settings.SIGHTLINE.site_audience(self.id)


class Conduit(models.Model):
    """One site's hybrid connection as the web app needs it. No key stands here, only where it lies.

    ``endpoint`` reads ``sb://HOST[:PORT]/``; ``use_emulator`` means plain ``ws://`` to a relay on this machine.
    ``agent_pin`` is the one certificate (PEM) that the site's agent may show inside the sealed session.
    ``keys_changed``: when what an open session rests on was last changed. The relay's keys only open new ones, and have
    times of their own. ``listen_slot`` is which of the Listen rule's two keys the agent has, ``listen_rotation`` since
    when the other one is on its way to it.
    """

    class Slot(models.TextChoices):
        PRIMARY = "primary"
        SECONDARY = "secondary"

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="conduit")
    endpoint = models.CharField(max_length=300)
    entity_path = models.CharField(max_length=260)
    use_emulator = models.BooleanField(default=False)
    send_key_name = models.CharField(max_length=256, default="send")
    send_key_ref = models.CharField(max_length=300, validators=[check_key_reference])
    agent_pin = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)
    keys_changed = models.DateTimeField(auto_now_add=True)
    send_key_changed = models.DateTimeField(default=timezone.now)
    listen_key_changed = models.DateTimeField(default=timezone.now)
    listen_slot = models.CharField(max_length=9, choices=Slot, default=Slot.PRIMARY)
    listen_rotation = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.endpoint}{self.entity_path}"

    @property
    def send_key_path(self) -> Path:
        """The file with the Send key; ``ValidationError`` when the reference points outside the secrets folder."""
        check_key_reference(self.send_key_ref)
        return settings.SIGHTLINE.secrets_dir / self.send_key_ref.removeprefix("file:")


class ConduitChange(models.Model):
    """One change of a conduit's keys, or its end. Written once; no key stands here, at most a fingerprint."""

    conduit = models.ForeignKey(Conduit, on_delete=models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    what = models.CharField(max_length=300)
    by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.what}"


class SiteAccessToken(models.Model):
    """The access token opened for one grant and one signed-in session; it goes when the token goes."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="access_tokens")
    session_key = models.CharField(max_length=40, blank=True, db_index=True)
    token = models.OneToOneField(
        oauth2_settings.ACCESS_TOKEN_MODEL, on_delete=models.CASCADE, related_name="site_access"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["grant", "session_key"], name="one_token_per_grant_and_session")]

    def __str__(self) -> str:
        return f"access token for grant {self.grant_id}"


class GrantReminder(models.Model):
    """One letter about one end of a grant to one person. Written before the letter goes: no second one ever does.

    ``sent_at`` stays empty while it is on its way; a row that keeps none belongs to a program that died on the way.
    """

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="reminders")
    ends_at = models.DateTimeField()
    days = models.PositiveSmallIntegerField()
    to = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # A grant that was lengthened has another end, of which people are told anew.
            models.UniqueConstraint(fields=["grant", "ends_at", "days", "to"], name="one_reminder_of_each_end"),
        ]

    def __str__(self) -> str:
        return f"{self.days} day(s) before {self.ends_at:%Y-%m-%d %H:%M} to {self.to}"


class ViewAs(models.Model):
    """``admin`` looks at ``site`` as ``person`` until ``ends_at`` at the latest, within one signed-in session.

    The session's key stands here as a digest: this table opens nobody's session.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    admin = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    session_digest = models.CharField(max_length=64, db_index=True)
    begun_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-begun_at"]

    def __str__(self) -> str:
        return f"{self.admin} as {self.person} at {self.site}"
