"""The rows of the trail: events, the checkpoints over them, and the bridges over what was archived.

The migration makes the tables and puts triggers on them that refuse UPDATE and DELETE. ``managed = False`` from then
on, so that ``manage.py flush`` leaves the trail alone; a change of the tables needs a migration that writes its SQL.
"""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from relay_bridge.contract.audit import MAX_NAME, MAX_REASON, MAX_REQUEST_ID, MAX_SOURCE


class AppendOnly(models.QuerySet[Any]):
    """The same rule as the triggers', with a sentence before the database gives its own."""

    def update(self, **_values: Any) -> NoReturn:
        raise TypeError("Events are never changed.")

    def delete(self) -> NoReturn:
        raise TypeError("Events are never deleted; old ones are archived with manage.py audit retire.")


class Event(models.Model):
    """One event, as ``relay_bridge.contract.audit.AuditEvent`` describes it; ``at`` in epoch ms, UTC."""

    seq = models.BigIntegerField(primary_key=True)
    at = models.BigIntegerField()
    tag = models.CharField(max_length=80)
    result = models.CharField(max_length=8)
    actor = models.CharField(max_length=36, blank=True)
    username = models.CharField(max_length=MAX_NAME, blank=True)
    site_id = models.CharField(max_length=36, blank=True)
    site = models.CharField(max_length=MAX_NAME, blank=True)
    subject = models.CharField(max_length=MAX_NAME, blank=True)
    reason = models.CharField(max_length=MAX_REASON, blank=True)
    source = models.CharField(max_length=MAX_SOURCE, blank=True)
    request_id = models.CharField(max_length=MAX_REQUEST_ID, blank=True)
    facts = models.TextField(default="{}")
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = AppendOnly.as_manager()

    class Meta:
        managed = False
        db_table = "audit_event"
        ordering = ["-seq"]

    def __str__(self) -> str:
        return f"{self.seq} {self.tag}"


class Checkpoint(models.Model):
    """A signed statement of where a chain stood: the web app's own, and the last ones that agents told.

    ``held`` is False for our own. ``sig`` and ``key`` as in ``relay_bridge.contract.audit.Checkpoint``.
    """

    chain = models.CharField(max_length=MAX_NAME)
    seq = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    at = models.BigIntegerField()
    key = models.CharField(max_length=43)
    sig = models.CharField(max_length=86)

    objects = AppendOnly.as_manager()

    class Meta:
        managed = False
        db_table = "audit_checkpoint"
        ordering = ["chain", "seq"]

    def __str__(self) -> str:
        return f"{self.chain} {self.seq}"


class RetiredSegment(models.Model):
    """The bridge over events that were archived and removed: the only thing that lets rows leave.

    The chain goes on from ``last_hash``. ``file_hash``: SHA-256 of the archive. Signed like a checkpoint.
    """

    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField(unique=True)
    last_hash = models.CharField(max_length=64)
    file_hash = models.CharField(max_length=64)
    at = models.BigIntegerField()
    key = models.CharField(max_length=43)
    sig = models.CharField(max_length=86)

    objects = AppendOnly.as_manager()

    class Meta:
        managed = False
        db_table = "audit_retired"
        ordering = ["last_seq"]

    def __str__(self) -> str:
        return f"{self.first_seq} to {self.last_seq}"
