"""Gives each request an id, which stands in its events and in the answer's header X-Request-ID; and says it in words
when something was not done because it could not be recorded.

The id is always our own: one that came from outside could be made to look like somebody else's request.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.audit.context import answering
from accounts.audit.recording import AuditUnavailable

HEADER = "X-Request-ID"
RETRY_AFTER = 30  # seconds


class RequestIdMiddleware:
    """Works under sync and async chains; events recorded while the request is answered belong to it."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
        if self.is_async:
            return self._answer_later(request)
        with answering(request):
            return _named(self.get_response(request), request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """503 for whatever was refused because the trail takes no events; its transaction is undone by now."""
        if not isinstance(exception, AuditUnavailable):
            return None
        response = render(request, "audit/unavailable.html", {"error": exception}, status=503)
        response.headers["Retry-After"] = str(RETRY_AFTER)
        return response

    async def _answer_later(self, request: HttpRequest) -> Any:
        with answering(request):
            return _named(await self.get_response(request), request)


def _named(response: Any, request: HttpRequest) -> Any:
    response.headers[HEADER] = request.request_id  # type: ignore[attr-defined]
    return response
