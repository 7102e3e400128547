"""Watch lists: the tags and assets of one site that somebody wants on one page, in their own order.

A row holds identifiers only. What they are called and whether the viewer may see them is asked of the site each time.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from relay_bridge.contract.shape import MAX_ID

MAX_LISTS = 50  # of one person, at all sites together
MAX_ENTRIES = 60  # of one list: more is no screen any more
MAX_NAME = 60  # characters


class WatchList(models.Model):
    """``shared``: everybody who may see live values at the site reads it; only ``owner`` changes it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="watch_lists")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="watch_lists")
    name = models.CharField(max_length=MAX_NAME)
    shared = models.BooleanField(default=False)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "made_at"]
        indexes = [models.Index(fields=["site", "owner"]), models.Index(fields=["site", "shared"])]

    def __str__(self) -> str:
        return self.name


class WatchEntry(models.Model):
    """One line of a list: a whole asset, or, where ``tag`` is set, that one tag (then ``asset`` is empty)."""

    list = models.ForeignKey(WatchList, on_delete=models.CASCADE, related_name="entries")
    asset = models.CharField(max_length=MAX_ID, blank=True)
    tag = models.CharField(max_length=MAX_ID, blank=True)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["list", "asset", "tag"], name="an_entry_stands_once_in_a_list"),
            models.CheckConstraint(
                condition=(models.Q(asset="") & ~models.Q(tag="")) | (~models.Q(asset="") & models.Q(tag="")),
                name="an_entry_is_an_asset_or_a_tag",
            ),
        ]

    def __str__(self) -> str:
        return self.tag or self.asset
