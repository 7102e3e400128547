"""What the installed app needs without a sign-in: manifest, worker, offline page; and the choice of theme and hands."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST, require_safe

from hmi.languages.choices import CODES
from hmi.screens import shell
from hmi.screens.hands import HANDS, remember_hands
from hmi.screens.requests import PageRequest
from hmi.screens.themes import remember_theme, theme_named

LONGEST_NEXT = 2000  # characters of an address to return to


@login_not_required
@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    return JsonResponse(shell.manifest(), content_type="application/manifest+json")


@login_not_required
@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker, from the root, because it may only answer for addresses beside or below its own."""
    return HttpResponse(shell.worker_script(), content_type="text/javascript; charset=utf-8")


@login_not_required
@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """The page for a phone without connection. It holds nothing of a person or a site, so it may be kept.

    The worker fetches it as nobody, and says in which ``language`` the person reads.
    """
    language = request.GET.get("language", "")
    if language not in CODES:
        return render(request, "screens/offline.html")
    with translation.override(language):
        response = render(request, "screens/offline.html")
    response.headers["Content-Language"] = language
    return response


@login_not_required
@csrf_protect
@require_POST
def theme(request: PageRequest) -> HttpResponse:
    """Remember the chosen theme. A plain form goes back where it came from; htmx needs only the cookie."""
    chosen = theme_named(request.POST.get("theme", ""))
    if chosen is None:
        return HttpResponseBadRequest(gettext("There is no such choice."), content_type="text/plain; charset=utf-8")
    response = _back(request)
    remember_theme(response, chosen, secure=settings.SECURE)
    return response


@login_not_required
@csrf_protect
@require_POST
def hands(request: PageRequest) -> HttpResponse:
    """Remember whether this device is used with gloves."""
    chosen = request.POST.get("hands", "")
    if chosen not in HANDS:
        return HttpResponseBadRequest(gettext("There is no such choice."), content_type="text/plain; charset=utf-8")
    response = _back(request)
    remember_hands(response, chosen, secure=settings.SECURE)
    return response


def _back(request: PageRequest) -> HttpResponse:
    return HttpResponse(status=204) if request.htmx else HttpResponseRedirect(own_address(request), status=303)


def own_address(request: HttpRequest) -> str:
    """The path to return to, when it is one of our own; otherwise the first page."""
    wanted = request.POST.get("next", "")
    is_own = wanted.startswith("/") and len(wanted) <= LONGEST_NEXT
    if is_own and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return resolve_url("screens:my-sites")
