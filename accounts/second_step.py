"""The pages after the password, and the passkey that needs none: second factor, first factor, confirming.

Nobody is signed in on the first two kinds of pages. They look at who is half in (accounts.sign_in_steps) by themselves,
which is why they are open to strangers, whom they send to the start.
"""

from __future__ import annotations

import logging
import time
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import audit, one_time_codes, passkeys, sign_in_steps
from accounts.assurance import ONE_TIME_CODE, RECOVERY_CODE
from accounts.audit.floods import try_record_refusal
from accounts.audit.sign_ins import note_pause, note_refused_source
from accounts.company_sign_on import must_use_company
from accounts.destinations import own_destination
from accounts.factors import factors_of, has_second_factor
from accounts.forms import SignInForm
from accounts.passkeys import PasskeyRefused
from accounts.session_moves import SessionGone
from accounts.sign_in_limits import confirming_name, turn_to_check, wait_for_account, wait_for_question, wait_for_source
from accounts.sign_in_steps import Pending, pending, see_other
from accounts.use_notice import notice_version
from accounts.views import NOTICE_CHANGED, busy_page, form_page, refusal_page

logger = logging.getLogger(__name__)

WRONG_CODE = gettext_lazy("This code was not accepted. Each code works once; take the one that the app shows now.")
WRONG_PASSKEY = gettext_lazy("The passkey was not accepted. Try again, or sign in another way.")
NO_CODE = gettext_lazy("Type the code, or use the passkey.")


# --- a passkey alone ------------------------------------------------------------------------------------------------


@login_not_required
@never_cache
@csrf_protect
@require_POST
def passkey_question(request: HttpRequest) -> HttpResponse:
    """What the browser asks a passkey: any of the device's for a sign-in, the person's own afterwards. JSON."""
    if request.user.is_authenticated:
        return JsonResponse(passkeys.begin_use(request, passkeys.STEP_UP, request.user))
    half_in = pending(request)
    if half_in is not None:
        return JsonResponse(passkeys.begin_use(request, passkeys.SECOND, half_in.person))
    wait = wait_for_question(request)
    if wait:
        return JsonResponse({}, status=429, headers={"Retry-After": str(wait)})
    # A stranger's session holds one question for as long as it may be answered, and no longer.
    request.session.set_expiry(passkeys.CHALLENGE_LIFE)
    return JsonResponse(passkeys.begin_use(request, passkeys.SIGN_IN))


@login_not_required
@never_cache
@csrf_protect
@require_POST
def passkey_sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in with a passkey alone: it is something held and, by the device's own check, something known or been.

    Also while the account is paused: a passkey cannot be guessed, and whoever knows a username can cause a pause.
    """
    if request.user.is_authenticated:
        return see_other(own_destination(request))
    if request.POST.get("notice", notice_version()) != notice_version():
        return form_page(request, SignInForm(), notice=NOTICE_CHANGED)
    wait = wait_for_source(request, timezone.now())
    if wait:
        note_refused_source(request)
        return refusal_page(request, wait)
    try:
        proof = passkeys.finish_use(request, passkeys.SIGN_IN, request.POST.get("answer", ""))
        _check_may_sign_in(proof.person)
    except PasskeyRefused as refusal:
        _note_refused_passkey(request, None, refusal)
        return form_page(request, SignInForm(), error=WRONG_PASSKEY)
    return sign_in_steps.finish(request, proof.person, proof.methods, own_destination(request))


def _check_may_sign_in(person: Any) -> None:
    if not person.is_active:
        raise PasskeyRefused("The account is closed.")
    if must_use_company(person):
        raise PasskeyRefused("The account's people sign in through their company.")


# --- the second factor ----------------------------------------------------------------------------------------------


@login_not_required
@never_cache
@sensitive_post_parameters("code")
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """After the password: a code from the app, a recovery code, or a passkey. Five wrong ones pause the account."""
    half_in = pending(request)
    if half_in is None:
        return _start_again(request)
    if request.method != "POST":
        return _factor_page(request, "accounts/second_factor.html", half_in.person)
    shown = _check(request, half_in.person, passkeys.SECOND, recovery=True)
    if isinstance(shown, HttpResponse):
        return shown
    if shown.error:
        return _factor_page(request, "accounts/second_factor.html", half_in.person, error=shown.error)
    return finish_pending(request, half_in, shown.methods)


@never_cache
@sensitive_post_parameters("code")
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Step-up: show a passkey or a code from the app once more, then go back. Neither password nor recovery code."""
    person: Any = request.user
    destination = own_destination(request)
    extra = {"next": destination}
    if request.method != "POST":
        return _factor_page(request, "accounts/confirm.html", person, **extra)
    shown = _check(request, person, passkeys.STEP_UP, recovery=False)
    if isinstance(shown, HttpResponse):
        return shown
    if shown.error:
        return _factor_page(request, "accounts/confirm.html", person, error=shown.error, **extra)
    reason = ""
    try:
        sign_in_steps.strengthen(request, shown.methods)
    except SessionGone:
        # Another confirmation was faster: its answer brings the browser the new key, and this one brings nothing. Or
        # the sign-in was ended, and the page that comes next asks for a new one.
        reason = "The sign-in ended, or another confirmation was faster."
    audit.try_record(
        "person:session:stepped-up",
        actor=person,
        result="refused" if reason else "done",
        subject=str(person.subject),
        reason=reason,
        request=request,
        facts={"methods": " ".join(shown.methods)},
    )
    return see_other(destination)


