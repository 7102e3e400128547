"""Django's session middleware, except that a page is shown although its session cannot be stored.

A sign-in notes once a minute that it was used. While the database takes no changes that note fails, and with Django's
own middleware every page of values with it. What was sent to change something is answered with 503 instead.
"""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from accounts.unavailable import unavailable

logger = logging.getLogger(__name__)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class KeepingSessionMiddleware(SessionMiddleware):
    """Takes the place of ``django.contrib.sessions.middleware.SessionMiddleware``."""

    def process_response(self, request: HttpRequest, response: Any) -> HttpResponse:
        try:
            return super().process_response(request, response)
        except (OperationalError, InterfaceError, SessionInterrupted) as error:
            cause = _database_error(error)
            if cause is None:
                raise  # the session is gone: signed out elsewhere meanwhile
            logger.error("A session could not be stored: %s", cause)  # noqa: TRY400 - one line says it all
            if request.method in SAFE:
                return response
            return unavailable(request, cause)


def _database_error(error: BaseException | None) -> Exception | None:
    """The failure of the database behind ``error``; Django calls it a session that was deleted meanwhile."""
    while error is not None and not isinstance(error, (OperationalError, InterfaceError)):
        error = error.__context__
    return error
