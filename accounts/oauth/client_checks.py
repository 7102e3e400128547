"""Who asks: which clients there are for the toolkit, how they show who they are, and where they are answered."""

from __future__ import annotations

import threading
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.oauth2.rfc6749 import errors

from accounts.oauth.clients import CLIENT_CREDENTIALS, CONFIDENTIAL, is_registered_redirect, kind_of

MAX_CLIENT_ID = 100
CHECK_WAIT = 5.0  # seconds that a program waits for its secret to be checked
_turn = threading.BoundedSemaphore(1)


class KnownClients(OAuth2Validator):
    """The part of the rules that looks at the client alone; ``request`` is oauthlib's."""

    def _load_application(self, client_id: str, request: Any) -> Any:
        """Only the kinds that can be registered exist here; the web app's own application does not."""
        if not isinstance(client_id, str) or len(client_id) > MAX_CLIENT_ID or not client_id.isprintable():
            return None
        application = super()._load_application(client_id, request)
        if application is not None and not kind_of(application.client_type, application.authorization_grant_type):
            request.client = None
            return None
        return application

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Exactly as registered; the toolkit also takes another case, a bare colon and a line feed at the end."""
        return is_registered_redirect(redirect_uri, request.client.redirect_uris.split())

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """As the toolkit does, one at a time: checking a secret is slow on purpose, and people sign in meanwhile.

        503 for whoever waited too long: *invalid_client* would tell a program that its secret is worth nothing.
        """
        if not _turn.acquire(timeout=CHECK_WAIT):
            raise errors.TemporarilyUnavailableError(
                description="Too many programs ask at once. Try again in a moment.", status_code=503, request=request
            )
        try:
            return bool(super().authenticate_client(request, *args, **kwargs))
        finally:
            _turn.release()

    def authenticate_confidential(self, request: Any) -> bool:
        """Whether the client has a secret and showed it.

        The toolkit lets a public client through ``authenticate_client`` that merely says "device flow".
        """
        return self.authenticate_client(request) and request.client.client_type == CONFIDENTIAL

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        if not super().validate_grant_type(client_id, grant_type, client, request, *args, **kwargs):
            return False
        if client.authorization_grant_type == CLIENT_CREDENTIALS:
            # A service account, never a person: whoever can sign in must not be spoken for by a program.
            return client.client_type == CONFIDENTIAL and client.user is not None and _is_service(client.user)
        return True


def _is_service(account: Any) -> bool:
    """Whether nobody signs in with this account: neither a password nor a passkey nor a company opens it."""
    if not account.is_active or account.is_staff or account.is_superuser or account.has_usable_password():
        return False
    return not any(model.objects.filter(user_id=account.pk).exists() for model in (Authenticator, SocialAccount))
