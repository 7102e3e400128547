"""Company sign-on: the way to the provider, and what its word is worth when the browser comes back.

Somebody is known by the provider's own lasting name for them (``sub``) and by nothing else: an e-mail address in a
profile opens no account. A link between the two is made by an administrator, by the signed-in person, or with the
account itself when the provider may make accounts.
"""

from __future__ import annotations

import logging
import re
import secrets
from typing import Any, NoReturn

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError, transaction
from django.dispatch import Signal
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from requests import RequestException

from accounts import audit, sign_in_steps
from accounts.assurance import FEDERATED, TWO_FACTORS
from accounts.audit.floods import try_record_refusal
from accounts.company_provider import CompanyOAuth2Adapter, company_named
from accounts.destinations import own_destination
from accounts.sign_in_limits import wait_for_question
from accounts.step_up import step_up_required

logger = logging.getLogger(__name__)

# Somebody signed in through a company: ``person``, ``company`` (its id), ``groups`` (a frozenset of names as the
# provider wrote them), ``seconds`` (the longest that the sign-in lasts). Sent inside a transaction, which a receiver's
# error rolls back: then nobody is signed in.
signed_in_with_groups = Signal()

MOST_GROUPS = 500
LONGEST_GROUP = 200  # characters
NONCE_BYTES = 32
UNFINISHED_LIFE = 600  # seconds that an unfinished company sign-on is remembered
REFUSED = gettext_lazy(
    "Company sign-on did not work. Try again; if it stays so, sign in another way or ask your administrator."
)
TOO_OFTEN = gettext_lazy("Company sign-on was begun too often from this address. Try again in a minute.")
UNKNOWN = gettext_lazy("Your company account is not known here. Ask your administrator to connect it.")


@login_not_required
@never_cache
@require_GET
def start(request: HttpRequest, company: str) -> HttpResponse:
    """Send the browser to the provider. Only our own pages may start this.

    By a link and not by a form: a content policy with ``form-action 'self'`` would stop a form on its way there.
    """
    if _came_from_elsewhere(request):
        return sign_in_steps.see_other(resolve_url(settings.LOGIN_URL))
    if not request.user.is_authenticated:
        if wait_for_question(request):
            messages.error(request, TOO_OFTEN)
            return sign_in_steps.see_other(resolve_url(settings.LOGIN_URL))
        request.session.set_expiry(UNFINISHED_LIFE)
    return _to_provider(request, company, AuthProcess.LOGIN)


@never_cache
@require_GET
@step_up_required
def connect(request: HttpRequest, company: str) -> HttpResponse:
    """Connect the signed-in person's account with one at the provider."""
    if _came_from_elsewhere(request):
        return sign_in_steps.see_other(resolve_url("accounts:factors"))
    return _to_provider(request, company, AuthProcess.CONNECT)


@login_not_required
@never_cache
@require_GET
def callback(request: HttpRequest, company: str) -> HttpResponse:
    """The browser comes back with a code. Ends in ``go_on`` or ``refuse``, by way of accounts.adapters."""
    if company_named(company) is None:
        raise Http404
    view = _Callback()
    view.request, view.adapter = request, CompanyOAuth2Adapter(request, company)
    try:
        return view.dispatch(request)
    except ImmediateHttpResponse as answered:
        return answered.response


class _Callback(OAuth2CallbackView):
    adapter: CompanyOAuth2Adapter

    def _get_state(self, request: HttpRequest, provider: Any) -> tuple[Any, Any]:
        state, response = super()._get_state(request, provider)
        self.adapter.state = state or {}
        named = request.GET.get("iss")  # RFC 9207: whose answer this is
        if state is not None and named is not None and named != company_named(provider.app.provider_id).issuer:
            refuse(request, provider.app.provider_id, "The answer came from another issuer.")
        return state, response


def go_on(request: HttpRequest, sociallogin: SocialLogin) -> NoReturn:
    """The provider vouched for somebody: connect, or go on to sign in. Always answers by raising."""
    company = company_named(sociallogin.account.provider)
    if sociallogin.state.get("process") == AuthProcess.CONNECT:
        _connect(request, company, sociallogin)
    person = sociallogin.user if sociallogin.is_existing else None
    if person is None and company.new_people:
        person = _new_person(company, sociallogin, request)
    if person is None:
        refuse(request, company.id, "Nobody here is connected with this company account.", said=UNKNOWN)
    if not person.is_active:
        refuse(request, company.id, "The account is closed.", person=person)
    claims = sociallogin.claims
    shown = [FEDERATED]
    if company.second_factor_amr & set(_texts(claims.get("amr"))):
        shown.append(TWO_FACTORS)
    groups = _texts(claims.get(company.groups_claim))
    destination = sociallogin.state.get("next") or resolve_url(settings.LOGIN_REDIRECT_URL)
    answer = sign_in_steps.go_on(request, person, shown, destination, company=company.id, groups=groups)
    raise ImmediateHttpResponse(answer)


