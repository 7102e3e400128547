"""How a person wants a site's list drawn, rows or tiles, and the cookie that remembers it on this phone for a year.

The cookie says a preference and nothing about a person.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from hmi.screens.requests import PageRequest
from hmi.screens.shell_views import own_address

COOKIE = "list-look"
COOKIE_AGE = 365 * 24 * 3600  # seconds


@dataclass(frozen=True)
class ListLook:
    """``slug`` is the value of the cookie and the class of the list."""

    slug: str
    name: str | Promise


ROWS = ListLook("rows", gettext_lazy("List"))
TILES = ListLook("tiles", gettext_lazy("Tiles"))
LOOKS = (ROWS, TILES)
_BY_SLUG = {look.slug: look for look in LOOKS}


def list_look(request: HttpRequest) -> ListLook:
    """The look that the request's cookie names; rows when it names none that exists."""
    return _BY_SLUG.get(request.COOKIES.get(COOKIE, ""), ROWS)


@csrf_protect
@require_POST
def choose(request: PageRequest) -> HttpResponse:
    """Remember the chosen look and go back to the list."""
    chosen = _BY_SLUG.get(request.POST.get("look", ""))
    if chosen is None:
        return HttpResponseBadRequest(gettext("There is no such look."), content_type="text/plain; charset=utf-8")
    response = HttpResponseRedirect(own_address(request), status=303)
    response.set_cookie(COOKIE, chosen.slug, max_age=COOKIE_AGE, secure=settings.SECURE, httponly=True, samesite="Lax")
    return response
