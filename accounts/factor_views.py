"""Setting up and taking away one's own passkeys, authenticator app and recovery codes.

The same pages serve somebody who is half in and must set up the first factor, and somebody signed in. Whoever has a
factor confirms with it first; whoever has none must have signed in within the last five minutes, so that an unattended
screen gets no factor of somebody else's.
"""

from __future__ import annotations

import logging
import time
from typing import Any, NamedTuple

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import audit, one_time_codes, passkeys, second_step
from accounts.adapters import UnreadableSecret
from accounts.assurance import ONE_TIME_CODE, STEP_UP_LIFE, read_assurance
from accounts.factors import factors_of, has_second_factor, needs_second_factor, remove_factor
from accounts.passkeys import PasskeyRefused
from accounts.sessions import end_sessions_of
from accounts.sign_in_steps import Pending, pending, see_other
from accounts.step_up import has_stepped_up, step_up_required, to_confirm

logger = logging.getLogger(__name__)

OFFERED_SECRET = "app_secret_offered"  # noqa: S105 - where the session keeps it, encrypted, until a code proves it
WRONG_CODE = gettext_lazy(
    "This code does not belong to the picture. Take the one that the app shows now for Sightline."
)
LAST_ONE = gettext_lazy("This is your last second factor, and your role needs one. Set up another one first.")
WRONG_PASSKEY = gettext_lazy("No passkey was made. Try again, or use an authenticator app.")


class Somebody(NamedTuple):
    """Who sets up a factor: half in (``half_in``), or signed in."""

    person: Any
    half_in: Pending | None


# --- setting up -----------------------------------------------------------------------------------------------------


@login_not_required
@never_cache
@require_GET
def set_up(request: HttpRequest) -> HttpResponse:
    """The choice between passkey and authenticator app."""
    somebody = _somebody(request)
    if isinstance(somebody, HttpResponse):
        return somebody
    context = {
        "is_first": somebody.half_in is not None,
        "passkeys_possible": passkeys.are_possible(),
        "has_app": any(factor.type == Authenticator.Type.TOTP for factor in factors_of(somebody.person)),
    }
    return render(request, "accounts/set_up.html", context)


@login_not_required
@never_cache
@sensitive_post_parameters("code")
@sensitive_variables("secret")
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def set_up_app(request: HttpRequest) -> HttpResponse:
    """Show a secret as picture and text; store it once a code proves that the app has it."""
    somebody = _somebody(request)
    if isinstance(somebody, HttpResponse):
        return somebody
    secret, error = _offered_secret(request), ""
    if request.method == "POST":
        with transaction.atomic():
            factor = one_time_codes.enrol_app(somebody.person, secret, request.POST.get("code", ""), time.time())
            codes = _keep(request, somebody.person, factor) if factor is not None else []
        if factor is not None:
            request.session.pop(OFFERED_SECRET, None)
            return _added(request, somebody, (ONE_TIME_CODE,), codes)
        error = str(WRONG_CODE)
    groups = [secret[start : start + 4] for start in range(0, len(secret), 4)]
    return render(request, "accounts/set_up_app.html", {"secret": " ".join(groups), "error": error})


@login_not_required
@never_cache
@require_GET
def app_picture(request: HttpRequest) -> HttpResponse:
    """The QR code of the secret that is being offered: an image of our own, as the content policy wants it."""
    somebody = _somebody(request)
    if isinstance(somebody, HttpResponse) or OFFERED_SECRET not in request.session:
        raise Http404
    picture = one_time_codes.draw_qr(one_time_codes.enrolment_address(somebody.person, _offered_secret(request)))
    return HttpResponse(picture, content_type="image/svg+xml")


@login_not_required
@never_cache
@csrf_protect
@require_POST
def enrolment_question(request: HttpRequest) -> HttpResponse:
    """What the browser asks the device when it makes a passkey. JSON."""
    somebody = _somebody(request)
    if isinstance(somebody, HttpResponse) or not passkeys.are_possible():
        return JsonResponse({}, status=403)
    return JsonResponse(passkeys.begin_enrolment(request, somebody.person))


@login_not_required
@never_cache
@csrf_protect
@require_POST
def add_passkey(request: HttpRequest) -> HttpResponse:
    """Store the passkey that the device made."""
    somebody = _somebody(request)
    if isinstance(somebody, HttpResponse):
        return somebody
    try:
        with transaction.atomic():
            proof = passkeys.finish_enrolment(
                request, somebody.person, request.POST.get("answer", ""), request.POST.get("name", "")
            )
            codes = _keep(request, somebody.person, proof.passkey)
    except PasskeyRefused as refusal:
        logger.warning("A passkey was not made: %s", refusal.reason)
        messages.error(request, " ".join(filter(None, (refusal.told, str(WRONG_PASSKEY)))))
        return see_other(resolve_url("accounts:set-up"))
    return _added(request, somebody, proof.methods, codes)


