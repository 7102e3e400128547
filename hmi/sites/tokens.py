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
from django.utils.translation import gettext

from accounts import audit
from accounts.assurance import Assurance
from accounts.first_party import AccessRefused, end_access_token, open_access_token
from accounts.issuer import MintRefused, Proof, SigningKeyError, mint_site_token
from accounts.issuer.proof import proof_of, session_assurance
from hmi.sites.access import SiteAccess, access_under, opens_anything, still_live
from hmi.sites.errors import AccessEnded, SiteRefused
from hmi.sites.grants import Grant
from hmi.sites.identity import own_thumbprint
from hmi.sites.models import SiteAccessToken
from relay_bridge.contract.authorization_details import WriteDetail
from relay_bridge.contract.scopes import SCOPES, WRITE_SCOPES, format_scopes
from relay_bridge.contract.tokens import READ_LIFE

ENOUGH_LIFE = 90  # seconds an access token must still have to be used again; below it a new one is opened


def access_token_for(access: SiteAccess, now: float | None = None) -> Any:
    """The AccessToken row for ``access``, the stored one or a new one; ``now`` in seconds since the epoch.

    Looks at the grant and the session as they are now, so an access kept too long opens nothing: ``AccessEnded``.
    """
    now = time.time() if now is None else now
    grant = _live_grant(access, now)
    _assurance(access, now)
    return _row_for(access, grant, now)


def site_token_for(
    access: SiteAccess,
    scopes: Iterable[str],
    life: int = READ_LIFE,
    now: float | None = None,
    *,
    write: WriteDetail | None = None,
) -> str:
    """A site token for ``access``, narrowed to ``scopes``, bound to the web app's inner certificate.

    ``life`` in seconds. ``write``: the one change that a write scope is asked for. Raises ``AccessEnded`` when the
    grant no longer holds, ``SiteRefused`` when it never held this; that stands in the audit trail.
    """
    now = time.time() if now is None else now
    wanted = frozenset(scopes)
    grant = _live_grant(access, now)
    assurance = _assurance(access, now)
    writes = bool(wanted & WRITE_SCOPES)
    row = _row_for(access, grant, now)
    try:
        return mint_site_token(
            row,
            grant_id=str(access.grant_id),
            grant_epoch=access.grant_epoch,
            audience=access.site.audience,
            scopes=wanted,
            client_thumbprint=own_thumbprint(),
            proof=Proof(access.auth_time) if assurance is None else proof_of(assurance, now, writes=writes),
            life=life,
            now=now,
            write=write,
        )
    except MintRefused as error:
        _note_refusal(grant, wanted, error)
        raise SiteRefused("auth", error.reason) from error
    except SigningKeyError as error:
        raise SiteRefused("internal", str(error)) from error


def renew_open_tokens(accesses: Iterable[SiteAccess], now: float | None = None) -> int:
    """Renew the access tokens of pages that are open, as far as they run out soon; answers how many.

    Only those that exist: one that somebody ended is not opened again behind a page that is just being closed.
    """
    now = time.time() if now is None else now
    open_ones = {(access.grant_id, access.session_key): access for access in accesses}
    soon = dt.datetime.fromtimestamp(now + ENOUGH_LIFE, tz=dt.UTC)
    due = SiteAccessToken.objects.filter(
        grant_id__in={grant_id for grant_id, _ in open_ones}, token__expires__lt=soon
    ).values_list("grant_id", "session_key")
    renewed = 0
    for access in [open_ones[key] for key in due if key in open_ones]:
        try:
            access_token_for(access, now)
        except AccessEnded:
            continue  # its page is about to be closed by those who look after that
        renewed += 1
    return renewed


aaccess_token_for = database_sync_to_async(access_token_for)
asite_token_for = database_sync_to_async(site_token_for)


def _live_grant(access: SiteAccess, now: float) -> Grant:
    moment = dt.datetime.fromtimestamp(now, tz=dt.UTC)
    grant = Grant.objects.live(moment).select_related("user", "role", "site").filter(pk=access.grant_id).first()
    if grant is None or not opens_anything(grant) or access_under(grant).key != access.key:
        ended = still_live([access.key], moment, to_people=True)
        raise AccessEnded(ended.get(access.key) or gettext("Your access to this site ended."))
    return grant


def _assurance(access: SiteAccess, now: float) -> Assurance | None:
    """What the signed-in session is worth; None where there is none (a command, a test)."""
    if not access.session_key:
        return None
    assurance = session_assurance(access.session_key, now)
    if assurance is None:
        raise AccessEnded("You were signed out.")
    return assurance


def _row_for(access: SiteAccess, grant: Grant, now: float) -> Any:
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
        _note_opening(grant)
        return row
    if link.token.expires.timestamp() <= now:
        _note_opening(grant)  # nobody had the site open any more; a renewal in time is no opening
    old, link.token = link.token, row
    link.save(update_fields=["token"])
    # The old row goes at once: unlinked, no revocation would find it any more.
    end_access_token(old)
    return row


def _note_opening(grant: Grant) -> None:
    audit.try_record(
        "token:access:opened",
        actor=grant.user,
        result="done",
        site_id=grant.site_id,
        site=grant.site.slug,
        subject=grant.role.name,
        facts={"grant": str(grant.pk), "epoch": str(grant.epoch), "scope": format_scopes(grant.scopes)},
    )


def _note_refusal(grant: Grant, scopes: frozenset[str], refusal: MintRefused) -> None:
    known = frozenset(scope for scope in scopes if scope in SCOPES)  # the trail takes no words from elsewhere
    audit.try_record(
        "token:site:refused",
        actor=grant.user,
        result="refused",
        site_id=grant.site_id,
        site=grant.site.slug,
        subject=grant.role.name,
        reason=refusal.reason,
        facts={"kind": refusal.code, "grant": str(grant.pk), "scope": format_scopes(known)},
    )


def _end(access: SiteAccess, grant: Grant) -> float:
    """When the last token under this access ends: with the grant, or with the session's absolute limit."""
    end = grant.valid_until.timestamp()
    if access.session_key and access.auth_time:
        end = min(end, access.auth_time + settings.SESSION_COOKIE_AGE)
    return end
