"""A person's own page: which applications can look at which site in their name, and the button that ends it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST, require_safe

from accounts.oauth import authorizations
from accounts.oauth.models import SiteAuthorization
from accounts.oauth.places import places_of
from accounts.scope_words import scope_words
from accounts.views import see_other
from relay_bridge.contract.scopes import SCOPES

MOST = 100  # rows shown


@never_cache
@require_safe
def connections(request: HttpRequest) -> HttpResponse:
    person: Any = request.user  # signed in: the middleware lets nobody else come here
    rows = SiteAuthorization.objects.filter(
        user=person, ended_at=None, ends_at__gt=timezone.now(), redeemed_at__isnull=False
    ).select_related("application")[:MOST]
    shown = [
        {"row": row, "meanings": [scope_words(scope) for scope in row.scope.split() if scope in SCOPES]} for row in rows
    ]
    context = {"connections": shown, "places": places_of(person, request.session), "issuer": settings.PUBLIC_URL}
    return render(request, "accounts/oauth/connections.html", context)


@never_cache
@csrf_protect
@require_POST
def end_connection(request: HttpRequest, authorization: str) -> HttpResponse:
    """End one of one's own; another person's does not exist here."""
    person: Any = request.user
    row = SiteAuthorization.objects.select_related("application", "user").filter(pk=authorization, user=person).first()
    if row is None:
        raise Http404("There is no such page.")
    authorizations.end(row, "The person ended it.", actor=person, tag="token:oauth:revoked")
    messages.success(
        request,
        gettext("%(application)s no longer sees %(site)s.") % {"application": row.application, "site": row.site_name},
    )
    return see_other(resolve_url("oauth:connections"))
