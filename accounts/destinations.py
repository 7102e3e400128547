"""Where to go afterwards: a path of this web app, whatever somebody wrote into an address."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

LONGEST_NEXT = 2000  # characters of an address to return to


def own_destination(request: HttpRequest) -> str:
    """``next`` of form or address when it is a path of this web app, otherwise the first page."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_own = wanted.startswith("/") and len(wanted) <= LONGEST_NEXT
    # No host is allowed at all: that refuses //host, /\host and control characters together with full addresses.
    if is_own and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL)
