"""The second person of a change: it is shown to them, and they agree to exactly what is stored, or it is not sent.

Whether they still may is asked once more right before sending (``changes.begin``). Each step is one transaction with
its event in the audit trail.
"""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hmi.controls.changes import StepRefused, move, record
from hmi.controls.models import Change, State


@transaction.atomic
def ask_second(change: Change, person: Any) -> bool:
    """Let a second person see it; False when it is no draft any more, or too old."""
    if change.state_at(timezone.now()) is not State.DRAFT or not move(change, {State.DRAFT}, State.ASKED):
        return False
    record("control:change:asked", change, person, "done", reason=change.why)
    return True


@transaction.atomic
def agree(change: Change, person: Any) -> None:
    """The second person agrees to exactly this; ``StepRefused``."""
    if change.person_id == person.pk:
        raise StepRefused(_("Nobody agrees to their own change: a second person must."))
    if change.state_at(timezone.now()) is not State.ASKED:
        raise StepRefused(_("It does not wait for anybody any more."))
    if not move(change, {State.ASKED}, State.APPROVED, approver=person):
        raise StepRefused(_("It does not wait for anybody any more."))
    record("control:change:approved", change, person, "done")


aask_second = database_sync_to_async(ask_second)
aagree = database_sync_to_async(agree)
