"""A bearer token that somebody shows: whose it is, for which site and scopes. The caller asks for its grant."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from accounts.oauth.authorizations import checksum
from accounts.oauth.clients import kind_of
from accounts.oauth.models import AuthorizedToken

MAX_TOKEN = 200  # characters; ours have 30
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)\Z")  # RFC 6750, 2.1


def read_bearer(header: str) -> str | None:
    """The token in an Authorization header; None when the header is missing or says something else."""
    match = _BEARER.match(header) if len(header) <= MAX_TOKEN + len("Bearer ") else None
    return match.group(1) if match else None


def find_presented(token: str, now: dt.datetime) -> AuthorizedToken | None:
    """The live token with its authorization, person and client, or None.

    None also for first-party tokens and for those the toolkit would take as good for any site: neither is linked to an
    authorization.
    """
    link = (
        AuthorizedToken.objects.select_related("token", "authorization__user", "authorization__application")
        .filter(token__token_checksum=checksum(token), token__expires__gt=now)
        .first()
    )
    if link is None or not link.authorization.is_open(now):
        return None
    row, authorization = link.token, link.authorization
    application: Any = authorization.application
    same = row.user_id == authorization.user_id and row.application_id == authorization.application_id
    if not same or row.resource != [authorization.resource] or not authorization.user.is_active:
        return None
    return link if kind_of(application.client_type, application.authorization_grant_type) else None


def scopes_of(link: AuthorizedToken) -> frozenset[str]:
    """What the token carries, never more than its authorization."""
    return frozenset(link.token.scope.split()) & link.authorization.scopes
