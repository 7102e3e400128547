"""The assets that a person opened last. Ids only: names come from the site, and only while the access stands."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, models, transaction
from django.utils import timezone

from relay_bridge.contract.shape import MAX_ID

logger = logging.getLogger(__name__)

MAX_RECENT = 12  # of one person
UNCHANGED = dt.timedelta(minutes=1)  # a page that is loaded again within this is not written again


class Opened(models.Model):
    """One asset that a person opened, and when last."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    asset = models.CharField(max_length=MAX_ID)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["person", "site", "asset"], name="one_opened_row_of_each")]

    def __str__(self) -> str:
        return self.asset


def recent_of(person: Any) -> list[Opened]:
    """The newest first, at most ``MAX_RECENT``."""
    return list(Opened.objects.filter(person_id=person.pk)[:MAX_RECENT])


def note_opened(person: Any, site_id: UUID, asset: str, now: dt.datetime | None = None) -> None:
    """Write that the person opened the asset; never in the way of the page, when nothing can be stored for instance."""
    now = now or timezone.now()
    newest = Opened.objects.filter(person_id=person.pk).first()
    if newest is not None and (newest.site_id, newest.asset) == (site_id, asset) and now - newest.at < UNCHANGED:
        return
    try:
        with transaction.atomic():
            Opened.objects.update_or_create(person_id=person.pk, site_id=site_id, asset=asset, defaults={"at": now})
            kept = Opened.objects.filter(person_id=person.pk).values_list("pk", flat=True)[:MAX_RECENT]
            Opened.objects.filter(person_id=person.pk).exclude(pk__in=list(kept)).delete()
    except DatabaseError:
        logger.warning("What was opened last could not be stored; the page is shown all the same.", exc_info=True)
