"""A person's change at the plant: what was asked for, how far it came, what the plant said. Never a secret.

    draft ──► (asked ──► approved) ──► sending ──► done | sent | refused | unknown
      └──────────┴──────────┴──► ended: given up, declined or too old; nothing was sent

The row is what every page about the change shows, on whatever device, so that a reload or a lost phone tells the same.
The record that stands up in an audit is the audit trail; rows here are removed after a month.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from relay_bridge.contract.acting import MAX_WHY
from relay_bridge.contract.shape import MAX_ID

KEEP = dt.timedelta(days=30)
DRAFT_LIFE = dt.timedelta(minutes=10)  # from the dialog to sending
APPROVAL_LIFE = dt.timedelta(minutes=2)  # for the second person to agree, and then for the first to send
FOLLOW = dt.timedelta(seconds=90)  # that the web app follows a change; after that nobody follows it any more


class State(models.TextChoices):
    DRAFT = "draft", _("not sent")
    ASKED = "asked", _("waits for a second person")
    APPROVED = "approved", _("agreed, not sent")
    SENDING = "sending", _("sent, waiting for the plant")
    DONE = "done", _("done")
    SENT = "sent", _("taken, reads otherwise")
    REFUSED = "refused", _("refused")
    UNKNOWN = "unknown", _("not known")
    ENDED = "ended", _("not sent")


UNSENT = frozenset({State.DRAFT, State.ASKED, State.APPROVED})
LIVES = {State.DRAFT: DRAFT_LIFE, State.ASKED: APPROVAL_LIFE, State.APPROVED: APPROVAL_LIFE}


class Kind(models.TextChoices):
    SETPOINT = "setpoint", "setpoint"
    COMMAND = "command", "command"


SCOPES = {Kind.SETPOINT: "setpoint:write", Kind.COMMAND: "command:execute"}
METHODS = {Kind.SETPOINT: "write", Kind.COMMAND: "cmd"}


class Change(models.Model):
    """``target``: the tag or the command at the site; ``key``: 128 random bits, its name at the agent.

    ``expected``: what the person saw there; ``*_shown`` the same as text with its unit, as the page showed it.
    ``since``: when the present state began. ``settled``: the site itself said so, and will say nothing else.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=64, unique=True, editable=False)
    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="changes")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    target = models.CharField(max_length=MAX_ID)
    asset = models.CharField(max_length=MAX_ID)
    name = models.CharField(max_length=250)
    value = models.JSONField()
    value_shown = models.CharField(max_length=200)
    unit = models.CharField(max_length=64, blank=True)
    expected = models.JSONField()
    expected_shown = models.CharField(max_length=200)
    why = models.CharField(max_length=MAX_WHY, blank=True)
    confirm = models.CharField(max_length=10)
    reauth = models.PositiveSmallIntegerField()  # seconds
    ttl = models.FloatField()  # seconds
    state = models.CharField(max_length=8, choices=State.choices, default=State.DRAFT)
    since = models.DateTimeField()
    made_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="approved_changes"
    )
    settled = models.BooleanField(default=False)
    code = models.CharField(max_length=20, blank=True)
    message = models.CharField(max_length=400, blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    journal_entry = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["-made_at"]
        indexes = [models.Index(fields=["site", "person", "-made_at"]), models.Index(fields=["state", "since"])]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(approver=None) | ~models.Q(approver=models.F("person")),
                name="nobody_approves_their_own_change",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.value_shown}"

    @property
    def scope(self) -> str:
        return SCOPES[Kind(self.kind)]

    @property
    def is_setpoint(self) -> bool:
        return self.kind == Kind.SETPOINT

    @property
    def two_persons(self) -> bool:
        return self.confirm == "two_person"

    @property
    def digest(self) -> str:
        """The key's name in both records: the same as in the agent's journal."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:16]

    def state_at(self, now: dt.datetime) -> State:
        """The state with what time alone makes of it: too old to be sent, or followed by nobody any more."""
        state = State(self.state)
        life = LIVES.get(state)
        if life is not None and now - self.since > life:
            return State.ENDED
        if state is State.SENDING and self.sent_at is not None and now - self.sent_at > FOLLOW:
            return State.UNKNOWN
        return state

    def ends_at(self) -> dt.datetime | None:
        """When an unsent change becomes too old."""
        life = LIVES.get(State(self.state))
        return None if life is None else self.since + life

    def wish(self) -> dict[str, Any]:
        """What makes it this change and no other."""
        return {"kind": self.kind, "target": self.target, "value": self.value, "why": self.why}
