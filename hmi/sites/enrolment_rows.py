"""``Enrolment``: one one-time code and what became of it. Nothing that stands here opens anything."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models


class Enrolment(models.Model):
    """``expires``: until when the present state may be left by its next step; afterwards the enrolment is over.

    ``sealed``: the Listen connection string, for the agent's ``seal_key`` alone; gone once the enrolment is over.
    ``comparison`` is what the people at both ends read out, once the code was claimed by whoever has the key of
    ``certificate``. ``source``: the address that the claim came from.
    """

    class State(models.TextChoices):
        OPEN = "open", "waits for an agent"
        CLAIMED = "claimed", "waits for an administrator"
        CONFIRMED = "confirmed", "confirmed"
        DONE = "done", "done"
        ENDED = "ended", "ended"

    LIVE = (State.OPEN, State.CLAIMED, State.CONFIRMED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="enrolments")
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    code_digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=150)
    expires = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)  # claims with the right code that proved nothing
    certificate = models.TextField(blank=True)
    thumbprint = models.CharField(max_length=64, blank=True)
    agent_nonce = models.CharField(max_length=64, blank=True)
    seal_key = models.CharField(max_length=43, blank=True)
    nonce = models.CharField(max_length=64, blank=True)
    comparison = models.CharField(max_length=40, blank=True)
    ticket_digest = models.CharField(max_length=64, blank=True)
    source = models.CharField(max_length=64, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    wrong_comparisons = models.PositiveSmallIntegerField(default=0)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, blank=True)
    sealed = models.TextField(blank=True)
    handed_out = models.PositiveSmallIntegerField(default=0)  # how often the credential was collected
    done_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["site"],
                condition=models.Q(state__in=["open", "claimed", "confirmed"]),
                name="one_live_enrolment_per_site",
            ),
        ]

    def __str__(self) -> str:
        return f"enrolment of {self.site} made {self.made_at:%Y-%m-%d %H:%M}"

    def is_live(self, now: datetime) -> bool:
        return self.state in self.LIVE and now < self.expires

    def how_it_stands(self, now: datetime) -> str:
        """In words for the administration."""
        if self.state in self.LIVE and now >= self.expires:
            return f"ran out at {self.expires:%Y-%m-%d %H:%M} UTC while it was {self.get_state_display()!r}"
        return f"ended: {self.end_reason}" if self.state == self.State.ENDED else self.get_state_display()


def end_enrolments(site: models.Model, reason: str) -> int:
    """End whatever is live for ``site``: no code is taken and nothing is handed out any more. How many there were."""
    live = Enrolment.objects.filter(site_id=site.pk, state__in=Enrolment.LIVE)
    return live.update(state=Enrolment.State.ENDED, end_reason=reason[:200], ticket_digest="", sealed="")
