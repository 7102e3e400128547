"""What django-allauth asks of us: who may join, how secrets are stored, and what follows a company's answer.

Its tables and its arithmetic are used (authenticators, company accounts, the OpenID Connect client); its pages are not,
because there is one sign-in with one set of limits. So whatever of it would open a second door says no here.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, NoReturn

import requests
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.http import HttpRequest
from django.utils.encoding import force_bytes

PURPOSE = b"sightline second factors"  # so that these keys serve nothing else that comes from the same secret


class AccountAdapter(DefaultAccountAdapter):
    """People are made by administrators, or by a company sign-on that may make them; nobody signs himself up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """No mail: an address is no way into an account here."""


class FactorAdapter(DefaultMFAAdapter):
    """The secrets of authenticator apps and recovery codes are stored encrypted under the web app's secret.

    A copy of the database alone opens nothing then. When ``SECRET_KEY`` is changed, put the old one into
    ``SECRET_KEY_FALLBACKS``, or everybody must set up a new factor.
    """

    def encrypt(self, text: str) -> str:
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """``UnreadableSecret`` when the row was made under another secret, or altered."""
        try:
            return _fernet().decrypt(encrypted_text.encode()).decode()
        except InvalidToken as error:
            raise UnreadableSecret from error

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """No mail; the audit trail has it."""


class UnreadableSecret(Exception):  # noqa: N818 - a state of a row, not a mistake of the caller
    """A stored factor cannot be read: it was made under another ``SECRET_KEY``. It counts as one that never matches."""


class CompanyAdapter(DefaultSocialAccountAdapter):
    """Company sign-on ends in our own sign-in, never in allauth's."""

    def list_apps(
        self, request: HttpRequest | None, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Only the providers of the settings: a row in the database must not become a way in."""
        from accounts.company_provider import configured_apps  # noqa: PLC0415 - needs loaded models

        return [app for app in configured_apps() if provider in (None, app.provider, app.provider_id)]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> NoReturn:
        """The provider vouched for somebody: go on with our own sign-in instead of allauth's."""
        from accounts.company_sign_on import go_on  # noqa: PLC0415 - needs loaded models

        go_on(request, sociallogin)

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> NoReturn:
        """Whatever went wrong between us and the provider: one neutral sentence, the cause in log and audit."""
        from accounts.company_provider import CompanyError  # noqa: PLC0415 - needs loaded models
        from accounts.company_sign_on import refuse  # noqa: PLC0415 - needs loaded models

        # A library's error may quote the provider's answer, and with it a token: then its name must do.
        ours = isinstance(exception, CompanyError)
        reason = str(exception) if ours else f"{type(exception).__name__ if exception else error}"
        refuse(request, provider.app.provider_id, reason)

    def get_requests_session(self) -> requests.Session:
        from accounts.company_provider import BoundedSession  # noqa: PLC0415 - needs loaded models

        return BoundedSession()

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def can_authenticate_by_email(self, login: SocialLogin, email: str) -> bool:
        return False  # whoever can put an address into a profile would be the person


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(_key(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str | bytes) -> bytes:
    return base64.urlsafe_b64encode(hashlib.blake2b(force_bytes(secret), key=PURPOSE, digest_size=32).digest())
