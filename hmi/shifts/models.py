"""The rows of the shift hand-over: shift times, what is known of links, and the hand-overs themselves.

    draft ──signed by who goes──► given ──signed by who comes──► taken
      ▲                            │
      └──────── taken back ────────┘

A ``taken`` hand-over is never changed: ``save`` refuses it, and so does a trigger in the database. Its content's hash
stands in the row, on the page and in the audit trail.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models

MAX_WORDS = 1_000  # characters of what somebody adds to one section


class SiteEventKind(models.TextChoices):
    LINK_LOST = "link-lost", "link lost"
    LINK_BACK = "link-back", "link back"
    MODE = "mode", "switch turned"


class SiteEvent(models.Model):
    """``at`` by the web app's clock for links, by the plant's for its switch. ``detail``: why; or mode and who."""

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="link_events")
    kind = models.CharField(max_length=10, choices=SiteEventKind.choices)
    at = models.DateTimeField()
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint(fields=["site", "kind", "at"], name="one_site_event_of_a_moment")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.kind}"


class ShiftTimes(models.Model):
    """When shifts begin at a site, by its own clock: ``06:00 14:00 22:00``. Without a row the setting counts."""

    site = models.OneToOneField("sites.Site", on_delete=models.CASCADE, related_name="shift_times")
    starts = models.CharField(max_length=60)

    def __str__(self) -> str:
        return f"{self.site}: {self.starts}"


class Stage(models.TextChoices):
    DRAFT = "draft", "draft"
    GIVEN = "given", "signed by who goes"
    TAKEN = "taken", "signed by both"


class HandOver(models.Model):
    """``events``: what the plant and the web app know of the shift, as ``hmi.shifts.events`` lays it out; ``words`` by
    section; ``reviewed``: the shelved alarms that who comes has looked at. ``digest``: SHA-256 of all that is signed.

    People who signed cannot be deleted: an account is closed instead.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="hand_overs")
    start = models.DateTimeField()
    end = models.DateTimeField()
    stage = models.CharField(max_length=5, choices=Stage.choices, default=Stage.DRAFT)
    made_at = models.DateTimeField()
    drawn_at = models.DateTimeField()
    events = models.JSONField()
    words = models.JSONField(default=dict)
    reviewed = models.JSONField(default=list)
    outgoing = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="hand_overs_given")
    outgoing_name = models.CharField(max_length=150)
    outgoing_at = models.DateTimeField(null=True)
    incoming = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="hand_overs_taken"
    )
    incoming_name = models.CharField(max_length=150, blank=True)
    incoming_at = models.DateTimeField(null=True)
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-start", "-made_at"]
        indexes = [models.Index(fields=["site", "-start"])]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(incoming=None) | ~models.Q(incoming=models.F("outgoing")),
                name="two_people_sign_a_hand_over",
            ),
            models.CheckConstraint(condition=models.Q(end__gt=models.F("start")), name="a_shift_ends_after_it_begins"),
            models.UniqueConstraint(
                fields=["site", "outgoing", "start", "end"],
                condition=~models.Q(stage="taken"),
                name="one_open_hand_over_of_a_shift_and_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site} {self.start:%Y-%m-%d %H:%M}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding and HandOver.objects.filter(pk=self.pk, stage=Stage.TAKEN).exists():
            raise TypeError("A hand-over that both have signed is never changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        if HandOver.objects.filter(pk=self.pk, stage=Stage.TAKEN).exists():
            raise TypeError("A hand-over that both have signed is never deleted.")
        return super().delete(*args, **kwargs)