def _keep(request: HttpRequest, person: Any, factor: Authenticator) -> list[str]:
    """Record a new factor, and make the recovery codes of whoever has none: in the transaction that stores it."""
    _record(request, person, "person:factor:added", factor)
    return [] if one_time_codes.recovery_codes_left(person) else _new_recovery_codes(request, person)


@sensitive_variables("codes")
def _added(request: HttpRequest, somebody: Somebody, methods: tuple[str, ...], codes: list[str]) -> HttpResponse:
    """Sign in whoever was half in; show the recovery ``codes``, once."""
    following = resolve_url("accounts:factors")
    if somebody.half_in is not None:
        following = second_step.finish_pending(request, somebody.half_in, methods)["Location"]
    if not codes:
        return see_other(following)
    return _codes_page(request, codes, following)


# --- looking after them ---------------------------------------------------------------------------------------------


@never_cache
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """A person's own factors and company accounts."""
    person = request.user
    connected = set(SocialAccount.objects.filter(user=person).values_list("provider", flat=True))
    context = {
        "factors": [_described(factor) for factor in factors_of(person)],
        "recovery_codes_left": one_time_codes.recovery_codes_left(person),
        "has_factor": has_second_factor(person),
        "needs_factor": needs_second_factor(person),
        "companies": [(company, company.id in connected) for company in settings.COMPANY_SIGN_ON],
        "page": "factors",
    }
    return render(request, "accounts/factors.html", context)


@never_cache
@csrf_protect
@require_POST
@step_up_required
def remove(request: HttpRequest, factor_id: int) -> HttpResponse:
    """Take one factor away. The last one stays with whoever needs one; other sign-ins of the person end."""
    person = request.user
    factor = next((each for each in factors_of(person) if each.pk == factor_id), None)
    if factor is None:
        raise Http404
    if len(factors_of(person)) == 1 and needs_second_factor(person):
        messages.error(request, LAST_ONE)
        return see_other(resolve_url("accounts:factors"))
    with transaction.atomic():
        _record(request, person, "person:factor:removed", factor)
        remove_factor(person, factor)
    end_sessions_of(person, except_key=request.session.session_key)
    messages.success(request, gettext("The second factor is removed. Your other devices are signed out."))
    return see_other(resolve_url("accounts:factors"))


@never_cache
@csrf_protect
@require_POST
@step_up_required
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes and show them once; the old ones are worth nothing from now on."""
    if not has_second_factor(request.user):
        return see_other(resolve_url("accounts:factors"))
    codes = _new_recovery_codes(request, request.user)
    return _codes_page(request, codes, resolve_url("accounts:factors"))


# --- inside ---------------------------------------------------------------------------------------------------------


def _somebody(request: HttpRequest) -> Somebody | HttpResponse:
    """Who may set up a factor here, or where they must go first."""
    person = request.user
    if not person.is_authenticated:
        half_in = pending(request)
        # Somebody half in who has a factor must show it, not add another one.
        if half_in is None or has_second_factor(half_in.person):
            return see_other(resolve_url(settings.LOGIN_URL))
        return Somebody(half_in.person, half_in)
    if has_second_factor(person):
        return Somebody(person, None) if has_stepped_up(request) else to_confirm(request)
    if time.time() - read_assurance(request.session).auth_time < STEP_UP_LIFE:
        return Somebody(person, None)
    return render(request, "accounts/sign_in_again.html")


@sensitive_variables()
def _offered_secret(request: HttpRequest) -> str:
    """The secret this session is being offered: the same one until a code proves it, encrypted at rest."""
    kept = request.session.get(OFFERED_SECRET)
    if isinstance(kept, str):
        try:
            return decrypt(kept)
        except UnreadableSecret:
            pass  # made under another secret of the web app: offer a new one
    secret = one_time_codes.new_secret()
    request.session[OFFERED_SECRET] = encrypt(secret)
    return secret


@transaction.atomic
def _new_recovery_codes(request: HttpRequest, person: Any) -> list[str]:
    codes = one_time_codes.make_recovery_codes(person)
    audit.record(
        "person:recovery-code:made",
        actor=person,
        result="done",
        subject=str(person.subject),
        request=request,
        facts={"count": str(len(codes))},
    )
    return codes


@sensitive_variables("codes")
def _codes_page(request: HttpRequest, codes: list[str], following: str) -> HttpResponse:
    shown = [one_time_codes.spaced(code) for code in codes]
    return render(request, "accounts/recovery_codes.html", {"codes": shown, "following": following})


def _described(factor: Authenticator) -> dict[str, Any]:
    is_passkey = factor.type == Authenticator.Type.WEBAUTHN
    return {
        "id": factor.pk,
        "kind": gettext("Passkey") if is_passkey else gettext("Authenticator app"),
        "name": factor.wrap().name if is_passkey else "",
        "added": factor.created_at,
        "used": factor.last_used_at,
    }


def _record(request: HttpRequest, person: Any, tag: str, factor: Authenticator) -> None:
    audit.record(
        tag,
        actor=person,
        result="done",
        subject=str(person.subject),
        request=request,
        facts={"kind": _described(factor)["kind"]},
    )
