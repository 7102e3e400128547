"""Keeps every answer of the web app out of caches: a stored page would show old values as if they were now.

Static files are answered before this middleware (whitenoise) and keep their own caching.
"""

from __future__ import annotations

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

NO_STORE = "no-store"


class NoStoreMiddleware:
    """``Cache-Control: no-store`` on everything; works under sync and async chains."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response):
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest):
        if self.is_async:
            return self._answer_later(request)
        return forbid_storing(self.get_response(request))

    async def _answer_later(self, request: HttpRequest) -> HttpResponseBase:
        return forbid_storing(await self.get_response(request))


def forbid_storing(response: HttpResponseBase) -> HttpResponseBase:
    response.headers["Cache-Control"] = NO_STORE
    return response
