"""The record of what is done to conduits: an audit event, a row that the administration shows, a line in the log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.audit.context import command_line_user, current_person
from hmi.sites.models import Conduit, ConduitChange

logger = logging.getLogger(__name__)
_MAX_WHAT, _MAX_BY = 300, 150  # characters, as the columns have them


@transaction.atomic
def record_change(
    conduit: Conduit, what: str, by: str, at: datetime, *, tag: str, facts: Mapping[str, str] | None = None
) -> None:
    """``what`` in words, never with a key; ``by`` a person's username, or empty for whoever runs the command.

    ``tag`` and ``facts`` are the audit event's. ``AuditUnavailable`` when neither row nor event could be stored; what
    was done at the relay is done all the same, and the log says so.
    """
    by = (by or command_line_user())[:_MAX_BY]
    site = conduit.site
    try:
        with audit.acting_as(by):
            audit.record(
                tag, actor=current_person(), result="done", site_id=site.pk, site=site.slug, reason=what, facts=facts
            )
    except audit.AuditUnavailable:
        logger.error("Conduit of %s: %s (by %s), which is not in the audit trail.", site.slug, what, by)  # noqa: TRY400
        raise
    ConduitChange.objects.create(conduit=conduit, what=what[:_MAX_WHAT], by=by, at=at)
    # A warning, so that it stands in the log however little is logged.
    logger.warning("Conduit of %s: %s (by %s).", conduit.site.slug, what, by)
