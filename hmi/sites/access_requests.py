"""The row of somebody's request for access: who asks for which role at which site until which day, and what came of it.

The site stands in it by the word that the person used: a request for one that does not exist is a row like any other.
What may be asked and answered: access_request_rules.py.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

MAX_REASON = 200  # characters, as the reason of a grant
KEEP_SHOWN = dt.timedelta(days=30)  # how long a person sees what became of a request
MOST_SHOWN = 20
NEWS = dt.timedelta(days=3)  # how long an answer stands on the first page
MOST_NEWS = 5


class RequestState(models.TextChoices):
    """What a request is at a moment. The first three can be stored; the clock alone makes the last."""

    OPEN = "open", _("waits for an answer")
    GRANTED = "granted", _("granted")
    DECLINED = "declined", _("declined")
    WITHDRAWN = "withdrawn", _("withdrawn")
    EXPIRED = "expired", _("expired without an answer")


class RequestQuerySet(models.QuerySet["AccessRequest"]):
    def open(self, now: dt.datetime | None = None) -> RequestQuerySet:
        return self.filter(decision="", expires_at__gt=now or timezone.now())

    def shown_to(self, person: Any, now: dt.datetime | None = None) -> RequestQuerySet:
        """What a person sees of the own requests: the newest, and none that was asked long ago."""
        since = (now or timezone.now()) - KEEP_SHOWN
        return self.filter(person_id=person.pk, asked_at__gt=since)[:MOST_SHOWN]

    def news_for(self, person: Any, now: dt.datetime) -> RequestQuerySet:
        """What the first page says: own requests that wait, and answers of the last days."""
        waiting = Q(decision="", expires_at__gt=now)
        answered = Q(decision__in=(RequestState.GRANTED, RequestState.DECLINED), decided_at__gt=now - NEWS)
        return self.filter(waiting | answered, person_id=person.pk)[:MOST_NEWS]


class AccessRequest(models.Model):
    """``person`` asks for ``role`` at the site ``site_slug`` up to ``last_day``. ``site`` is empty when there is none.

    ``decision`` is empty while it waits. ``answer`` is what the person reads of a refusal. ``givers_told_at`` and
    ``asker_told_at`` say when a letter went, where letters go.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_requests")
    site_slug = models.CharField("site asked for", max_length=50)
    site = models.ForeignKey("sites.Site", on_delete=models.SET_NULL, related_name="+", null=True, blank=True)
    role = models.ForeignKey("accounts.Role", on_delete=models.SET_NULL, related_name="+", null=True)
    last_day = models.DateField(help_text="The last day of the access, in the site's time.")
    reason = models.CharField(max_length=MAX_REASON)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decision = models.CharField(max_length=10, blank=True, choices=[
        (state.value, state.label) for state in (RequestState.GRANTED, RequestState.DECLINED, RequestState.WITHDRAWN)
    ])  # fmt: skip
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True, blank=True
    )
    answer = models.CharField(max_length=MAX_REASON, blank=True)
    grant = models.ForeignKey("sites.Grant", on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    givers_told_at = models.DateTimeField(null=True, blank=True)
    asker_told_at = models.DateTimeField(null=True, blank=True)

    objects = RequestQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at"]
        default_permissions = ()  # whoever may give grants sees and answers requests: no permission of their own
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="access_request_has_a_reason")]

    def __str__(self) -> str:
        return f"{self.person} asks for {self.role or 'a role that is gone'} at {self.site_slug}"

    def state_at(self, now: dt.datetime) -> RequestState:
        if self.decision:
            return RequestState(self.decision)
        return RequestState.EXPIRED if now >= self.expires_at else RequestState.OPEN

    @property
    def state(self) -> RequestState:
        return self.state_at(timezone.now())
