"""What ties the toolkit's tokens to a grant, and the device flow's own rows.

``SiteAuthorization``  a client's access to one site under one person's grant; its id is the family of refresh tokens
``AuthorizedToken``    which access token belongs to which authorization
``DeviceRequest``      a tablet that asks for access (RFC 8628); its two codes are stored as digests
``WrongCode``          a user code that somebody typed and that was not right, for the limit on guessing
``Client``             the toolkit's application, as the administration shows it
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from oauth2_provider.models import Application
from oauth2_provider.settings import oauth2_settings

from accounts.oauth.clients import is_loopback_redirect
from accounts.oauth.places import GrantKey


class SiteAuthorization(models.Model):
    """``application`` may use up to ``scope`` at ``resource`` as ``user`` until ``ends_at``, while the grant holds.

    Made at consent, ``redeemed_at`` the first token. ``ends_at``: the grant's end, or 12 h after consent.
    """

    class How(models.TextChoices):
        CODE = "code", "a person allowed it in the browser"
        DEVICE = "device", "a person allowed a tablet"
        CLIENT = "client", "the client's own service account"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="site_authorizations")
    application = models.ForeignKey(
        oauth2_settings.APPLICATION_MODEL, on_delete=models.CASCADE, related_name="site_authorizations"
    )
    resource = models.CharField(max_length=300)
    site_id = models.UUIDField()
    site_slug = models.CharField(max_length=50)
    site_name = models.CharField(max_length=100)
    grant_id = models.UUIDField(db_index=True)
    grant_epoch = models.PositiveIntegerField()
    rights = models.CharField(max_length=64)
    scope = models.TextField()
    how = models.CharField(max_length=8, choices=How)
    code_checksum = models.CharField(max_length=64, blank=True, db_index=True)
    created = models.DateTimeField(default=timezone.now)
    redeemed_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-created"]
        indexes = [models.Index(fields=["application", "ended_at"]), models.Index(fields=["user", "ended_at"])]
        verbose_name = "access of another application"
        verbose_name_plural = "access of other applications"

    def __str__(self) -> str:
        return f"{self.application} at {self.site_name}"

    @property
    def key(self) -> GrantKey:
        return GrantKey(self.grant_id, self.grant_epoch, self.rights)

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset(self.scope.split())

    def is_open(self, now: dt.datetime) -> bool:
        """Neither ended nor over. Says nothing of the grant."""
        return self.ended_at is None and now < self.ends_at


class AuthorizedToken(models.Model):
    """Goes when the token goes."""

    token = models.OneToOneField(
        oauth2_settings.ACCESS_TOKEN_MODEL, on_delete=models.CASCADE, related_name="site_authorization"
    )
    authorization = models.ForeignKey(SiteAuthorization, on_delete=models.CASCADE, related_name="tokens")

    def __str__(self) -> str:
        return f"token of {self.authorization_id}"


class DeviceRequest(models.Model):
    """``polled_at`` and ``interval`` (seconds) bound how often the tablet asks; ``expires`` ends it in any case."""

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        DENIED = "denied"
        USED = "used"

    application = models.ForeignKey(
        oauth2_settings.APPLICATION_MODEL, on_delete=models.CASCADE, related_name="device_requests"
    )
    device_checksum = models.CharField(max_length=64, unique=True)
    user_checksum = models.CharField(max_length=64, db_index=True)
    resource = models.CharField(max_length=300)
    scope = models.TextField()
    source = models.CharField(max_length=64, blank=True)
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField(db_index=True)
    interval = models.PositiveSmallIntegerField(default=5)
    polled_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    authorization = models.ForeignKey(SiteAuthorization, on_delete=models.CASCADE, null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.application} asks for access"


class WrongCode(models.Model):
    """A code that was typed and is not known to be right. ``source``: the address, as the sign-in limits see it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    source = models.CharField(max_length=64, blank=True, db_index=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"wrong code at {self.at:%H:%M:%S}"


class Client(Application):
    """The same row as the toolkit's application, with the rules of registration that are ours."""

    class Meta:
        proxy = True
        verbose_name = "other application"
        verbose_name_plural = "other applications"

    def get_allowed_schemes(self) -> list[str]:
        """Plain http for a native app's own loopback port (RFC 8252, 7.3), and for nothing else."""
        if any(is_loopback_redirect(uri) for uri in self.redirect_uris.split()):
            return ["https", "http"]
        return ["https"]
