"""The request as our middleware hands it on: with what htmx said of itself."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class PageRequest(HttpRequest):
    """For annotations only; Django makes the requests."""

    htmx: HtmxDetails


def wants_part(request: PageRequest) -> bool:
    """Whether a part of the page is asked for; going back in history needs the whole page."""
    return bool(request.htmx) and not request.htmx.history_restore_request
