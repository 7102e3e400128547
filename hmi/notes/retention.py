"""How long notes stay: after ``settings.NOTES_KEEP_DAYS`` they go, photos first; so do files that belong to no note."""

from __future__ import annotations

import datetime as dt
import time
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from accounts import audit
from hmi.notes import photos
from hmi.notes.models import Note

BATCH = 500  # notes of one transaction
YOUNG = 3600  # seconds for which a file may be on its way to its row


class Removed(NamedTuple):
    notes: int
    photos: int


def remove_old(now: dt.datetime) -> Removed:
    """Everything written before ``NOTES_KEEP_DAYS``; one event of the audit trail says how much it was."""
    limit = now - dt.timedelta(days=settings.NOTES_KEEP_DAYS)
    notes = 0
    while True:
        with transaction.atomic():
            rows = list(Note.objects.select_for_update().filter(at__lt=limit)[:BATCH])
            if not rows:
                break
            Note.objects.filter(pk__in=[row.pk for row in rows]).delete()
            facts = {"count": str(len(rows)), "before": limit.date().isoformat()}
            audit.record("note:asset:expired", actor=None, result="done", facts=facts)
        notes += len(rows)
        for row in rows:
            photos.forget(row.photo)
    return Removed(notes, _remove_strays())


def _remove_strays() -> int:
    """Files without a row: a program that died between the two."""
    known = set(Note.objects.exclude(photo="").values_list("photo", flat=True))
    count = 0
    for name in photos.names() - known:
        path = settings.PHOTO_DIR / name
        if time.time() - path.stat().st_mtime > YOUNG:
            photos.forget(name)
            count += 1
    return count
