"""From the Authorization header to one person's access to one site; nothing else opens the API, least of all a cookie.

The token names its site and its grant. Both are asked for as they are now, by the rules of the screens
(hmi/sites/access.py), so what ended a second ago opens nothing.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from accounts.audit import AuditUnavailable
from accounts.audit.floods import atry_record_refusal
from accounts.buckets import Buckets
from accounts.oauth import authorizations
from accounts.oauth.metadata import resource_metadata_url
from accounts.oauth.models import AuthorizedToken
from accounts.oauth.presented import find_presented, read_bearer, scopes_of
from accounts.oauth_scopes import offered_scopes
from accounts.sign_in_limits import source_address
from hmi.api.problems import Problem, not_found, too_many
from hmi.sites.access import AccessKey, SiteAccess, access_under, opens_anything, still_live
from hmi.sites.grants import Grant

FAILURES = Buckets(per_minute=30, burst=30)  # requests of one source without a token that holds
UNKNOWN = "It is unknown, or was ended. The person who allowed it sees why under connected applications. Get a new one."
FRESH_COST = 5.0  # a fresh read is work for the plant's own server


@dataclass(frozen=True)
class Caller:
    """``access`` is the grant's own, whole, as the gateway needs it; ``scopes`` what this token may use of it."""

    access: SiteAccess
    scopes: frozenset[str]
    token_id: int
    client_id: str

    def need(self, scope: str) -> None:
        """403 with the scope that is missing (RFC 6750, 3.1), and who can mend it: the client, or whoever grants."""
        if scope not in self.scopes:
            place = f"the role {self.access.role_name} at {self.access.site.name}"
            asking = "Ask for it when you ask for the token; if that is refused, this application may not have it."
            granting = f"It is not in {place}: the person has to ask for access that includes it."
            raise Problem(
                "insufficient-scope",
                403,
                "This token does not hold the scope",
                f"The scope {scope} is needed here. {asking if self.access.allows(scope) else granting}",
                WWW_Authenticate=challenge("insufficient_scope", scope),
            )

    def need_site(self, slug: str) -> None:
        """404 for every other site: a token is for one. ``slug`` may be the site's id as well."""
        if slug not in {self.access.site.slug, str(self.access.site.pk)}:
            raise not_found()


class RateLimits:
    """Per token and per person; made once a process, sized by ``settings.API_REQUESTS_PER_MINUTE``."""

    def __init__(self) -> None:
        rates = settings.API_REQUESTS_PER_MINUTE
        self._tokens = Buckets(rates["token"], max(rates["token"] / 2, FRESH_COST))
        self._people = Buckets(rates["person"], max(rates["person"] / 2, FRESH_COST))

    def take(self, caller: Caller, cost: float = 1.0) -> None:
        """429 when one of the two is empty."""
        wait = self._tokens.take(caller.token_id, cost) or self._people.take(caller.access.user_id, cost)
        if wait:
            raise too_many(wait)


_limits: list[RateLimits] = []


def rate_limits() -> RateLimits:
    if not _limits:
        _limits.append(RateLimits())
    return _limits[0]


def challenge(error: str = "", scope: str = "") -> str:
    """WWW-Authenticate (RFC 6750, 3; RFC 9728, 5.1)."""
    parts = ['Bearer realm="Sightline"', f'resource_metadata="{resource_metadata_url()}"']
    if error:
        parts.insert(1, f'error="{error}"')
    if scope:
        parts.append(f'scope="{scope}"')
    return ", ".join(parts)


async def find_caller(request: HttpRequest) -> Caller:
    """Who asks. 401 without a token that holds, 429 for a source that keeps coming without one."""
    source = source_address(request) or ""
    header = request.headers.get("Authorization", "")
    token = read_bearer(header)
    caller = await _afind(token) if token else ""
    if isinstance(caller, Caller):
        return caller
    wait = FAILURES.take(source)
    if wait:
        raise too_many(wait)
    if header:
        await atry_record_refusal("api:request:refused", request=request, facts={"problem": "invalid-token"})
        raise Problem(
            "invalid-token", 401, "The access token is not valid", caller or UNKNOWN,
            WWW_Authenticate=challenge("invalid_token"),
        )  # fmt: skip
    raise Problem(
        "no-token", 401, "An access token is needed", "Send it as Authorization: Bearer TOKEN, and in no other way.",
        WWW_Authenticate=challenge(),
    )  # fmt: skip


def caller_of(token: str, now: dt.datetime | None = None) -> Caller | None:
    """The access behind ``token`` as it is now; None when any of it is over, and then its tokens end for good."""
    found = _find(token, now or timezone.now())
    return found if isinstance(found, Caller) else None


def _find(token: str, now: dt.datetime) -> Caller | str:
    """The access, or why there is none, for whoever holds the token; empty when nothing is known of it."""
    link = find_presented(token, now)
    if link is None:
        return _why_over(token, now)
    authorization = link.authorization
    key = AccessKey(*authorization.key)
    reason = still_live([key], now).get(key)
    if reason:
        with contextlib.suppress(AuditUnavailable):  # refused in any case; the rows can wait for the trail
            authorizations.end(authorization, reason)
        return f"{reason} Whoever allowed this application has to ask for access again."
    grant = Grant.objects.live(now).select_related("user", "role", "site").filter(pk=key.grant_id).first()
    if grant is None or not opens_anything(grant):
        return ""
    access = access_under(grant)
    same: Any = (access.user_id, access.site.audience, access.key)
    if same != (authorization.user_id, authorization.resource, key):
        return ""
    scopes = scopes_of(link) & access.scopes & frozenset(offered_scopes(authorization.application))
    return Caller(access, scopes, link.token_id, authorization.application.client_id)


def _why_over(token: str, now: dt.datetime) -> str:
    """Of a token that is still stored: that its time is over. One that was ended is not stored any more."""
    expired = AuthorizedToken.objects.filter(token__token_checksum=authorizations.checksum(token))
    moment = expired.filter(token__expires__lte=now).values_list("token__expires", flat=True).first()
    if moment is None:
        return ""
    at = f"{moment:%H:%M}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M}"
    return f"It expired at {at} UTC. Get a new one with the refresh token."


@database_sync_to_async
def _afind(token: str) -> Caller | str:
    return _find(token, timezone.now())