def refuse(
    request: HttpRequest, company: str, reason: str, *, said: str | Promise = REFUSED, person: Any = None
) -> NoReturn:
    """Back to the sign-in page with a sentence; the cause goes to the log and the audit trail."""
    logger.warning("Company sign-on through %s was refused: %s", company, reason[:200])
    try_record_refusal(
        "person:sign-in:failed",
        subject=str(person.subject) if person is not None else "",
        reason=f"Company sign-on: {reason}",
        request=request,
    )
    messages.error(request, str(said))
    following = "accounts:factors" if request.user.is_authenticated else settings.LOGIN_URL
    raise ImmediateHttpResponse(sign_in_steps.see_other(resolve_url(following)))


def must_use_company(person: Any) -> bool:
    """Whether the person is one of a company whose people do not sign in with a password (or passkey) of ours."""
    closed = [company.id for company in settings.COMPANY_SIGN_ON if not company.local_password]
    return bool(closed) and SocialAccount.objects.filter(user_id=person.pk, provider__in=closed).exists()


def _came_from_elsewhere(request: HttpRequest) -> bool:
    """Whether another site's page sent the browser here; browsers without the header are all older than 2023."""
    return request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}


def _to_provider(request: HttpRequest, company: str, process: str) -> HttpResponse:
    known = company_named(company)
    if known is None:
        raise Http404
    adapter = CompanyOAuth2Adapter(request, company)
    nonce = secrets.token_urlsafe(NONCE_BYTES)
    asked = {"nonce": nonce} | ({"prompt": known.prompt} if known.prompt else {})
    try:
        return adapter.get_provider().redirect(
            request, process, next_url=own_destination(request), auth_params=asked, nonce=nonce
        )
    except (OAuth2Error, RequestException, KeyError, ValueError) as error:
        try:
            refuse(request, company, f"The provider could not be asked: {type(error).__name__}.")
        except ImmediateHttpResponse as answered:
            return answered.response


def _connect(request: HttpRequest, company: Any, sociallogin: SocialLogin) -> NoReturn:
    person = request.user
    if not person.is_authenticated:
        refuse(request, company.id, "Nobody is signed in any more to connect this account with.")
    if sociallogin.is_existing and sociallogin.user.pk != person.pk:
        refuse(request, company.id, "The company account is connected with somebody else.", person=person)
    if not sociallogin.is_existing:
        with transaction.atomic():
            _link(person, company, sociallogin, request, actor=person)
    messages.success(request, gettext("Your account is connected with %(company)s.") % {"company": company.name})
    raise ImmediateHttpResponse(sign_in_steps.see_other(resolve_url("accounts:factors")))


def _new_person(company: Any, sociallogin: SocialLogin, request: HttpRequest) -> Any:
    """An account without a password and without any access, for somebody the provider knows and we did not."""
    wanted = str(sociallogin.claims.get("preferred_username") or "")
    base = re.sub(r"[^\w.@+-]", "", wanted)[:120] or f"{company.id}-{secrets.token_hex(4)}"
    people = get_user_model().objects
    # Never an existing name: that account may be somebody else's.
    name = base if not people.filter(username__iexact=base).exists() else f"{base}-{secrets.token_hex(3)}"
    try:
        with transaction.atomic():
            person = people.create_user(name)
            _link(person, company, sociallogin, request, actor=None)
    except IntegrityError:
        refuse(request, company.id, "Two sign-ins made the same account in the same moment.")
    return person


def _link(person: Any, company: Any, sociallogin: SocialLogin, request: HttpRequest, *, actor: Any) -> None:
    SocialAccount.objects.create(user=person, provider=company.id, uid=sociallogin.account.uid)
    audit.record(
        "person:company:connected",
        actor=actor,
        result="done",
        subject=str(person.subject),
        request=request,
        facts={"company": company.id},
    )


def _texts(value: Any) -> list[str]:
    """A claim that should be a list of texts, as such; one text is a list of one."""
    listed = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [text for text in listed[:MOST_GROUPS] if isinstance(text, str) and 0 < len(text) <= LONGEST_GROUP]
