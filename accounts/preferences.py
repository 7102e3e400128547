"""What a person may choose for themselves: the language and the units of the screens. Kept with the person.

The device remembers the language too, so that its sign-in page speaks it.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import UNITS, User
from accounts.sign_in_steps import see_other

COOKIE_AGE = 365 * 24 * 3600  # seconds
LONGEST_NEXT = 2000  # characters of an address to return to


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Language and units of one's own screens."""
    if request.method != "POST":
        return render(request, "accounts/preferences.html", {"page": "preferences", "units": UNITS})
    person: Any = request.user
    language, units = request.POST.get("language", ""), request.POST.get("units", "")
    if language not in dict(settings.LANGUAGES) or units not in dict(UNITS):
        return HttpResponseBadRequest(gettext("There is no such choice."), content_type="text/plain; charset=utf-8")
    # Not save(): a choice of words must not look like a change of the account, to its sessions or its audit.
    User.objects.filter(pk=person.pk).update(language=language, units=units)
    with translation.override(language):
        messages.success(request, gettext("Your choice is kept, on every device you sign in on."))
    response = see_other(resolve_url("accounts:preferences"))
    remember_language(response, language)
    return response


@login_not_required
@csrf_protect
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """The language of this device, chosen before sign-in."""
    code = request.POST.get("language", "")
    if code not in dict(settings.LANGUAGES):
        return HttpResponseBadRequest(gettext("There is no such choice."), content_type="text/plain; charset=utf-8")
    wanted = request.POST.get("next", "")
    is_own = wanted.startswith("/") and len(wanted) <= LONGEST_NEXT
    if not (is_own and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)):
        wanted = resolve_url("accounts:sign-in")
    response = see_other(wanted)
    remember_language(response, code)
    return response


def remember_language(response: HttpResponseBase, code: str) -> None:
    """The cookie says a language and nothing about a person."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        max_age=COOKIE_AGE,
        secure=settings.SECURE,
        httponly=True,
        samesite="Lax",
    )
