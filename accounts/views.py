"""Signing in with a password, and out. Whatever is wrong with username or password, the answer is the same sentence."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from accounts import passkeys, sign_in_steps
from accounts.assurance import PASSWORD
from accounts.audit.sign_ins import note_refused_source
from accounts.company_sign_on import must_use_company
from accounts.destinations import own_destination
from accounts.forms import SignInForm
from accounts.sessions import ENDED_BECAUSE
from accounts.sign_in_limits import CHECK_WAIT, turn_to_check, wait_for_account, wait_for_source
from accounts.sign_in_steps import see_other
from accounts.use_notice import notice_text, notice_version

WRONG = gettext_lazy("This username and password do not belong together. Check both and try again.")
NOTICE_CHANGED = gettext_lazy("The text above the form was changed while you looked at it. Read it and sign in again.")
ENDED = {
    "idle": gettext_lazy("You were signed out because this device was not used for a while."),
    "absolute": gettext_lazy("You were signed out because your shift's sign-in is over."),
    "unknown": gettext_lazy("You were signed out."),
}


class PageRequest(HttpRequest):
    """A request as django_htmx's middleware leaves it."""

    htmx: HtmxDetails


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: PageRequest) -> HttpResponse:
    """Ask for username and password; on success the second factor, or a new session and 303 to ``next``."""
    destination = own_destination(request)
    if request.method != "POST":
        if request.user.is_authenticated:
            return see_other(destination)
        if request.htmx:  # a piece of a page was asked for: the page as a whole must go, not get a form inside it
            return _whole_page_to_sign_in(request, destination)
        return form_page(request, SignInForm(), notice=ENDED.get(request.session.pop(ENDED_BECAUSE, ""), ""))
    form = SignInForm(request.POST)
    if request.POST.get("notice", notice_version()) != notice_version():
        return form_page(request, form, notice=NOTICE_CHANGED)
    with turn_to_check() as has_turn:
        if not has_turn:
            return busy_page(request)
        wait = wait_for_source(request, timezone.now())
        if wait:
            note_refused_source(request)
            return refusal_page(request, wait)
        person = authenticate(request, **form.cleaned_data) if form.is_valid() else None
    if person is not None and must_use_company(person):
        # After the same work, with the same words and counted the same: a password is no way to learn whose it is.
        sign_in_steps.note_failure(request, person)
        person = None
    if person is None:
        # When axes has just locked the account, its middleware puts locked_out() in place of this page.
        return form_page(request, form, error=WRONG)
    return sign_in_steps.go_on(request, person, [PASSWORD], destination)


@login_not_required
@never_cache
@csrf_protect
@require_POST
def sign_out(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """End the session, here and in every page it has open. ``extra_context`` is the admin's and not needed."""
    logout(request)
    messages.success(request, gettext("You are signed out."))
    response = see_other(resolve_url(settings.LOGOUT_REDIRECT_URL))
    # A shared tablet: the next person's Back button finds nothing, and neither does anybody among what it kept to read
    # without network (docs/offline.md). The service worker goes too; the sign-in page brings it back.
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response


def locked_out(request: HttpRequest, original_response: Any = None, credentials: Any = None) -> HttpResponse:
    """django-axes' refusal (AXES_LOCKOUT_CALLABLE): too many failures for this account, right password or not.

    axes hands its arguments over differently with and without ASGI, so the username is taken from the request.
    """
    username = (getattr(request, "axes_credentials", None) or {}).get("username") or ""
    return refusal_page(request, wait_for_account(username, timezone.now()))


def refusal_page(request: HttpRequest, wait: int) -> HttpResponse:
    """429, saying when to try again (``wait`` seconds) and whom to call. The same for accounts that do not exist."""
    context = {
        "minutes": -(-wait // 60),
        "again_at": timezone.now() + dt.timedelta(seconds=wait),
        "contact": getattr(settings, "SUPPORT_CONTACT", ""),
    }
    response = render(request, "accounts/locked_out.html", context, status=429)
    response["Retry-After"] = str(wait)
    response["Cache-Control"] = "no-store"
    return response


def busy_page(request: HttpRequest) -> HttpResponse:
    """503 when too many sign-ins are being checked at once; says nothing about the account."""
    response = render(request, "accounts/busy.html", status=503)
    response["Retry-After"] = str(int(CHECK_WAIT))
    return response


def form_page(
    request: HttpRequest, form: SignInForm, *, error: str | Promise = "", notice: str | Promise = ""
) -> HttpResponse:
    """The sign-in page: the use notice above every way in."""
    context = {
        "form": form,
        "error": error,
        "notice": notice,
        "next": own_destination(request),  # travels in the form, checked again when it comes back
        "use_notice": notice_text(),
        "use_notice_version": notice_version(),
        "passkeys_possible": passkeys.are_possible(),
        "companies": settings.COMPANY_SIGN_ON,
    }
    return render(request, "accounts/sign_in.html", context)


def _whole_page_to_sign_in(request: PageRequest, destination: str) -> HttpResponse:
    back = request.htmx.current_url_abs_path or destination
    return HttpResponseClientRedirect(f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': back})}")
