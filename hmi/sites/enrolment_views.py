"""What an enrolling agent calls: claim, collect, done. JSON in, JSON out, at a bounded rate; no sign-in, no cookie."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.audit import AuditUnavailable
from accounts.buckets import Buckets
from accounts.sign_in_limits import source_address
from hmi.sites import enrolment
from hmi.sites.enrolment import NotAccepted
from hmi.sites.enrolment_trail import AGENT
from relay_bridge.contract.enrolment import Claim, Collect, Refusal

MAX_BODY = 16 * 1024  # bytes of a message
RETRY_AFTER = 10  # seconds, when the audit trail takes nothing
logger = logging.getLogger(__name__)
_T = TypeVar("_T", bound=msgspec.Struct)
_by_source = Buckets(per_minute=60, burst=40)  # an agent asks every three seconds
_refused_by_source = Buckets(per_minute=2, burst=10)  # codes that are none: nobody types that many
_recorded_by_source = Buckets(per_minute=2, burst=5)  # refusals that the audit trail is told of


def _endpoint(
    shape: type[_T],
) -> Callable[[Callable[[HttpRequest, _T], msgspec.Struct]], Callable[[HttpRequest], HttpResponse]]:
    """A POST of one message of ``shape``; every refusal is neutral, and none is cached."""

    def decorate(view: Callable[[HttpRequest, _T], msgspec.Struct]) -> Callable[[HttpRequest], HttpResponse]:
        @csrf_exempt
        @login_not_required
        @sensitive_variables()
        def guarded(request: HttpRequest) -> HttpResponse:
            response = _guard(request, shape, view)
            response["Cache-Control"] = "no-store"
            return response

        return guarded

    return decorate


def _guard(request: HttpRequest, shape: type[_T], view: Callable[[HttpRequest, _T], msgspec.Struct]) -> HttpResponse:
    source = source_address(request) or ""
    wait = _by_source.take(source)
    if wait:
        return _refuse("busy", "Too many requests from this address.", 429, wait)
    message = _message(request, shape)
    if message is None:
        return _refuse("bad_request", "This is no message of an enrolment in this version.", 400)
    try:
        return _answer(view(request, message))
    except NotAccepted as refusal:
        wait = _refused_by_source.take(source)
        if not _recorded_by_source.take(source):
            logger.warning("An enrolment was not accepted: %s.", refusal.reason)
            with audit.acting_as(AGENT):
                audit.try_record(
                    "conduit:enrolment:rejected", actor=None, result="refused", reason=refusal.reason, request=request
                )
        if wait:
            return _refuse("busy", "Too many codes that are none from this address.", 429, wait)
        return _refuse("refused", str(refusal), 403)
    except AuditUnavailable as error:
        return _refuse("unavailable", str(error), 503, RETRY_AFTER)


@_endpoint(Claim)
def claim(request: HttpRequest, message: Claim) -> msgspec.Struct:
    """The code becomes a claim that an administrator must confirm."""
    return enrolment.claim(message, _origins(request), source_address(request) or "", timezone.now())


@_endpoint(Collect)
def collect(request: HttpRequest, message: Collect) -> msgspec.Struct:
    """``waiting``, or the credential."""
    return enrolment.collect(message, _origins(request), timezone.now())


@_endpoint(Collect)
def done(request: HttpRequest, message: Collect) -> msgspec.Struct:
    """The agent has written its folder."""
    enrolment.finish(message, _origins(request), timezone.now())
    return _Nothing()


class _Nothing(msgspec.Struct):
    """``{}``"""


def _origins(request: HttpRequest) -> frozenset[str]:
    """This web app by its public address, and by the name that this request came to (one of ALLOWED_HOSTS)."""
    return frozenset({settings.PUBLIC_URL, f"{request.scheme}://{request.get_host()}"})


def _message(request: HttpRequest, shape: type[_T]) -> _T | None:
    if request.method != "POST" or request.content_type != "application/json":
        return None
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY or len(request.body) > MAX_BODY:
            return None
        return msgspec.json.decode(request.body, type=shape)
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        return None


def _answer(message: Any) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(message), content_type="application/json")


def _refuse(error: Any, words: str, status: int, wait: int = 0) -> HttpResponse:
    response = HttpResponse(
        msgspec.json.encode(Refusal(error=error, message=words)), status=status, content_type="application/json"
    )
    if wait:
        response["Retry-After"] = str(wait)
    return response
