"""Step-up in the administration: whoever changes something there confirmed within the last five minutes.

Once, around every page of the site, so that no page can be forgotten. Asked of everybody who has a second factor or
must have one. Looking needs nothing more than the sign-in, and neither does taking access away: the lost phone and
the colleague who left must not wait for a passkey.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse

from accounts.factors import has_second_factor, needs_second_factor
from accounts.step_up import has_stepped_up, to_confirm

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Nothing but forms: asked for before somebody fills them in, not only when they are sent.
FORMS = ("_add", "_password_change", ":password_change", "_labels")
# Actions of lists that only end something (accounts.admin, accounts.oauth.admin, hmi.sites.grant_actions).
ENDINGS = frozenset({"end_sessions", "end_access", "revoke_now", "revoke", "refuse"})
NOT_YET = "Nothing was changed yet. Confirm that it is you, then look at it once more and press the button again."

View = Callable[..., HttpResponse]


def step_up_in(site: admin.AdminSite) -> None:
    """From now on every page of ``site`` asks. Called once, before its addresses are made."""
    admin_view = site.admin_view

    def guarded_admin_view(view: View, cacheable: bool = False) -> View:
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not _must_confirm(request):
                return view(request, *args, **kwargs)
            if request.method not in SAFE:
                messages.warning(request, NOT_YET)
            return to_confirm(request)

        # The site's own question, whether the person administers anything, comes first.
        return admin_view(update_wrapper(guarded, view), cacheable)

    site.admin_view = guarded_admin_view  # type: ignore[method-assign, assignment]


def _must_confirm(request: HttpRequest) -> bool:
    match = request.resolver_match
    page = match.view_name if match is not None else ""
    if request.method in SAFE:
        if not page.endswith(FORMS):
            return False
    elif page == "admin:logout" or _only_ends(request, page):
        return False
    if has_stepped_up(request):
        return False
    return needs_second_factor(request.user) or has_second_factor(request.user)


def _only_ends(request: HttpRequest, page: str) -> bool:
    """Whether this is a list's action that takes access away. A list has two menus of actions: both must say so."""
    chosen = request.POST.getlist("action")
    return page.endswith("_changelist") and "_save" not in request.POST and bool(chosen) and ENDINGS.issuperset(chosen)
