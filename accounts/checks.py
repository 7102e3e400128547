"""System checks: settings on which this app's promises rest, refused at the start and not at two in the morning."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

DATABASE_SESSIONS = "django.contrib.sessions.backends.db"


@register()
def sessions_must_be_rows(**kwargs: Any) -> list[CheckMessage]:
    """Ending a person's sessions and watching open pages read the session table; other stores cannot be asked."""
    if settings.SESSION_ENGINE == DATABASE_SESSIONS:
        return []
    return [
        Error(
            f"SESSION_ENGINE is {settings.SESSION_ENGINE!r}, but Sightline can only end sessions that are rows.",
            hint=f"Leave SESSION_ENGINE at {DATABASE_SESSIONS!r}.",
            id="accounts.E001",
        )
    ]
