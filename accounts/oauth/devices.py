"""Device authorization (RFC 8628): a shared tablet shows a code, a person types it here and lets the tablet look.

Each tablet is a client of its own, so the page can name it, and a new approval ends the tablet's earlier one. The
person confirms again who they are first, if they can: a code read over the phone must not be enough (threat T30).
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods
from oauth2_provider.oauth2_backends import get_oauthlib_core
from oauthlib.common import Request as OAuthlibRequest

from accounts import audit
from accounts.audit import AuditUnavailable
from accounts.factors import has_second_factor
from accounts.oauth import authorizations
from accounts.oauth.authorizations import checksum
from accounts.oauth.clients import DEVICE
from accounts.oauth.endpoints import endpoint, refuse
from accounts.oauth.limits import count_try
from accounts.oauth.models import DeviceRequest, SiteAuthorization
from accounts.oauth.places import Place, find_place
from accounts.oauth_scopes import TABLET_SCOPES
from accounts.scope_words import scope_words
from accounts.sign_in_limits import source_address
from accounts.step_up import has_stepped_up, to_confirm
from relay_bridge.contract.scopes import format_scopes

LIFE = 300  # seconds that a code can be typed
COLLECT = 60  # seconds that the tablet has to fetch its token once it is approved
INTERVAL = 5  # seconds between two questions of the tablet
MAX_PENDING = 10  # of one tablet
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628, 6.1: no vowels, so no words, and nothing that looks like a digit
CODE_LENGTH = 8  # 20^8 codes; five guesses in a quarter of an hour
State = DeviceRequest.State


@endpoint
def ask(request: HttpRequest) -> HttpResponse:
    """The tablet asks (RFC 8628, 3.1): ``client_id``, ``scope`` and ``resource``. Says nothing of which sites exist."""
    core = get_oauthlib_core()
    asked = OAuthlibRequest(*core._extract_params(request))  # noqa: SLF001 - as the toolkit's own endpoint does
    validator = core.server.request_validator
    known = validator.validate_client_id(request.POST.get("client_id", ""), asked)
    if not known or asked.client.authorization_grant_type != DEVICE:
        return refuse("invalid_client", status=401)
    scopes = frozenset(request.POST.get("scope", "").split())
    if not scopes or not scopes <= frozenset(TABLET_SCOPES):
        return refuse("invalid_scope", f"A tablet may ask for {' '.join(TABLET_SCOPES)}.")
    resources = request.POST.getlist("resource")
    if len(resources) != 1 or len(resources[0]) > 300 or not resources[0].startswith(("https://", "http://")):
        return refuse("invalid_target", "Name one site by its URI in resource (RFC 8707).")
    now = timezone.now()
    authorizations.clean_up(now)
    pending = DeviceRequest.objects.filter(application=asked.client, state=State.PENDING, expires__gt=now)
    if pending.count() >= MAX_PENDING:
        return refuse("temporarily_unavailable", "This tablet asked too often; wait five minutes.", 429)
    device_code, user_code = secrets.token_urlsafe(32), _new_user_code()
    DeviceRequest.objects.create(
        application=asked.client,
        device_checksum=checksum(device_code),
        user_checksum=checksum(user_code),
        resource=resources[0],
        scope=format_scopes(scopes),
        source=source_address(request) or "",
        expires=now + dt.timedelta(seconds=LIFE),
        interval=INTERVAL,
    )
    return JsonResponse(
        {
            "device_code": device_code,
            "user_code": f"{user_code[:4]}-{user_code[4:]}",
            # No verification_uri_complete: typing the code is what shows that the person stands before the tablet.
            "verification_uri": settings.PUBLIC_URL + resolve_url("oauth:device"),
            "expires_in": LIFE,
            "interval": INTERVAL,
        }
    )


@never_cache
@csrf_protect
@require_http_methods(["GET", "POST"])
def device(request: HttpRequest) -> HttpResponse:
    """The person's side: type the code, see tablet, site and scopes, decide. The code travels in forms only."""
    if has_second_factor(request.user) and not has_stepped_up(request):
        return to_confirm(request)
    if request.method == "GET":
        return _form(request)
    now, source = timezone.now(), source_address(request) or ""
    typed = count_try(request.user, source, now)
    if typed.wait:
        _note(request, "token:device:locked", "refused", reason="Too many wrong codes.")
        response = _form(
            request,
            gettext("There were too many wrong codes. Try again in %(minutes)d min.")
            % {"minutes": -(-typed.wait // 60)},
            429,
        )
        response["Retry-After"] = str(typed.wait)
        return response
    code = _typed(request.POST.get("user_code", ""))
    found = (
        DeviceRequest.objects.filter(user_checksum=checksum(code), state=State.PENDING, expires__gt=now)
        .select_related("application")
        .first()
    )
    if found is None:
        return _form(request, gettext("This code is wrong or too old. Ask the tablet for a new one."), 400)
    typed.was_right()
    place = find_place(request.user, found.resource, request.session)
    scopes = frozenset(found.scope.split()) & place.scopes & frozenset(TABLET_SCOPES) if place else frozenset()
    if place is None or not scopes:
        _note(request, "token:device:denied", "refused", found, reason="The person cannot give this access.")
        return _form(request, gettext("You have no access that you could give this tablet."), 403)
    decision = request.POST.get("decision")
    if decision == "deny":
        DeviceRequest.objects.filter(pk=found.pk, state=State.PENDING).update(state=State.DENIED)
        _note(request, "token:device:denied", "done", found, place)
        return _done(request, found, place, allowed=False)
    if decision != "allow":
        return _decide(request, found, place, scopes, code)
    try:
        allowed = _approve(request, found, place, scopes, now)
    except AuditUnavailable as error:
        return _form(request, error.told, 503)
    if not allowed:
        return _form(request, gettext("This code was used in the meantime. Ask the tablet for a new one."), 409)
    return _done(request, found, place, allowed=True)


@transaction.atomic
def _approve(
    request: HttpRequest, found: DeviceRequest, place: Place, scopes: frozenset[str], now: dt.datetime
) -> bool:
    waiting = DeviceRequest.objects.filter(pk=found.pk, state=State.PENDING)
    if not waiting.update(state=State.APPROVED, expires=now + dt.timedelta(seconds=COLLECT)):
        return False
    authorizations.end_all("The tablet was given new access.", actor=request.user, application=found.application)
    made = authorizations.begin(
        place,
        user=request.user,
        application=found.application,
        scopes=scopes,
        how=SiteAuthorization.How.DEVICE,
        now=now,
    )
    DeviceRequest.objects.filter(pk=found.pk).update(authorization=made)
    _note(request, "token:device:approved", "done", found, place, strict=True, scope=made.scope)
    return True


def _new_user_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def _typed(text: str) -> str:
    """What somebody typed, without hyphens and in capitals, cut to what a code can be."""
    return "".join(letter for letter in text[:40].upper() if letter.isalnum())[:CODE_LENGTH]


def _form(request: HttpRequest, error: str = "", status: int = 200) -> HttpResponse:
    return render(request, "accounts/oauth/device.html", {"error": error}, status=status)


def _decide(
    request: HttpRequest, found: DeviceRequest, place: Place, scopes: frozenset[str], code: str
) -> HttpResponse:
    context = {
        "application": found.application,
        "place": place,
        "source": found.source,
        "user_code": code,
        "shown_code": f"{code[:4]}-{code[4:]}",
        "meanings": [scope_words(scope) for scope in format_scopes(scopes).split()],
    }
    return render(request, "accounts/oauth/device_decide.html", context)


def _done(request: HttpRequest, found: DeviceRequest, place: Place, *, allowed: bool) -> HttpResponse:
    context = {"application": found.application, "place": place, "allowed": allowed}
    return render(request, "accounts/oauth/device_done.html", context)


def _note(
    request: HttpRequest,
    tag: str,
    result: Any,
    found: DeviceRequest | None = None,
    place: Place | None = None,
    *,
    reason: str = "",
    strict: bool = False,
    **facts: str,
) -> None:
    """``strict``: what is noted must not happen unless it can be noted."""
    (audit.record if strict else audit.try_record)(
        tag,
        actor=request.user,
        result=result,
        site_id=place.site_id if place else None,
        site=place.slug if place else "",
        subject=found.application.client_id if found else "",
        reason=reason,
        request=request,
        facts=facts,
    )
