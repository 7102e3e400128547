"""Beginning, checking and ending a client's access to a site. Everything that ends it ends its tokens with it."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from oauth2_provider.models import AccessToken, Grant, RefreshToken

from accounts import audit
from accounts.oauth.models import AuthorizedToken, DeviceRequest, SiteAuthorization, WrongCode
from accounts.oauth.places import Place, why_ended
from relay_bridge.contract.scopes import format_scopes

logger = logging.getLogger(__name__)

LONGEST = dt.timedelta(hours=12)  # of one consent, a shift; refreshing never makes it longer
CODE_LIFE = dt.timedelta(minutes=10)  # an authorization whose code was never used goes after this
KEEP_ENDED = dt.timedelta(days=30)  # how long an ended one is shown
CLEANUP_BATCH = 500  # rows of one cleanup

How = SiteAuthorization.How


def checksum(secret: str) -> str:
    """SHA-256 in hexadecimal digits: how codes are stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def begin(
    place: Place, *, user: Any, application: Any, scopes: frozenset[str], how: How, now: dt.datetime, code: str = ""
) -> SiteAuthorization:
    """Store a client's access under ``place``'s grant. A service account's own access lasts as long as its grant."""
    clean_up(now)
    end = place.until if how == How.CLIENT else min(place.until, now + LONGEST)
    return SiteAuthorization.objects.create(
        user=user,
        application=application,
        resource=place.resource,
        site_id=place.site_id,
        site_slug=place.slug,
        site_name=place.name,
        grant_id=place.key.grant_id,
        grant_epoch=place.key.epoch,
        rights=place.key.rights,
        scope=format_scopes(scopes),
        how=how,
        code_checksum=checksum(code) if code else "",
        ends_at=end,
    )


def why_closed(authorization: SiteAuthorization, now: dt.datetime) -> str:
    """Why this access is over, in words; empty while it stands. Asks for the grant as it is now."""
    if authorization.ended_at is not None:
        return authorization.ended_because or "It was ended."
    if now >= authorization.ends_at:
        return "Its time is over; ask the person again."
    return why_ended(authorization.key)


def end(authorization: SiteAuthorization, reason: str, *, actor: Any = None, tag: str = "token:oauth:ended") -> bool:
    """End it and every token under it; False when it was over already. ``reason`` in words, for person and audit.

    Taking access away does not wait for the trail: it happens although it cannot be recorded, and the log says so.
    """
    with transaction.atomic():
        row = SiteAuthorization.objects.select_for_update().filter(pk=authorization.pk, ended_at=None)
        if not row.update(ended_at=timezone.now(), ended_because=reason[:200]):
            return False
        RefreshToken.revoke_family(authorization.pk)
        AccessToken.objects.filter(
            pk__in=AuthorizedToken.objects.filter(authorization_id=authorization.pk).values("token_id")
        ).delete()
        audit.try_record(
            tag,
            actor=actor,
            result="done",
            site_id=authorization.site_id,
            site=authorization.site_slug,
            subject=authorization.application.client_id,
            reason=reason,
            facts={"authorization": str(authorization.pk), "person": str(authorization.user.subject)},
        )
    return True


def end_all(reason: str, *, actor: Any = None, **about: Any) -> int:
    """End every open authorization that ``about`` narrows to (``user=person``); answers how many ended."""
    rows = SiteAuthorization.objects.filter(ended_at=None, **about).select_related("application", "user")
    return sum(end(row, reason, actor=actor) for row in rows)


def end_what_no_longer_holds(**about: Any) -> int:
    """End those whose grant is not what it was when they began; answers how many."""
    rows = SiteAuthorization.objects.filter(ended_at=None, **about).select_related("application", "user")
    ended = 0
    for row in rows:
        reason = why_ended(row.key)
        ended += bool(reason) and end(row, reason)
    return ended


def clean_up(now: dt.datetime) -> None:
    """Delete what nobody needs any more. Rows are only added by beginning one, so that is the time for it."""
    old = Q(ended_at__lt=now - KEEP_ENDED) | Q(ends_at__lt=now - KEEP_ENDED)
    unused = Q(redeemed_at=None, created__lt=now - CODE_LIFE)
    _delete(SiteAuthorization.objects.filter(old | unused))
    over = now - LONGEST - dt.timedelta(hours=1)  # no authorization of these stands any more, nor can be reused
    _delete(RefreshToken.objects.filter(created__lt=over))
    _delete(AccessToken.objects.filter(expires__lt=over))
    _delete(Grant.objects.filter(expires__lt=now - CODE_LIFE))
    _delete(DeviceRequest.objects.filter(expires__lt=now - CODE_LIFE))
    _delete(WrongCode.objects.filter(at__lt=now - dt.timedelta(hours=1)))


def _delete(rows: Any) -> None:
    doomed = list(rows.values_list("pk", flat=True)[:CLEANUP_BATCH])
    if doomed:
        rows.model.objects.filter(pk__in=doomed).delete()
