"""django-oauth-toolkit's rules, made stricter: each code and token belongs to one person's live grant at one site.

The toolkit takes a token without a ``resource`` as good for everything, and does not ask whether this person may go to
that site. Here both are refused, at authorization, at the token endpoint and at each refresh (RFC 8707, RFC 9700).
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django.db import transaction
from django.utils import timezone
from oauth2_provider.models import Grant, RefreshToken
from oauthlib.oauth2.rfc6749 import errors

from accounts import audit
from accounts.oauth import authorizations
from accounts.oauth.authorizations import checksum, why_closed
from accounts.oauth.client_checks import KnownClients
from accounts.oauth.clients import DEVICE
from accounts.oauth.models import AuthorizedToken, DeviceRequest, SiteAuthorization
from accounts.oauth.targets import named_resources, narrow, one_resource, place_of, refuse_target
from accounts.oauth_scopes import offered_scopes
from relay_bridge.contract.scopes import format_scopes

How = SiteAuthorization.How
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")  # RFC 7636, 4.2: base64url of a SHA-256


class _UsedBefore(Exception):  # noqa: N818 - an event: this code or refresh token was used by somebody else a moment ago
    pass


class SiteBoundValidator(KnownClients):
    """``OAUTH2_PROVIDER["OAUTH2_VALIDATOR_CLASS"]``. ``request`` is oauthlib's; it gets ``site_authorization``."""

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        if not super().validate_grant_type(client_id, grant_type, client, request, *args, **kwargs):
            return False
        if grant_type == DEVICE:
            self._take_device(request)
        return True

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Named, offered, and at least one."""
        return bool(scopes) and super().validate_scopes(client_id, scopes, client, request, *args, **kwargs)

    def validate_user(self, username: str, password: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Nobody: the toolkit tries the password before it looks whether the password grant is allowed at all."""
        return False

    def validate_bearer_token(self, token: str, scopes: Any, request: Any) -> bool:
        """Never by this door: it accepts any token at any site. The API asks accounts.oauth.presented."""
        return False

    # --- authorization code --------------------------------------------------------------------------------

    @transaction.atomic
    def _create_authorization_code(self, request: Any, code: dict[str, str], expires: dt.datetime | None = None) -> Any:
        method, challenge = request.code_challenge_method, request.code_challenge or ""
        if method != "S256" or not _CHALLENGE.match(challenge):
            raise errors.InvalidRequestError(
                description="PKCE with the method S256 is required (RFC 7636).", request=request
            )
        place = place_of(request.user, one_resource(request), request, getattr(request, "browser_session", None))
        scopes = narrow(request.scopes, place, request.client, request)
        request.scopes, request.resource = format_scopes(scopes).split(), [place.resource]
        # The row knows the code by its digest only, as it does tokens: whoever reads the database redeems nothing.
        grant = super()._create_authorization_code(request, {**code, "code": checksum(code["code"])}, expires)
        authorization = authorizations.begin(
            place,
            user=request.user,
            application=request.client,
            scopes=scopes,
            how=How.CODE,
            now=timezone.now(),
            code=code["code"],
        )
        _record(
            "token:oauth:consented", authorization, facts={"scope": authorization.scope, "until": _iso(authorization)}
        )
        return grant

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        digest = checksum(code)
        authorization = (
            SiteAuthorization.objects.select_related("user", "application")
            .filter(code_checksum=digest, application=client, how=How.CODE)
            .first()
        )
        valid = super().validate_code(client_id, digest, client, request, *args, **kwargs)
        # Kept for the questions below: the toolkit reads the row anew for each, and fails when it is gone by then.
        request.code_row = Grant.objects.filter(code=digest, application=client).first()
        if not valid or request.code_row is None:
            was_used = SiteAuthorization.objects.filter(
                code_checksum=digest, application=client, redeemed_at__isnull=False
            )
            if authorization is not None and was_used.exists():
                # RFC 6749, 4.1.2: a code that comes twice was stolen by one of the two.
                authorizations.end(authorization, "Its code was used a second time.", tag="token:oauth:reused")
            return False
        return self._use(authorization, request)

    def get_code_challenge(self, code: str, request: Any) -> str | None:
        return request.code_row.code_challenge or None

    def get_code_challenge_method(self, code: str, request: Any) -> str | None:
        return request.code_row.code_challenge_method or None

    def confirm_redirect_uri(
        self, client_id: str, code: str, redirect_uri: str, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        return request.code_row.redirect_uri_allowed(redirect_uri)

    def invalidate_authorization_code(self, client_id: str, code: str, request: Any, *args: Any, **kwargs: Any) -> None:
        """Done with the token, in one transaction: two requests with one code cannot both get one."""

    # --- refresh -------------------------------------------------------------------------------------------

    def validate_refresh_token(self, refresh_token: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Rotated, bound to its client, and only while its grant holds. A second use ends the whole family."""
        valid = super().validate_refresh_token(refresh_token, client, request, *args, **kwargs)
        row = RefreshToken.objects.filter(token_checksum=checksum(refresh_token)).order_by("revoked").last()
        authorization = None
        if row is not None and row.token_family is not None:
            authorization = (
                SiteAuthorization.objects.select_related("user", "application").filter(pk=row.token_family).first()
            )
        if not valid:
            if row is not None and row.revoked is not None and authorization is not None:
                authorizations.end(authorization, "A refresh token was used a second time.", tag="token:oauth:reused")
            return False
        return self._use(authorization, request)

    # --- devices -------------------------------------------------------------------------------------------

    def _take_device(self, request: Any) -> None:
        """The request that a person approved becomes the token's person, scopes and authorization."""
        device = (
            DeviceRequest.objects.select_related("authorization__user", "authorization__application")
            .filter(device_checksum=checksum(request.device_code or ""), application=request.client)
            .first()
        )
        if device is None or device.state != DeviceRequest.State.APPROVED or device.authorization is None:
            raise errors.InvalidGrantError(request=request)
        if timezone.now() >= device.expires:
            raise errors.InvalidGrantError(request=request)
        if not self._use(device.authorization, request):
            raise errors.InvalidGrantError(request=request)
        request.device_request = device
        request.user = device.authorization.user
        request.scopes = device.authorization.scope.split()

    # --- tokens --------------------------------------------------------------------------------------------

    def save_bearer_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().save_bearer_token(token, request, *args, **kwargs)
        except _UsedBefore:
            # Outside the transaction that it rolled back.
            reason = "A code or refresh token was used twice at the same moment."
            authorizations.end(request.site_authorization, reason, tag="token:oauth:reused")
            raise errors.InvalidGrantError(request=request) from None

    def _save_bearer_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        """Inside the toolkit's transaction: spend what was shown, cut to the grant, store, link, record."""
        now = timezone.now()
        self._spend(request, now)
        authorization: SiteAuthorization = request.site_authorization
        scopes = frozenset(token.get("scope", "").split()) & authorization.scopes
        if not scopes:
            raise errors.InvalidScopeError(request=request)
        left = int((authorization.ends_at - now).total_seconds())
        if left < 1:
            raise errors.InvalidGrantError(request=request)
        token["scope"] = format_scopes(scopes)
        token["expires_in"] = min(token["expires_in"], left)
        request.resource = [authorization.resource]
        super()._save_bearer_token(token, request, *args, **kwargs)
        if authorization.redeemed_at is None:
            SiteAuthorization.objects.filter(pk=authorization.pk).update(redeemed_at=now)
        _record(
            "token:oauth:issued",
            authorization,
            facts={"scope": token["scope"], "grant_type": request.grant_type, "seconds": str(token["expires_in"])},
        )

    def _spend(self, request: Any, now: dt.datetime) -> None:
        """What bought this token buys nothing more."""
        if request.grant_type == "authorization_code":
            if not Grant.objects.filter(code=checksum(request.code), application=request.client).delete()[0]:
                raise _UsedBefore
        elif request.grant_type == "refresh_token":
            row = RefreshToken.objects.select_for_update().get(pk=request.refresh_token_instance.pk)
            if row.revoked is not None:
                raise _UsedBefore
        elif request.grant_type == DEVICE:
            approved = DeviceRequest.objects.filter(pk=request.device_request.pk, state=DeviceRequest.State.APPROVED)
            if not approved.update(state=DeviceRequest.State.USED):
                raise errors.InvalidGrantError(request=request)
        elif request.grant_type == "client_credentials":
            self._open_for_service(request, now)
        else:
            raise errors.UnsupportedGrantTypeError(request=request)

    def _open_for_service(self, request: Any, now: dt.datetime) -> None:
        """One authorization for each client and grant: a program asks every five minutes."""
        account = request.client.user
        place = place_of(account, one_resource(request), request)
        scopes = narrow(request.scopes, place, request.client, request)
        held = frozenset(offered_scopes(request.client)) & place.scopes
        key = place.key
        authorization = (
            SiteAuthorization.objects.select_related("user", "application")
            .filter(
                application=request.client, user=account, how=How.CLIENT, ended_at=None, resource=place.resource,
                grant_id=key.grant_id, grant_epoch=key.epoch, rights=key.rights, scope=format_scopes(held),
            )
            .first()
        )  # fmt: skip
        request.site_authorization = authorization or authorizations.begin(
            place, user=account, application=request.client, scopes=held, how=How.CLIENT, now=now
        )
        request.scopes = format_scopes(scopes).split()

    def _check_and_set_request_resource(self, request: Any) -> None:
        """Settled already: the authorization's site, and only that."""

    def _create_access_token(self, expires: Any, request: Any, token: Any, source_refresh_token: Any = None) -> Any:
        authorization = request.site_authorization
        request.user = authorization.user
        row = super()._create_access_token(expires, request, token, source_refresh_token)
        AuthorizedToken.objects.create(token=row, authorization=authorization)
        return row

    def _create_refresh_token(self, request: Any, code: str, access_token: Any, previous: Any) -> Any:
        row = super()._create_refresh_token(request, code, access_token, previous)
        row.token_family = request.site_authorization.pk
        row.save(update_fields=["token_family"])
        return row

    def revoke_token(self, token: str, token_type_hint: str, request: Any, *args: Any, **kwargs: Any) -> None:
        """RFC 7009: either token ends all of its authorization, if it is this client's own."""
        digest, client = checksum(token), request.client
        families = list(
            RefreshToken.objects.filter(token_checksum=digest, application=client).values_list(
                "token_family", flat=True
            )
        )
        families += AuthorizedToken.objects.filter(token__token_checksum=digest, token__application=client).values_list(
            "authorization_id", flat=True
        )
        super().revoke_token(token, token_type_hint, request, *args, **kwargs)
        for row in SiteAuthorization.objects.filter(pk__in=families).select_related("application", "user"):
            if row.how != How.CLIENT:  # a program gives back one token; its service account stays
                authorizations.end(row, "The application gave it back.", tag="token:oauth:revoked")

    # --- shared --------------------------------------------------------------------------------------------

    def _use(self, authorization: SiteAuthorization | None, request: Any) -> bool:
        """Whether tokens may come from ``authorization`` now; ends it when its grant no longer holds."""
        if authorization is None or not authorization.user.is_active:
            return False
        named = named_resources(request)
        if named and named != [authorization.resource]:
            refuse_target(request)
        reason = why_closed(authorization, timezone.now())
        if reason:
            authorizations.end(authorization, reason)
            return False
        request.site_authorization = authorization
        return True


def _iso(authorization: SiteAuthorization) -> str:
    return authorization.ends_at.isoformat(timespec="seconds")


def _record(tag: str, authorization: SiteAuthorization, *, facts: dict[str, str]) -> None:
    audit.record(
        tag,
        actor=authorization.user,
        result="done",
        site_id=authorization.site_id,
        site=authorization.site_slug,
        subject=authorization.application.client_id,
        facts={**facts, "authorization": str(authorization.pk)},
    )
