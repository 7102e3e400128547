"""A person's own account: the list of sign-ins with *end*, and changing the password."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import audit, sign_in_steps
from accounts.factors import has_second_factor
from accounts.own_sessions import end_other_sessions, end_own_session, own_sessions
from accounts.sign_in_limits import turn_to_check, wait_for_account
from accounts.sign_in_steps import see_other
from accounts.step_up import has_stepped_up, to_confirm
from accounts.views import busy_page, refusal_page, sign_out


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def sign_ins(request: HttpRequest) -> HttpResponse:
    """Where this person is signed in. Ending needs no confirmation: whoever can ask for it can only lose by it."""
    person, this_key = request.user, request.session.session_key
    if request.method == "POST":
        wanted = request.POST.get("handle", "")
        if wanted == "others":
            count = end_other_sessions(person, this_key)
            messages.success(
                request,
                ngettext("Ended %(count)d other sign-in.", "Ended %(count)d other sign-ins.", count) % {"count": count},
            )
            _record_ended(request, count)
        elif wanted:
            if any(each.is_this and each.handle == wanted for each in own_sessions(person, this_key)):
                return sign_out(request)
            ended = end_own_session(person, wanted)
            words = gettext("That sign-in was over already.")
            if ended:
                words = gettext("Ended: %(device)s.") % {"device": ended.device}
            messages.success(request, words)
            _record_ended(request, 1 if ended else 0)
        return see_other(resolve_url("accounts:sign-ins"))
    context = {
        "sessions": own_sessions(person, this_key),
        "most": settings.SESSIONS_AT_ONCE,
        "page": "sign-ins",
    }
    return render(request, "accounts/sign_ins.html", context)


@never_cache
@sensitive_post_parameters()
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    """Change one's own password: the old one, and a second factor where there is one. Ends all other sign-ins."""
    person: Any = request.user
    if not person.has_usable_password():
        return render(request, "accounts/change_password.html", {"page": "password"})
    if has_second_factor(person) and not has_stepped_up(request):
        return to_confirm(request)
    if request.method != "POST":
        return render(request, "accounts/change_password.html", {"form": _form(person), "page": "password"})
    if sign_in_steps.is_paused(request, person):
        return refusal_page(request, wait_for_account(person.get_username(), timezone.now()))
    form = _form(person, request.POST)
    with turn_to_check() as has_turn:
        if not has_turn:
            return busy_page(request)
        is_good = form.is_valid()
    if not is_good:
        if "old_password" in form.errors:
            sign_in_steps.note_failure(request, person)
        return render(request, "accounts/change_password.html", {"form": form, "page": "password"})
    with transaction.atomic():
        form.save()  # ends every session of the person, this one's row too
        update_session_auth_hash(request, person)  # this browser goes on, under a new key
    messages.success(request, gettext("Your password is changed. Your other devices are signed out."))
    return see_other(resolve_url("accounts:sign-ins"))


def _form(person: object, data: object = None) -> PasswordChangeForm:
    form = PasswordChangeForm(person, data)  # type: ignore[arg-type]
    form.fields["old_password"].label = gettext("Current password")
    form.fields["new_password1"].label = gettext("New password")
    form.fields["new_password1"].help_text = gettext(
        "15 characters or more. Several words in a row are easy to remember."
    )
    form.fields["new_password2"].label = gettext("New password again")
    form.fields["new_password2"].help_text = ""
    return form


def _record_ended(request: HttpRequest, count: int) -> None:
    person: Any = request.user
    if count:
        audit.try_record(
            "person:sessions:ended",
            actor=person,
            result="done",
            subject=str(person.subject),
            request=request,
            facts={"count": str(count)},
        )
