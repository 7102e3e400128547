"""The OpenID Connect client (OpenID Connect Core 1.0, code flow) over allauth's, stricter in what it believes.

Beyond allauth: only providers of the settings, always a nonce, always the ID token's signature with an allow-list of
algorithms, the issuer compared in discovery, answer (RFC 9207) and token, and every wait and size bounded.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from typing import Any

import jwt
import requests
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

# Asymmetric only: with a shared secret whoever reads our configuration could write ID tokens.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
CLOCK_SKEW = 60  # seconds between our clock and the provider's
OLDEST_TOKEN = 600  # seconds since an ID token was made
DISCOVERY_LIFE = 300  # seconds that the provider's description and keys are kept
CONNECT_DEADLINE = 3.0  # seconds
ANSWER_DEADLINE = 8.0  # seconds for a whole answer
LARGEST_ANSWER = 256 * 1024  # bytes

_kept: dict[str, tuple[float, dict[str, Any]]] = {}  # by address, one or two for each provider of the settings


class CompanyError(OAuth2Error):
    """The provider's answer was not believed; the message is a sentence of ours and holds nothing of the answer."""


class BoundedSession(requests.Session):
    """Requests to a provider: no redirect is followed, an answer has its time and its size."""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        kwargs |= {"timeout": (CONNECT_DEADLINE, ANSWER_DEADLINE), "allow_redirects": False, "stream": True}
        end = time.monotonic() + ANSWER_DEADLINE
        response = super().request(method, url, *args, **kwargs)
        body = bytearray()
        for piece in response.iter_content(16 * 1024):
            body += piece
            if len(body) > LARGEST_ANSWER or time.monotonic() > end:
                response.close()
                raise requests.RequestException("The provider's answer is too long or too slow.")
        response._content = bytes(body)  # noqa: SLF001 - how requests itself keeps a body that was read
        return response


def configured_apps() -> list[SocialApp]:
    """The providers of the settings as allauth knows them; never stored."""
    return [
        SocialApp(
            provider=OpenIDConnectProvider.id,
            provider_id=company.id,
            name=company.name,
            client_id=company.client_id,
            secret=company.secret,
            settings={"server_url": company.issuer.rstrip("/"), "oauth_pkce_enabled": True, "scope": company.scopes},
        )
        for company in settings.COMPANY_SIGN_ON
    ]


def company_named(name: str) -> Any:
    """The settings' provider of this id, or None."""
    return next((company for company in settings.COMPANY_SIGN_ON if company.id == name), None)


class CompanyOAuth2Adapter(OpenIDConnectOAuth2Adapter):
    """``state`` is what was kept when the browser was sent to the provider; the callback sets it."""

    state: dict[str, Any]

    def get_provider(self) -> CompanyProvider:
        return CompanyProvider(self.request, get_adapter().get_app(self.request, self.provider_id))

    @property
    def openid_config(self) -> dict[str, Any]:
        config = _fetch(self.get_provider().server_url)
        issuer = company_named(self.provider_id).issuer
        if config.get("issuer") != issuer:  # OpenID Connect Discovery 1.0, 4.3
            raise CompanyError("The provider's description is another issuer's.")
        return config

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        # From the settings, not from the request's Host: this address must be exactly the registered one.
        return settings.PUBLIC_URL + reverse("accounts:company-callback", args=[self.provider_id])

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any) -> Any:
        claims = self._verified_claims(app, kwargs["response"])
        login = self.get_provider().sociallogin_from_response(request, {"id_token": claims})
        login.claims = self._with_groups(claims, token.token)
        return login

    def _verified_claims(self, app: SocialApp, answer: dict[str, Any]) -> dict[str, Any]:
        """The ID token's claims after all of OpenID Connect Core, 3.1.3.7."""
        text = answer.get("id_token")
        if not isinstance(text, str):
            raise CompanyError("The provider gave no ID token.")
        try:
            claims: dict[str, Any] = jwt.decode(
                text,
                self._key_of(text),
                algorithms=ALGORITHMS,
                audience=app.client_id,
                issuer=self.openid_config["issuer"],
                leeway=CLOCK_SKEW,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except (jwt.PyJWTError, ValueError, KeyError) as error:
            raise CompanyError(f"The ID token was refused: {type(error).__name__}.") from error
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else app.client_id) != app.client_id:
            raise CompanyError("The ID token was made for another client.")
        if time.time() - claims["iat"] > OLDEST_TOKEN + CLOCK_SKEW:
            raise CompanyError("The ID token is too old.")
        nonce = self.state.get("nonce") or ""
        if not nonce or not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise CompanyError("The ID token answers another question: its nonce is not ours.")
        return claims

    def _key_of(self, token: str) -> jwt.PyJWK:
        address, wanted = self.openid_config["jwks_uri"], jwt.get_unverified_header(token).get("kid")
        found = _choose_key(_fetch(address), wanted)
        if found is None:  # a new key since we looked
            _kept.pop(address, None)
            found = _choose_key(_fetch(address), wanted)
        if found is None:
            raise CompanyError("The ID token is signed with a key that the provider does not publish.")
        return found

    def _with_groups(self, claims: dict[str, Any], access_token: str) -> dict[str, Any]:
        """Claims with the groups from the userinfo endpoint when the ID token has none (OpenID Connect Core, 5.3.2)."""
        wanted = company_named(self.provider_id).groups_claim
        address = self.openid_config.get("userinfo_endpoint")
        if wanted in claims or not address:
            return claims
        more = _get_json(address, headers={"Authorization": f"Bearer {access_token}"})
        if more.get("sub") != claims["sub"]:
            raise CompanyError("The provider told about somebody else.")
        return {**more, **claims}


class CompanyProvider(OpenIDConnectProvider):
    oauth2_adapter_class = CompanyOAuth2Adapter

    def extract_extra_data(self, data: Any) -> dict[str, Any]:
        return {}  # nothing of the person's profile is kept with the link


def _fetch(address: str) -> dict[str, Any]:
    """A provider's description or keys, kept for five minutes."""
    kept = _kept.get(address)
    if kept is not None and 0 <= time.monotonic() - kept[0] < DISCOVERY_LIFE:
        return kept[1]
    answer = _get_json(address)
    _kept[address] = (time.monotonic(), answer)
    return answer


def _get_json(address: str, **kwargs: Any) -> dict[str, Any]:
    with get_adapter().get_requests_session() as session:
        response = session.get(address, **kwargs)
        response.raise_for_status()
        answer = response.json()
    if response.status_code != requests.codes.ok or not isinstance(answer, dict):
        raise CompanyError("The provider's answer is not what was asked for.")
    return answer


def _choose_key(keys: dict[str, Any], wanted: str | None) -> jwt.PyJWK | None:
    usable = [key for key in jwt.PyJWKSet.from_dict(keys).keys if key.public_key_use in {None, "sig"}]
    if wanted is None and len(usable) == 1:
        return usable[0]
    fits: Callable[[jwt.PyJWK], bool] = lambda key: wanted is not None and key.key_id == wanted  # noqa: E731
    return next(filter(fits, usable), None)
