"""From an access to the tokens under it: the first-party access token, and the site tokens minted from that.

    live grant ── access_token_for ──► AccessToken row (5 min, role's scopes, resource = the site)
                                         └── site_token_for ──► signed site token (minutes, narrowed)

All of it is synchronous database work: on the event loop use the twins in front of which an ``a`` stands.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.first_party import AccessRefused, end_access_token, open_access_token
from accounts.issuer import MintRefused, SigningKeyError, mint_site_token
from accounts.sessions import session_is_live
from hmi.sites.access import SiteAccess, access_under, opens_anything, still_live
from hmi.sites.errors import AccessEnded, SiteRefused
from hmi.sites.grants import Grant
from hmi.sites.identity import own_thumbprint
from hmi.sites.models import SiteAccessToken
from relay_bridge.contract.scopes import format_scopes
from relay_bridge.contract.tokens import READ_LIFE

ENOUGH_LIFE = 90  # seconds an access token must still have to be used again; below it a new one is opened


def access_token_for(access: SiteAccess, now: float | None = None) -> Any:
    """The AccessToken row for ``access``, the stored one or a new one; ``now`` in seconds since the epoch.

    Looks at the grant and the session as they are now, so an access kept too long opens nothing: ``AccessEnded``.
    """
    now = time.time() if now is None else now
    grant = _live_grant(access, now)
    if access.session_key and not session_is_live(access.session_key, now):
        raise AccessEnded("You were signed out.")
    row = _stored(access, grant, now)
    if row is not None:
        return row
    try:
        return _open(access, grant, now)
    except IntegrityError:  # another thread opened one in the same moment
        row = _stored(access, grant, now)
        if row is None:
            raise
        return row
    except AccessRefused as error:
        raise AccessEnded(str(error)) from error


def site_token_for(access: SiteAccess, scopes: Iterable[str], life: int = READ_LIFE, now: float | None = None) -> str:
    """A site token for ``access``, narrowed to ``scopes``, bound to the web app's inner certificate.

    ``life`` in seconds. Raises ``AccessEnded`` when the grant no longer holds, ``SiteRefused`` when it never held this.
    """
    now = time.time() if now is None else now
    row = access_token_for(access, now)
    try:
        return mint_site_token(
            row,
            grant_id=str(access.grant_id),
            grant_epoch=access.grant_epoch,
            audience=access.site.audience,
            scopes=frozenset(scopes),
            client_thumbprint=own_thumbprint(),
            auth_time=access.auth_time,
            life=life,
            now=now,
        )
    except MintRefused as error:
        raise SiteRefused("auth", error.reason) from error
    except SigningKeyError as error:
        raise SiteRefused("internal", str(error)) from error


aaccess_token_for = database_sync_to_async(access_token_for)
asite_token_for = database_sync_to_async(site_token_for)


def _live_grant(access: SiteAccess, now: float) -> Grant:
    moment = dt.datetime.fromtimestamp(now, tz=dt.UTC)
    grant = Grant.objects.live(moment).select_related("user", "role", "site").filter(pk=access.grant_id).first()
    if grant is None or not opens_anything(grant) or access_under(grant).key != access.key:
        raise AccessEnded(still_live([access.key], moment).get(access.key, "Your access to this site ended."))
    return grant


def _stored(access: SiteAccess, grant: Grant, now: float) -> Any:
    """The linked row, if it says exactly what a new one would and lives long enough."""
    enough = dt.datetime.fromtimestamp(min(now + ENOUGH_LIFE, _end(access, grant)), tz=dt.UTC)
    link = (
        SiteAccessToken.objects.select_related("token")
        .filter(grant=grant, session_key=access.session_key, token__expires__gte=enough)
        .first()
    )
    if link is None or link.token.scope != format_scopes(grant.scopes) or link.token.resource != [grant.site.audience]:
        return None
    return link.token


@transaction.atomic
def _open(access: SiteAccess, grant: Grant, now: float) -> Any:
    row = open_access_token(
        grant.user, resource=grant.site.audience, scopes=grant.scopes, now=now, until=_end(access, grant)
    )
    link = SiteAccessToken.objects.select_for_update().filter(grant=grant, session_key=access.session_key).first()
    if link is None:
        SiteAccessToken.objects.create(grant=grant, session_key=access.session_key, token=row)
        return row
    old, link.token = link.token, row
    link.save(update_fields=["token"])
    # The old row goes at once: unlinked, no revocation would find it any more.
    end_access_token(old)
    return row


def _end(access: SiteAccess, grant: Grant) -> float:
    """When the last token under this access ends: with the grant, or with the session's absolute limit."""
    end = grant.valid_until.timestamp()
    if access.session_key and access.auth_time:
        end = min(end, access.auth_time + settings.SESSION_COOKIE_AGE)
    return end
