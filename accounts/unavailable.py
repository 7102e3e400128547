"""The answer when something cannot be stored: 503, saying what failed, what became of it and whom to tell.

For people a page, for programs a problem (RFC 9457). The page needs no database, for that is what is missing.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.audit.recording import AuditUnavailable

RETRY_AFTER = 30  # seconds
NOT_RECORDED = "not-recorded"
NOT_STORED = "not-stored"


def unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    """503 for an ``AuditUnavailable``, whose change was undone, or for a database that took no change."""
    is_audit = isinstance(error, AuditUnavailable)
    if wants_problem(request):
        response = _problem(is_audit, str(error))
    else:
        context = {
            "error": error.told if isinstance(error, AuditUnavailable) else "",
            "contact": settings.SUPPORT_CONTACT,
            "request_id": getattr(request, "request_id", ""),
        }
        response = render(request, "audit/unavailable.html", context, status=503)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    response.headers["Cache-Control"] = "no-store"
    return response


def is_unavailable(error: BaseException) -> bool:
    """Whether ``error`` says that nothing can be stored now, rather than that something here is wrong.

    A database that is full, locked, read-only or gone raises ``OperationalError`` or ``InterfaceError`` (PEP 249).
    """
    return isinstance(error, (AuditUnavailable, OperationalError, InterfaceError))


def wants_problem(request: HttpRequest) -> bool:
    """Whether a program asks: of the API, or one that prefers JSON to a page."""
    if request.path.startswith("/api/"):
        return True
    return request.get_preferred_type(["text/html", "application/problem+json", "application/json"]) not in {
        None,
        "text/html",
    }


def _problem(is_audit: bool, words: str) -> HttpResponse:
    body: dict[str, Any] = {
        "type": f"urn:sightline:problem:{NOT_RECORDED if is_audit else NOT_STORED}",
        "title": "Not done",
        "status": 503,
        "detail": words if is_audit else "The database takes no changes at the moment. Ask again later.",
    }
    response = HttpResponse(json.dumps(body), status=503, content_type="application/problem+json")
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - Django's own mark for it
    return response