def finish_pending(request: HttpRequest, half_in: Pending, methods: tuple[str, ...]) -> HttpResponse:
    """Sign in whoever is half in, now that ``methods`` were shown as well."""
    shown = sign_in_steps.join_methods(half_in.methods, methods)
    return sign_in_steps.finish(
        request, half_in.person, shown, half_in.destination, company=half_in.company, groups=half_in.groups
    )


class _Shown(NamedTuple):
    """What a form proved (RFC 8176 values), or the sentence that says that it proved nothing."""

    methods: tuple[str, ...] = ()
    error: str | Promise = ""


def _check(request: HttpRequest, person: Any, purpose: str, *, recovery: bool) -> _Shown | HttpResponse:
    """Check the form. The fifth wrong code pauses codes, for a passkey cannot be guessed. One check at a time and turn.

    Codes at sign-in count with the passwords of the account, those of "confirm it is you" on their own.
    """
    answer = request.POST.get("answer", "")
    if answer:
        try:
            return _Shown(passkeys.finish_use(request, purpose, answer, person).methods)
        except PasskeyRefused as refusal:
            _note_refused_passkey(request, person, refusal)
            return _Shown(error=WRONG_PASSKEY)
    name = confirming_name(person) if purpose == passkeys.STEP_UP else person.get_username()
    with turn_to_check() as has_turn:
        if not has_turn:
            return busy_page(request)
        if sign_in_steps.is_paused(request, person, name=name):
            note_pause(request, person)
            return refusal_page(request, wait_for_account(name, timezone.now()))
        shown = _look_at_code(request, person, name, recovery=recovery)
    if shown.error and sign_in_steps.is_paused(request, person, name=name):
        return refusal_page(request, wait_for_account(name, timezone.now()))
    return shown


def _look_at_code(request: HttpRequest, person: Any, name: str, *, recovery: bool) -> _Shown:
    code = request.POST.get("code", "")
    if not code.strip():
        return _Shown(error=NO_CODE)
    if one_time_codes.accept_app_code(person, code, time.time()):
        return _Shown((ONE_TIME_CODE,))
    if recovery and one_time_codes.accept_recovery_code(person, code):
        audit.try_record(
            "person:recovery-code:used",
            actor=person,
            result="done",
            subject=str(person.subject),
            request=request,
            facts={"left": str(one_time_codes.recovery_codes_left(person))},
        )
        return _Shown((RECOVERY_CODE,))
    sign_in_steps.note_failure(request, person, name=name)
    return _Shown(error=WRONG_CODE)


def _note_refused_passkey(request: HttpRequest, person: Any, refusal: PasskeyRefused) -> None:
    # Nothing can be guessed here, so nothing is counted against the account; whoever reads the trail sees the cause.
    logger.warning("A passkey was refused: %s", refusal.reason)
    try_record_refusal(
        "person:sign-in:failed",
        actor=person,
        subject=str(person.subject) if person is not None else "",
        reason=f"Passkey: {refusal.reason}",
        request=request,
    )


def _factor_page(
    request: HttpRequest, template: str, person: Any, *, error: str | Promise = "", **extra: Any
) -> HttpResponse:
    kinds = {factor.type for factor in factors_of(person)}
    context = {
        "error": error,
        "has_app": "totp" in kinds,
        "has_passkey": "webauthn" in kinds and passkeys.are_possible(),
        "has_factor": has_second_factor(person),
        "recovery_codes_left": one_time_codes.recovery_codes_left(person),
        "contact": settings.SUPPORT_CONTACT,
        **extra,
    }
    return render(request, template, context)


def _start_again(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return see_other(resolve_url(settings.LOGIN_REDIRECT_URL))
    return see_other(resolve_url(settings.LOGIN_URL))
