"""The authorization endpoint: a person allows an application to look at one site (RFC 6749, 4.1; 7636; 8707).

The whole request stays in the address and is checked again when the answer is posted: no hidden field can change it.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods
from oauth2_provider.exceptions import FatalClientError, OAuthToolkitError
from oauth2_provider.models import Application
from oauth2_provider.oauth2_backends import get_oauthlib_core

from accounts import audit
from accounts.audit import AuditUnavailable
from accounts.oauth.clients import is_loopback_redirect, redirect_origin
from accounts.oauth.places import Place, find_place
from accounts.oauth.targets import NO_ACCESS
from accounts.oauth_scopes import offered_scopes
from accounts.scope_words import scope_words
from relay_bridge.contract.scopes import format_scopes

MAX_REQUEST = 4000  # characters of the query
MAX_STATE = 500
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")


class _Refused(Exception):  # noqa: N818 - an answer to the client
    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error, self.description = error, description


@never_cache
@csrf_protect
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """GET: who asks for what, where. POST ``decision`` allow or deny: 303 back to the application."""
    if len(request.META.get("QUERY_STRING", "")) > MAX_REQUEST:
        return _page(request, gettext("The request is too long."))
    try:
        _, credentials = get_oauthlib_core().validate_authorization_request(request)
    except FatalClientError as error:
        # Never redirected: the address it would go to is exactly what is wrong.
        # The library's own sentence is for whoever builds the application, in the language of the standard.
        unread = gettext("The application's request cannot be read.")
        return _page(request, error.oauthlib_error.description or unread)
    except OAuthToolkitError as error:
        problem = error.oauthlib_error
        return _send_back(problem.redirect_uri, request.GET.get("state"), _error(problem))
    application = Application.objects.get(client_id=credentials["client_id"])
    redirect_uri, state = credentials["redirect_uri"], credentials.get("state")
    try:
        place, scopes = _settle(request, application)
    except _Refused as refusal:
        _note_refusal(request, application, refusal.error)
        return _send_back(redirect_uri, state, {"error": refusal.error, "error_description": refusal.description})
    if request.method == "GET":
        return _ask(request, application, place, scopes, redirect_uri)
    if request.POST.get("decision") != "allow":
        _note_refusal(request, application, "access_denied", place)
        return _send_back(redirect_uri, state, {"error": "access_denied"})
    credentials |= {"resource": [place.resource], "browser_session": request.session}
    try:
        address, _, _, _ = get_oauthlib_core().create_authorization_response(request, scopes, credentials, allow=True)
    except OAuthToolkitError as error:
        return _send_back(redirect_uri, state, _error(error.oauthlib_error))
    except AuditUnavailable as error:
        return _page(request, error.told, status=503)
    return _redirect(address)


def _settle(request: HttpRequest, application: Any) -> tuple[Place, list[str]]:
    """The one site and the scopes that this person can give; `_Refused` for the client otherwise."""
    if len(request.GET.get("state", "")) > MAX_STATE:
        raise _Refused("invalid_request", f"state has at most {MAX_STATE} characters.")
    method, challenge = request.GET.get("code_challenge_method"), request.GET.get("code_challenge", "")
    if method != "S256" or not _CHALLENGE.match(challenge):
        raise _Refused("invalid_request", "PKCE with the method S256 is required (RFC 7636).")
    resources = request.GET.getlist("resource")
    place = find_place(request.user, resources[0], request.session) if len(resources) == 1 else None
    if place is None:
        raise _Refused("invalid_target", NO_ACCESS)
    wanted = frozenset(request.GET.get("scope", "").split())
    scopes = wanted & place.scopes & frozenset(offered_scopes(application))
    if not scopes:
        raise _Refused("invalid_scope", "The role at this site holds none of these scopes.")
    return place, format_scopes(scopes).split()


def _ask(request: HttpRequest, application: Any, place: Place, scopes: list[str], redirect_uri: str) -> HttpResponse:
    context = {
        "application": application,
        "place": place,
        "meanings": [scope_words(scope) for scope in scopes],
        "target": urlsplit(redirect_uri).netloc,
        "address": request.get_full_path(),
    }
    response = render(request, "accounts/oauth/consent.html", context)
    # Browsers ask the policy again when a posted form is answered with a redirect.
    response._csp_update = {"form-action": [redirect_origin(redirect_uri)]}  # type: ignore[attr-defined]  # noqa: SLF001
    return response


def _error(problem: Any) -> dict[str, str]:
    answer = {"error": problem.error}
    if problem.description:
        answer["error_description"] = problem.description
    return answer


def _send_back(redirect_uri: str, state: str | None, answer: dict[str, str]) -> HttpResponse:
    """The error as the client expects it, with who says so (RFC 9207)."""
    if state:
        answer["state"] = state[:MAX_STATE]
    answer["iss"] = settings.PUBLIC_URL
    parts = urlsplit(redirect_uri)
    query = f"{parts.query}&{urlencode(answer)}" if parts.query else urlencode(answer)
    return _redirect(urlunsplit(parts._replace(query=query)))


def _redirect(address: str) -> HttpResponse:
    """303, so that nothing posted here is posted again there (RFC 9700, 4.12)."""
    if not (address.startswith("https://") or is_loopback_redirect(address)):
        raise ValueError("A redirect address that cannot be registered was registered.")
    response = HttpResponse(status=303)
    response["Location"] = address
    response["Referrer-Policy"] = "no-referrer"
    return response


def _page(request: HttpRequest, problem: str, status: int = 400) -> HttpResponse:
    return render(request, "accounts/oauth/refused.html", {"problem": problem}, status=status)


def _note_refusal(request: HttpRequest, application: Any, error: str, place: Place | None = None) -> None:
    audit.try_record(
        "token:oauth:not-consented",
        actor=request.user,
        result="refused",
        site_id=place.site_id if place else None,
        site=place.slug if place else "",
        subject=application.client_id,
        request=request,
        facts={"error": error},
    )
