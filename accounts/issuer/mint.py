"""Minting: from a live first-party access token to a site token, the signed statement that opens one site for one use.

RFC 9068 JWT, bound to the web app's inner TLS certificate (RFC 8705, 3.1). Only ever narrower than the access token:
its site, a part of its scopes, no longer than its own end. A token that writes names its one change (RFC 9396).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib.auth import get_user_model
from joserfc import jws
from oauth2_provider.models import AccessToken

from accounts.first_party import CLIENT_ID
from accounts.issuer.key_ring import current_ring
from accounts.issuer.keys import Key, algorithm_of
from relay_bridge.contract.authorization_details import WriteDetail, check_details, check_proof
from relay_bridge.contract.refusals import TokenRefused
from relay_bridge.contract.scopes import SCOPES, WRITE_SCOPES, format_scopes
from relay_bridge.contract.tokens import (
    ACR_PASSWORD,
    MAX_LIFE,
    MAX_TOKEN,
    TYP,
    WRITE_LIFE,
    Confirmation,
    SiteTokenClaims,
)

JTI_BYTES = 16  # 128 bits of chance
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}\Z")  # unpadded base64url of 32 bytes

# Why nothing was minted, as the audit trail says it, besides the rules about writes that both ends keep
# (relay_bridge.contract.refusals).
MINT_REFUSALS: dict[str, str] = {
    "ended": "The access token was ended.",
    "application": "The access token does not belong to Sightline HMI.",
    "person": "The access token belongs to nobody who may sign in.",
    "site": "The access token is for another site.",
    "scope": "The access token does not hold what was asked for.",
    "certificate": "The client certificate's thumbprint is not a SHA-256 in base64url.",
    "grant": "A site token must name its grant and the grant's epoch.",
    "sign-in-time": "The time of sign-in lies in the future.",
    "life": "A site token must live for at least a second.",
    "access-expired": "The access token has expired.",
    "approval": "A change is approved by a second person who may sign in, and never by the one who asks.",
    "size": f"The site token would be longer than {MAX_TOKEN} bytes.",
}


class MintRefused(Exception):  # noqa: N818 - a decision, not a fault
    """No site token. ``code`` from ``MINT_REFUSALS`` or ``TOKEN_REFUSALS``; ``reason`` a sentence without secrets."""

    def __init__(self, code: str, reason: str = "") -> None:
        self.code = code
        self.reason = reason or MINT_REFUSALS[code]
        super().__init__(self.reason)


@dataclass(frozen=True)
class Proof:
    """How and when the person proved to be who they are: ``acr``, ``amr`` (RFC 8176), ``auth_time`` (epoch s, 0: not
    known). What it says goes into the token as it is."""

    auth_time: int = 0
    acr: str = ACR_PASSWORD
    amr: tuple[str, ...] = ("pwd",)


def mint_site_token(
    access_token: AccessToken,
    *,
    grant_id: str,
    grant_epoch: int,
    audience: str,
    scopes: Iterable[str] | None,
    client_thumbprint: str,
    proof: Proof,
    life: int,
    now: float,
    write: WriteDetail | None = None,
) -> str:
    """Sign a site token, or raise `MintRefused`. Asks the database whether the access token still stands.

    ``scopes`` narrows; None means all the access token has except the write scopes, which must be named.
    ``life`` in seconds: cut to 300, to 30 when a write scope is in it, and to the access token's own end.
    ``client_thumbprint``: ``x5t#S256`` of the certificate that may use the token. ``now``: seconds since the epoch.
    ``grant_epoch``: the site refuses epochs lower than the highest it saw. ``write``: the one change that a write scope
    is asked for; without it, or without a second factor shown in the last five minutes, no token is minted that writes.
    """
    # The row as it is now: the caller's copy may have been ended or edited since it was read.
    row = AccessToken.objects.select_related("user", "application").filter(pk=access_token.pk).first()
    if row is None:
        raise MintRefused("ended")
    if row.application is None or row.application.client_id != CLIENT_ID:
        raise MintRefused("application")
    if row.user is None or not row.user.is_active:
        raise MintRefused("person")
    if not audience or row.resource != [audience]:
        # Exactly this one site. An empty list would mean "any" to the toolkit; to us it means none.
        raise MintRefused("site")
    narrowed = _narrow(row, scopes)
    if not _THUMBPRINT.match(client_thumbprint):
        raise MintRefused("certificate")
    if not grant_id or grant_epoch < 0:
        raise MintRefused("grant")
    issued = int(now)
    if not 0 <= proof.auth_time <= issued:
        raise MintRefused("sign-in-time")
    if life < 1:
        raise MintRefused("life")
    longest = WRITE_LIFE if narrowed & WRITE_SCOPES else MAX_LIFE
    expires = min(issued + min(life, longest), int(row.expires.timestamp()))
    if expires <= issued:
        raise MintRefused("access-expired")
    if write is not None and write.approved_by is not None:
        _check_approval(write.approved_by, row.user)
    details = () if write is None else (_named(write),)
    _check_write(narrowed, details, proof, issued, expires)
    claims = SiteTokenClaims(
        iss=settings.SIGHTLINE.issuer,
        aud=audience,
        sub=str(row.user.subject),
        client_id=CLIENT_ID,
        iat=issued,
        nbf=issued,
        exp=expires,
        jti=secrets.token_urlsafe(JTI_BYTES),
        scope=format_scopes(narrowed),
        gid=grant_id,
        gep=grant_epoch,
        cnf=Confirmation(x5t_s256=client_thumbprint),
        acr=proof.acr,
        amr=proof.amr,
        auth_time=proof.auth_time,
        authorization_details=details,
    )
    return _sign(claims, current_ring().signing)


def _check_write(
    scopes: frozenset[str], details: tuple[dict[str, object], ...], proof: Proof, issued: int, expires: int
) -> None:
    """The same rules, from the same file, by which the agent will judge it."""
    try:
        asked = check_details(scopes, details, issued=issued, expires=expires)
        if asked is not None:
            check_proof(proof.acr, proof.auth_time, issued=issued)
    except TokenRefused as refusal:
        raise MintRefused(refusal.code, f"{refusal.reason[:1].upper()}{refusal.reason[1:]}.") from None


def _named(write: WriteDetail) -> dict[str, object]:
    """The change as it stands in the token; of a second person there is a word only where there is one."""
    fields: dict[str, object] = msgspec.to_builtins(write)
    return {name: value for name, value in fields.items() if name != "approved_by" or value is not None}


def _check_approval(approver: str, person: Any) -> None:
    """The agent cannot know people: that the second person exists and is another one is judged here, and there again
    that the two are not the same."""
    try:
        subject = UUID(approver)
    except ValueError:
        raise MintRefused("approval") from None
    people = get_user_model().objects.filter(subject=subject, is_active=True).exclude(pk=person.pk)
    if str(subject) != approver or not people.exists():
        raise MintRefused("approval")


def _narrow(row: AccessToken, scopes: Iterable[str] | None) -> frozenset[str]:
    held = frozenset(row.scope.split())
    narrowed = held - WRITE_SCOPES if scopes is None else frozenset(scopes)
    missing = sorted(narrowed - held)
    if missing:
        raise MintRefused("scope", f"The access token does not hold the scope {missing[0]!r}.")
    unknown = sorted(narrowed - SCOPES.keys())
    if unknown:  # somebody wrote it into the row by hand
        raise MintRefused("scope", f"{unknown[0]!r} is not in the closed list of scopes.")
    if not narrowed:
        raise MintRefused("scope", "A site token needs at least one scope.")
    return narrowed


def _sign(claims: SiteTokenClaims, key: Key) -> str:
    algorithm = algorithm_of(key)
    header = {"typ": TYP, "alg": algorithm, "kid": key.kid}
    token = jws.serialize_compact(header, msgspec.json.encode(claims), key, algorithms=[algorithm])
    if len(token) > MAX_TOKEN:
        raise MintRefused("size")
    return token
