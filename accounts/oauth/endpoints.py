"""What programs call: token, revocation and introspection (RFC 6749, 8628, 7009, 7662). Forms in, JSON out."""

from __future__ import annotations

import base64
import datetime as dt
import json
import logging
from typing import Any
from urllib.parse import unquote_plus

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from oauth2_provider.oauth2_backends import get_oauthlib_core
from oauthlib.common import Request as OAuthlibRequest
from oauthlib.oauth2 import OAuth2Error

from accounts.audit import AuditUnavailable
from accounts.audit.floods import try_record_refusal
from accounts.buckets import Buckets
from accounts.oauth.authorizations import checksum
from accounts.oauth.clients import DEVICE
from accounts.oauth.models import DeviceRequest
from accounts.oauth.places import why_ended
from accounts.oauth.presented import find_presented, scopes_of
from accounts.sign_in_limits import source_address
from relay_bridge.contract.scopes import format_scopes

logger = logging.getLogger(__name__)

FORM = "application/x-www-form-urlencoded"
MAX_BODY = 16 * 1024  # bytes of a form
SECRETS = ("client_secret", "code", "code_verifier", "refresh_token", "token", "device_code")
SERVED = ("authorization_code", "client_credentials", "refresh_token", DEVICE)
SLOWER = 5  # seconds that "slow_down" adds (RFC 8628, 3.5)
MAX_INTERVAL = 60
MAX_BASIC = 1000  # characters of a client's name and secret in the header

_by_source = Buckets(per_minute=120, burst=60)


def endpoint(view: Any) -> Any:
    """POST of a small form, at a bounded rate; the answer is JSON and stays in no cache."""

    @csrf_exempt
    @login_not_required
    @sensitive_post_parameters(*SECRETS)
    def guarded(request: HttpRequest) -> HttpResponse:
        wait = _by_source.take(source_address(request) or "")
        if wait:
            response: HttpResponse = refuse("temporarily_unavailable", "Too many requests from this address.", 429)
            response["Retry-After"] = str(wait)
            return response
        problem = _unfit(request)
        if problem is not None:
            return problem
        try:
            response = view(request)
        except AuditUnavailable as error:
            response = refuse("temporarily_unavailable", str(error), 503)
            response["Retry-After"] = "5"
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"  # RFC 6749, 5.1
        return response

    return guarded


def refuse(error: str, description: str = "", status: int = 400) -> HttpResponse:
    body = {"error": error} | ({"error_description": description} if description else {})
    response = JsonResponse(body, status=status)
    if status == 401:
        response["WWW-Authenticate"] = f'Basic realm="{settings.PUBLIC_URL}"'
    return response


@endpoint
def token(request: HttpRequest) -> HttpResponse:
    """RFC 6749, 3.2: codes, refresh tokens, client credentials and approved devices become a token of five minutes."""
    grant_type = request.POST.get("grant_type", "")
    if grant_type not in SERVED:
        return _token_refused(
            request, {}, {"error": "unsupported_grant_type" if grant_type else "invalid_request"}, 400
        )
    if grant_type == DEVICE:
        waiting = _device_waits(request)
        if waiting is not None:
            return waiting
    _, headers, body, status = get_oauthlib_core().create_token_response(request)
    if status != 200:
        return _token_refused(request, headers, json.loads(body), status)
    return HttpResponse(body, content_type="application/json")


@endpoint
def revoke(request: HttpRequest) -> HttpResponse:
    """RFC 7009: 200 whatever the token was; it ends all of its authorization."""
    _, headers, body, status = get_oauthlib_core().create_revocation_response(request)
    if status == 200:
        return HttpResponse(status=200)
    return _token_refused(request, headers, json.loads(body or "{}"), status)


