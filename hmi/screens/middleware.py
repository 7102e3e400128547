"""Keeps every answer of the web app out of caches: a stored page would show old values as if they were now.

Static files are answered before this middleware (whitenoise) and keep their own caching.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.two_way_middleware import TwoWayMiddleware

NO_STORE = "no-store"


class NoStoreMiddleware(TwoWayMiddleware):
    """``Cache-Control: no-store`` on everything."""

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        return forbid_storing(self.get_response(request))

    async def answer_later(self, request: HttpRequest) -> HttpResponseBase:
        return forbid_storing(await self.get_response(request))


def forbid_storing(response: HttpResponseBase) -> HttpResponseBase:
    response.headers["Cache-Control"] = NO_STORE
    return response
