"""A note on an asset: text, perhaps a photo, who wrote it and when. Never changed: corrected by another, or withdrawn.

    written ──► corrected by a later note (both stay readable)
       └──────► withdrawn: text and photo are gone, the row says by whom and when

Notes live here alone and never reach the plant (IEC 62443-3-3, SR 5.3).
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from relay_bridge.contract.shape import MAX_ID

MAX_TEXT = 2_000  # characters


class Note(models.Model):
    """``photo``: the name of a file in ``settings.PHOTO_DIR``, random, or empty. ``photo_hash``: SHA-256 of that file.

    ``asset_name``: as the site called it then. ``author_name`` stays readable whatever becomes of the account.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="notes")
    asset = models.CharField(max_length=MAX_ID)
    asset_name = models.CharField(max_length=250)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="notes")
    author_name = models.CharField(max_length=150)
    at = models.DateTimeField()
    text = models.TextField(blank=True)
    photo = models.CharField(max_length=60, blank=True)
    photo_hash = models.CharField(max_length=64, blank=True)
    photo_width = models.PositiveSmallIntegerField(default=0)
    photo_height = models.PositiveSmallIntegerField(default=0)
    corrects = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="corrections")
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["site", "asset", "-at"]), models.Index(fields=["site", "-at"])]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(withdrawn_at=None) | models.Q(text="", photo=""),
                name="nothing_is_left_of_a_withdrawn_note",
            )
        ]

    def __str__(self) -> str:
        return f"{self.asset} {self.at:%Y-%m-%d %H:%M} {self.author_name}"
