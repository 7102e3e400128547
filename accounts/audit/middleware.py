"""Gives each request an id, which stands in its events and in the answer's header X-Request-ID; and says it in words
when something was not done because it, or its record, could not be stored.

The id is always our own: one that came from outside could be made to look like somebody else's request.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts.audit.context import answering
from accounts.audit.recording import AuditUnavailable
from accounts.two_way_middleware import TwoWayMiddleware

HEADER = "X-Request-ID"
logger = logging.getLogger(__name__)


class RequestIdMiddleware(TwoWayMiddleware):
    """Events recorded while the request is answered belong to it."""

    def answer(self, request: HttpRequest) -> Any:
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
        with answering(request):
            return _named(self.get_response(request), request)

    async def answer_later(self, request: HttpRequest) -> Any:
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
        with answering(request):
            return _named(await self.get_response(request), request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """503 for whatever was refused because nothing can be stored; its transaction is undone by now."""
        from accounts.unavailable import is_unavailable, unavailable  # noqa: PLC0415 - it imports the trail

        if not is_unavailable(exception):
            return None
        if not isinstance(exception, AuditUnavailable):  # the trail has said so in the log already
            logger.error("The database failed at %s %s.", request.method, request.path, exc_info=exception)
        return unavailable(request, exception)


def _named(response: Any, request: HttpRequest) -> Any:
    response.headers[HEADER] = request.request_id  # type: ignore[attr-defined]
    return response
