"""The way into each endpoint (method, token, rate, site, scope) and out of it, answers and refusals alike."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from asgiref.sync import markcoroutinefunction
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from accounts.audit import AuditUnavailable
from accounts.audit.floods import atry_record_refusal
from hmi.api import problems
from hmi.api.access import Caller, find_caller, rate_limits
from hmi.api.problems import Problem

logger = logging.getLogger(__name__)
Handler = Callable[..., Awaitable[Any]]
_encoder = msgspec.json.Encoder()


def endpoint(scope: str, *, etag: bool = False) -> Callable[[Handler], Any]:
    """Make a view of ``handler(request, caller, **path)``, which answers a shape. ``etag``: it changes rarely."""

    def wrap(handler: Handler) -> Any:
        async def view(request: HttpRequest, **path: str) -> HttpResponse:
            return await answer(request, handler, scope, path, etag=etag)

        view.__name__, view.__doc__ = handler.__name__, handler.__doc__
        # No session opens this, so nobody is sent to the sign-in page, and there is nothing to forge.
        return login_not_required(csrf_exempt(markcoroutinefunction(view)))

    return wrap


async def answer(
    request: HttpRequest, handler: Handler, scope: str, path: dict[str, str], *, etag: bool = False
) -> HttpResponse:
    try:
        shape = await _ask(request, handler, scope, path)
        response = _respond(request, shape, etag=etag)
    except Problem as problem:
        response = problem.response()
    except (AuditUnavailable, OperationalError, InterfaceError) as error:
        logger.error("The API could not store or read at %s: %s", handler.__name__, error)  # noqa: TRY400
        response = problems.not_stored(str(error) if isinstance(error, AuditUnavailable) else "").response()
    except SuspiciousOperation:  # too many parameters, an encoding that is none
        response = problems.bad_parameter("The query cannot be read.").response()
    except Exception:
        logger.exception("The API failed at %s.", handler.__name__)
        response = problems.internal().response()
    if request.method == "HEAD":
        response.content = b""
    return response


async def _ask(request: HttpRequest, handler: Handler, scope: str, path: dict[str, str]) -> Any:
    if request.method not in {"GET", "HEAD"}:
        raise problems.not_allowed()
    caller = await find_caller(request)
    rate_limits().take(caller)
    try:
        if "site" in path:
            caller.need_site(path.pop("site"))
        caller.need(scope)
    except Problem as problem:
        await _record(request, caller, problem)
        raise
    return await handler(request, caller, **path)


async def _record(request: HttpRequest, caller: Caller, problem: Problem) -> None:
    site = caller.access.site
    await atry_record_refusal(
        "api:request:refused",
        request=request,
        site_id=site.pk,
        site=site.slug,
        subject=caller.client_id,
        facts={"problem": problem.kind},
    )


def _respond(request: HttpRequest, shape: Any, *, etag: bool) -> HttpResponse:
    body = _encoder.encode(shape)
    if not etag:
        return HttpResponse(body, content_type="application/json")
    return with_etag(request, body)


def with_etag(request: HttpRequest, body: bytes) -> HttpResponse:
    """200, or 304 when the caller has this very content (RFC 9110, 13.1.2)."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    known = {entry.strip().removeprefix("W/") for entry in request.headers.get("If-None-Match", "").split(",")}
    if tag in known or "*" in known:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(body, content_type="application/json")
    response["ETag"] = tag
    return response


async def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Every other address below /api/v1/: who has no token is told that first."""

    async def nowhere(request: HttpRequest, caller: Caller) -> Any:
        raise problems.not_found()

    return await answer(request, nowhere, "status:read", {})


nothing_here = login_not_required(csrf_exempt(nothing_here))
