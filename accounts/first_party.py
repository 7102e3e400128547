"""First-party access tokens: the authorization server's rows that say "this person, this site, these scopes, now".

They never leave the server. The row is what matters, for it can be seen, counted and ended in the admin; its value
is thrown away before it is stored, so there is nothing to steal and nothing that any endpoint would accept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.hashers import make_password
from oauth2_provider.models import AccessToken, Application

from relay_bridge.contract.scopes import SCOPES, format_scopes

CLIENT_ID = "sightline-hmi"
APPLICATION_NAME = "Sightline HMI"
# Not one of the toolkit's grant types, so its endpoints can never issue anything for this application.
GRANT_TYPE = "first-party"
ACCESS_LIFE = 300  # seconds; renewed while session and grant live
KEEP_EXPIRED = 3600  # seconds that an expired row stays visible in the admin
CLEANUP_INTERVAL = 600  # seconds between two cleanups by one process
CLEANUP_BATCH = 1000  # rows of one cleanup, so that it never holds the database for long

_last_cleanup = 0.0


class AccessRefused(Exception):  # noqa: N818 - a decision, not a fault
    """No access token was opened; the message says why."""


def first_party_application() -> Application:
    """The application *Sightline HMI*, made when it is first needed. Nobody knows its secret, not even the server."""
    application, _ = Application.objects.get_or_create(
        client_id=CLIENT_ID,
        defaults={
            "name": APPLICATION_NAME,
            "client_type": Application.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": GRANT_TYPE,
            "client_secret": make_password(None),  # an unusable hash
            "redirect_uris": "",
        },
    )
    return application


def open_access_token(
    user: Any, *, resource: str, scopes: Iterable[str], now: float, until: dt.datetime | float | None = None
) -> AccessToken:
    """Store a token of exactly ``scopes`` for one site; it ends after 300 s, and never after ``until``.

    ``resource`` is the site's URI (RFC 8707); ``now`` in seconds since the epoch; ``until``, the end of grant or
    session, as an aware datetime or in seconds. `AccessRefused` when the person may not sign in, a scope is unknown,
    there is none, or ``until`` has come.
    """
    wanted = frozenset(scopes)
    unknown = sorted(wanted - SCOPES.keys())
    if unknown:
        raise AccessRefused(f"{unknown[0]!r} is not in the closed list of scopes.")
    if not wanted:
        raise AccessRefused("An access token needs at least one scope.")
    if not resource:
        # The toolkit reads an empty resource as "any site": the one value that must never be stored.
        raise AccessRefused("An access token must name its site.")
    if not user.is_active:
        raise AccessRefused("This account is closed.")
    end = now + ACCESS_LIFE
    if until is not None:
        end = min(end, until.timestamp() if isinstance(until, dt.datetime) else until)
    if end <= now:
        raise AccessRefused("This access has ended.")
    _clean_up_now_and_then(now)
    return AccessToken.objects.create(
        user=user,
        application=first_party_application(),
        token="",
        token_checksum=hashlib.sha256(secrets.token_bytes(32)).hexdigest(),
        expires=dt.datetime.fromtimestamp(end, tz=dt.UTC),
        scope=format_scopes(wanted),
        resource=[resource],
    )


def end_access_token(row: AccessToken) -> bool:
    """Delete the row: nothing more is minted from it. False when it was gone already."""
    deleted, _ = AccessToken.objects.filter(pk=row.pk).delete()
    return bool(deleted)


def end_access_of(user: Any) -> int:
    """End every first-party access token of a person; returns how many there were."""
    rows = AccessToken.objects.filter(user=user, application__client_id=CLIENT_ID)
    count = rows.count()
    rows.delete()
    return count


def delete_expired(now: float) -> int:
    """Delete first-party rows that expired more than an hour ago, at most 1000; returns how many."""
    old = dt.datetime.fromtimestamp(now - KEEP_EXPIRED, tz=dt.UTC)
    keys = AccessToken.objects.filter(application__client_id=CLIENT_ID, expires__lt=old).values_list("pk", flat=True)
    batch = list(keys[:CLEANUP_BATCH])
    AccessToken.objects.filter(pk__in=batch).delete()
    return len(batch)


def _clean_up_now_and_then(now: float) -> None:
    """Rows are only ever added by opening one, so opening is the time to look for old ones."""
    global _last_cleanup  # noqa: PLW0603 - a process-wide "when", nothing more
    if abs(now - _last_cleanup) >= CLEANUP_INTERVAL:
        _last_cleanup = now
        delete_expired(now)