@endpoint
def introspect(request: HttpRequest) -> HttpResponse:
    """RFC 7662, for confidential clients, about tokens of their own: others' are as unknown as invented ones."""
    core = get_oauthlib_core()
    asked = OAuthlibRequest(*core._extract_params(request))  # noqa: SLF001 - as the toolkit's own endpoint does
    try:
        is_known = core.server.request_validator.authenticate_confidential(asked)
    except OAuth2Error as error:
        return refuse(error.error, error.description or "", error.status_code)
    if not is_known:
        return _token_refused(request, {}, {"error": "invalid_client"}, 401)
    text = request.POST.get("token", "")
    if not text:
        return refuse("invalid_request", "The parameter token is missing.")
    now = timezone.now()
    link = find_presented(text, now)
    if link is None or link.authorization.application_id != asked.client.pk or why_ended(link.authorization.key):
        return JsonResponse({"active": False})
    row = link.token
    return JsonResponse(
        {
            "active": True,
            "scope": format_scopes(scopes_of(link)),
            "client_id": asked.client.client_id,
            "token_type": "Bearer",
            "exp": int(row.expires.timestamp()),
            "iat": int(row.created.timestamp()),
            "sub": str(link.authorization.user.subject),
            "aud": row.resource,
            "iss": settings.PUBLIC_URL,
        }
    )


def _unfit(request: HttpRequest) -> HttpResponse | None:
    if request.method != "POST":
        response = refuse("invalid_request", "Use POST.", 405)
        response["Allow"] = "POST"
        return response
    if request.META.get("QUERY_STRING"):
        return refuse("invalid_request", "Parameters go in the body, never in the address.")
    if request.content_type != FORM:
        return refuse("invalid_request", f"The body must be {FORM}.")
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = MAX_BODY + 1
    if length > MAX_BODY or len(request.body) > MAX_BODY:
        return refuse("invalid_request", f"A form has at most {MAX_BODY} bytes.", 413)
    repeated = [name for name, values in request.POST.lists() if len(values) > 1 and name != "resource"]
    if repeated or any("\x00" in value for _, values in request.POST.lists() for value in values):
        return refuse("invalid_request", "A parameter is repeated or holds a NUL.")  # RFC 6749, 3.2
    return None


def _device_waits(request: HttpRequest) -> HttpResponse | None:
    """What a tablet is told while nobody has decided (RFC 8628, 3.5); None when there is a token to be had."""
    now = timezone.now()
    code = request.POST.get("device_code", "")
    device = DeviceRequest.objects.filter(device_checksum=checksum(code)).select_related("application").first()
    client_id = request.POST.get("client_id", "")
    if device is None or (client_id and device.application.client_id != client_id):
        return _token_refused(request, {}, {"error": "invalid_grant"}, 400)
    too_soon = device.polled_at is not None and now < device.polled_at + dt.timedelta(seconds=device.interval)
    DeviceRequest.objects.filter(pk=device.pk).update(
        polled_at=now, interval=min(device.interval + SLOWER, MAX_INTERVAL) if too_soon else device.interval
    )
    if too_soon:
        return refuse("slow_down")
    if now >= device.expires:
        return refuse("expired_token")
    if device.state == DeviceRequest.State.PENDING:
        return refuse("authorization_pending")
    if device.state == DeviceRequest.State.DENIED:
        return refuse("access_denied")
    return None


def _token_refused(request: HttpRequest, headers: Any, body: dict[str, str], status: int) -> HttpResponse:
    error = body.get("error", "invalid_request")
    grant_type = request.POST.get("grant_type", "")
    try_record_refusal(
        "token:oauth:refused",
        subject=_client_named(request),
        reason=body.get("error_description", ""),
        request=request,
        # A stranger's own words are no fact: what looks like a key there would be taken for a mistake of ours.
        facts={"error": error, "grant_type": grant_type if grant_type in SERVED else "other" if grant_type else ""},
    )
    return refuse(error, body.get("error_description", ""), status)


def _client_named(request: HttpRequest) -> str:
    """The client id as it was said, if it is one of ours; what a stranger types is not written into the trail."""
    from oauth2_provider.models import Application  # noqa: PLC0415

    said = request.POST.get("client_id", "") or _client_in_header(request.headers.get("Authorization", ""))
    if said and len(said) <= 100 and said.isprintable() and Application.objects.filter(client_id=said).exists():
        return said
    return f"unknown client {checksum(said)[:8]}" if said else ""


def _client_in_header(header: str) -> str:
    """The name before the colon of HTTP Basic, whose other half is the secret (RFC 6749, 2.3.1)."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic" or len(credentials) > MAX_BASIC:
        return ""
    try:
        return unquote_plus(base64.b64decode(credentials, validate=True).decode().partition(":")[0])
    except ValueError:
        return ""
