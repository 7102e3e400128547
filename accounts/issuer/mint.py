"""Minting: from a live first-party access token to a site token, the signed statement that opens one site for one use.

RFC 9068 JWT, bound to the web app's inner TLS certificate (RFC 8705, 3.1). Only ever narrower than the access token:
its site, a part of its scopes, no longer than its own end.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import msgspec
from django.conf import settings
from joserfc import jws
from joserfc.jwk import OKPKey
from oauth2_provider.models import AccessToken

from accounts.first_party import CLIENT_ID
from accounts.issuer.keys import ALGORITHM, load_signing_key
from relay_bridge.contract.scopes import SCOPES, WRITE_SCOPES, format_scopes
from relay_bridge.contract.tokens import MAX_LIFE, MAX_TOKEN, TYP, WRITE_LIFE, Confirmation, SiteTokenClaims

JTI_BYTES = 16  # 128 bits of chance
PASSWORD = ("pwd",)  # RFC 8176: how the person signed in; honest, so that a site can ask for more
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}\Z")  # unpadded base64url of 32 bytes


class MintRefused(Exception):  # noqa: N818 - a decision, not a fault
    """No site token. ``reason`` is a sentence for the log and the admin; it holds no secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def mint_site_token(
    access_token: AccessToken,
    *,
    grant_id: str,
    grant_epoch: int,
    audience: str,
    scopes: Iterable[str] | None,
    client_thumbprint: str,
    auth_time: int,
    life: int,
    now: float,
) -> str:
    """Sign a site token, or raise `MintRefused`. Asks the database whether the access token still stands.

    ``scopes`` narrows; None means all the access token has except the write scopes, which must be named.
    ``life`` in seconds: cut to 300, to 30 when a write scope is in it, and to the access token's own end.
    ``client_thumbprint``: ``x5t#S256`` of the certificate that may use the token. ``auth_time`` (0: not
    known) and ``now``: seconds since the epoch. ``grant_epoch``: the site refuses epochs lower than the highest it saw.
    """
    # The row as it is now: the caller's copy may have been ended or edited since it was read.
    row = AccessToken.objects.select_related("user", "application").filter(pk=access_token.pk).first()
    if row is None:
        raise MintRefused("The access token was ended.")
    if row.application is None or row.application.client_id != CLIENT_ID:
        raise MintRefused("The access token does not belong to Sightline HMI.")
    if row.user is None or not row.user.is_active:
        raise MintRefused("The access token belongs to nobody who may sign in.")
    if not audience or row.resource != [audience]:
        # Exactly this one site. An empty list would mean "any" to the toolkit; to us it means none.
        raise MintRefused("The access token is for another site.")
    narrowed = _narrow(row, scopes)
    if not _THUMBPRINT.match(client_thumbprint):
        raise MintRefused("The client certificate's thumbprint is not a SHA-256 in base64url.")
    if not grant_id or grant_epoch < 0:
        raise MintRefused("A site token must name its grant and the grant's epoch.")
    issued = int(now)
    if not 0 <= auth_time <= issued:
        raise MintRefused("The time of sign-in lies in the future.")
    if life < 1:
        raise MintRefused("A site token must live for at least a second.")
    longest = WRITE_LIFE if narrowed & WRITE_SCOPES else MAX_LIFE
    expires = min(issued + min(life, longest), int(row.expires.timestamp()))
    if expires <= issued:
        raise MintRefused("The access token has expired.")
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
        amr=PASSWORD,
        auth_time=auth_time,
    )
    return _sign(claims, _current_key())


def _narrow(row: AccessToken, scopes: Iterable[str] | None) -> frozenset[str]:
    held = frozenset(row.scope.split())
    narrowed = held - WRITE_SCOPES if scopes is None else frozenset(scopes)
    missing = sorted(narrowed - held)
    if missing:
        raise MintRefused(f"The access token does not hold the scope {missing[0]!r}.")
    unknown = sorted(narrowed - SCOPES.keys())
    if unknown:  # somebody wrote it into the row by hand
        raise MintRefused(f"{unknown[0]!r} is not in the closed list of scopes.")
    if not narrowed:
        raise MintRefused("A site token needs at least one scope.")
    return narrowed


def _sign(claims: SiteTokenClaims, key: OKPKey) -> str:
    header = {"typ": TYP, "alg": ALGORITHM, "kid": key.kid}
    token = jws.serialize_compact(header, msgspec.json.encode(claims), key, algorithms=[ALGORITHM])
    if len(token) > MAX_TOKEN:
        raise MintRefused(f"The site token would be longer than {MAX_TOKEN} bytes.")
    return token


def _current_key() -> OKPKey:
    """The key on disk, read again whenever its file changes. `SigningKeyError` travels: it is an operator's matter."""
    path = Path(settings.SIGHTLINE.signing_key)
    try:
        facts = path.stat()
    except OSError:
        return load_signing_key(path)  # says in its own words what is wrong
    return _load_once(path, facts.st_mtime_ns, facts.st_ino, facts.st_mode)


@lru_cache(maxsize=2)
def _load_once(path: Path, modified: int, inode: int, mode: int) -> OKPKey:
    return load_signing_key(path)
