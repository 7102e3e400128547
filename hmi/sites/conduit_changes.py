"""The record of what is done to conduits: a row that the administration shows, and a line in the log."""

from __future__ import annotations

import getpass
import logging
from datetime import datetime

from hmi.sites.models import Conduit, ConduitChange

logger = logging.getLogger(__name__)
_MAX_WHAT, _MAX_BY = 300, 150  # characters, as the columns have them


def record_change(conduit: Conduit, what: str, by: str, at: datetime) -> None:
    """``what`` in words, never with a key; ``by`` a person's username, or empty for whoever runs the command."""
    by = (by or command_line_user())[:_MAX_BY]
    ConduitChange.objects.create(conduit=conduit, what=what[:_MAX_WHAT], by=by, at=at)
    # A warning, so that it stands in the log however little is logged.
    logger.warning("Conduit of %s: %s (by %s).", conduit.site.slug, what, by)


def command_line_user() -> str:
    """The account under which this program runs."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in a container
        name = "unknown account"
    return f"{name} (command line)"
