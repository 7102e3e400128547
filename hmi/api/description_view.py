"""The API's description for programs, at /api/v1/openapi.json; open to everybody, as it says nothing of any site."""

from __future__ import annotations

from functools import lru_cache

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from hmi.api import problems
from hmi.api.guard import with_etag
from hmi.api.openapi import describe


@login_not_required
@csrf_exempt
async def openapi(request: HttpRequest) -> HttpResponse:
    if request.method not in {"GET", "HEAD"}:
        return problems.not_allowed().response()
    response = with_etag(request, document())
    if request.method == "HEAD":
        response.content = b""
    return response


@lru_cache(maxsize=1)
def document() -> bytes:
    """As it is served and as it lies in docs/api/openapi.json: indented, so that a change can be read."""
    return msgspec.json.format(msgspec.json.encode(describe()), indent=2) + b"\n"
