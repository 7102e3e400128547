"""The only way to a site: through the person's own live grant, or not at all.

``get_site_for(request.user, slug, session=request.session)`` answers a ``SiteAccess``, and the same 404 for everything
else: unknown site, disabled site, no grant, ended grant, missing right. Nobody learns which of them it was.
"""

from __future__ import annotations

import hashlib
import logging
import time
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from channels.db import database_sync_to_async
from django.conf import settings
from django.http import Http404
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.factors import session_may_use
from accounts.roles import role_words
from accounts.sessions import SIGNED_IN_AT
from hmi.languages.dates import date_text
from hmi.sites.ended_tokens import ended_since
from hmi.sites.grants import OPENING, SOON, Grant
from hmi.sites.models import Site
from hmi.sites.seal import seal_holds
from relay_bridge.contract.scopes import PROCESS_SCOPES, SCOPES, format_scopes

logger = logging.getLogger(__name__)
NOT_FOUND = "There is no such page."  # one sentence for every refusal: the reason would be a hint


class AccessKey(NamedTuple):
    """What an open page was opened under. When any of the three no longer holds, the page must close."""

    grant_id: UUID
    epoch: int
    rights: str  # digest of the role's scopes


@dataclass(frozen=True)
class SiteAccess:
    """One person's access to one site, under exactly one grant, so that revoking it is exact.

    ``scopes`` are the role's; ``valid_until`` the grant's end; ``auth_time`` when the person signed in (epoch seconds,
    0 when not known); ``session_key`` the signed-in session, empty when there is none (a command, a test).
    """

    site: Site
    grant_id: UUID
    grant_epoch: int
    role_name: str
    scopes: frozenset[str]
    valid_until: datetime
    user_id: int
    session_key: str = ""
    auth_time: int = 0
    opened: float = field(default_factory=time.monotonic, compare=False, repr=False)  # monotonic seconds

    @property
    def token_ended(self) -> bool:
        """Whether its access token was ended by hand since; opened again, it may be good again."""
        return ended_since(self.grant_id, self.session_key, self.opened)

    @property
    def key(self) -> AccessKey:
        return AccessKey(self.grant_id, self.grant_epoch, rights_digest(self.scopes))

    def allows(self, scope: str) -> bool:
        return scope in self.scopes


def get_site_for(user: Any, slug: str, *, scope: str = "status:read", session: Any = None) -> SiteAccess:
    """The access of ``user`` to the site ``slug`` for ``scope``, or ``Http404``.

    Of several grants the one with the most scopes wins, then the one that ends last; rights are never added up.
    ``session`` is the request's or the socket's session: tokens opened under the access end with it.
    """
    for access in _accesses(user, scope, session, slug=slug):
        return access
    raise Http404(NOT_FOUND)


def sites_for(user: Any, *, scope: str = "status:read", session: Any = None) -> list[SiteAccess]:
    """One access for each site at which ``user`` holds ``scope`` (by default: may know of), by the site's name."""
    best: dict[UUID, SiteAccess] = {}
    for access in _accesses(user, scope, session):
        best.setdefault(access.site.id, access)
    return sorted(best.values(), key=lambda access: (access.site.name.casefold(), access.site.slug))


def ending_soon(accesses: Iterable[SiteAccess], now: datetime | None = None) -> dict[str, datetime]:
    """By slug, the end of each access that ends within ``SOON`` and goes on under no other grant. One query at most."""
    now = now or timezone.now()
    soon = {access.site.id: access for access in accesses if access.valid_until - now <= SOON}
    if not soon:
        return {}
    users = {access.user_id for access in soon.values()}
    ends = {access.site.slug: access.valid_until for access in soon.values()}
    others = Grant.objects.filter(
        user_id__in=users, site_id__in=soon, revoked_at__isnull=True, approval__in=OPENING, valid_until__gt=now
    )
    for grant in others.select_related("site"):
        access = soon[grant.site_id]
        if grant.user_id == access.user_id and grant.valid_from <= access.valid_until < grant.valid_until:
            ends.pop(grant.site.slug, None)
    return ends


aending_soon = database_sync_to_async(ending_soon)
aget_site_for = database_sync_to_async(get_site_for)
asites_for = database_sync_to_async(sites_for)


def still_live(
    keys: Iterable[AccessKey], now: datetime | None = None, *, to_people: bool = False
) -> dict[AccessKey, str]:
    """Which of many open accesses have ended, each with the reason in words; those not in the answer are live.

    The words are English, for programs and the log; ``to_people``: each in the language of the person whose access it
    was, which is the one spoken now for whoever chose none.

    One query however many keys: the sweep behind the open pages asks this every second.
    """
    wanted = set(keys)
    if not wanted:
        return {}
    now = now or timezone.now()
    grants = Grant.objects.select_related("user", "role", "site").in_bulk({key.grant_id for key in wanted})
    reasons = {key: _reason_said(key, grants.get(key.grant_id), now, to_people) for key in wanted}
    return {key: reason for key, reason in reasons.items() if reason}


astill_live = database_sync_to_async(still_live)


def opens_anything(grant: Grant) -> bool:
    """Whether a grant counts at all: written by this application, and not process data in a superuser's hands."""
    if not seal_holds(grant):
        logger.error("Grant %s was not written by this application, or was altered: it opens nothing.", grant.pk)
        return False
    return not process_data_denied(grant)


def process_data_denied(grant: Grant) -> bool:
    """Whether the grant would show process data to a superuser, who sees none."""
    return bool(grant.user.is_superuser and grant.scopes & PROCESS_SCOPES)


def widest_first(grants: Iterable[Grant]) -> list[Grant]:
    """The order in which grants count: the most scopes, then the last end. Rights are never added up."""
    return sorted(grants, key=lambda grant: (len(grant.scopes), grant.valid_until), reverse=True)


def access_under(grant: Grant, session: Any = None) -> SiteAccess:
    """The access that ``grant`` gives. Only for a grant that was just found live."""
    return SiteAccess(
        site=grant.site,
        grant_id=grant.pk,
        grant_epoch=grant.epoch,
        role_name=grant.role.name,
        scopes=grant.scopes,
        valid_until=grant.valid_until,
        user_id=grant.user_id,
        session_key=(getattr(session, "session_key", None) or ""),
        auth_time=_auth_time(grant, session),
    )


@lru_cache(maxsize=256)  # there are as many sets of scopes as roles
def rights_digest(scopes: frozenset[str]) -> str:
    return hashlib.sha256(format_scopes(scopes).encode("ascii")).hexdigest()[:16]


def _accesses(user: Any, scope: str, session: Any, **site: str) -> list[SiteAccess]:
    # Always the same single query, whatever is asked for: an unknown site takes as long as a closed one.
    if scope not in SCOPES:
        raise ValueError(f"unknown scope {scope!r}")
    rows = Grant.objects.live().filter(user_id=user.pk, **{f"site__{name}": value for name, value in site.items()})
    grants = [
        grant
        for grant in rows.select_related("user", "role", "site")
        if scope in grant.scopes and opens_anything(grant) and session_may_use(session, grant.role)
    ]
    return [access_under(grant, session) for grant in widest_first(grants)]


def _auth_time(grant: Grant, session: Any) -> int:
    signed_in = session.get(SIGNED_IN_AT) if session is not None else None
    if isinstance(signed_in, int):
        return signed_in
    return int(grant.user.last_login.timestamp()) if grant.user.last_login else 0


def _reason_said(key: AccessKey, grant: Grant | None, now: datetime, to_people: bool) -> str:
    chosen = grant.user.language if grant is not None else ""
    spoken = chosen or translation.get_language() or settings.LANGUAGE_CODE
    with translation.override(spoken if to_people else settings.LANGUAGE_CODE):
        return _reason_ended(key, grant, now)


def _reason_ended(key: AccessKey, grant: Grant | None, now: datetime) -> str:
    """Why an access ended, as the person will read it; empty while it is live."""
    if grant is None:
        return _("Your access to this site ended.")
    names = {"site": grant.site.name, "role": role_words(grant.role.name)}
    if not grant.user.is_active:
        return _("Your account was disabled.")
    if not grant.site.enabled:
        return _("%(site)s was switched off.") % names
    if grant.approval not in OPENING:
        return _("Your access to %(site)s was not approved.") % names
    if grant.revoked_at is not None:
        when, is_today = _clock(grant.revoked_at, grant, now)
        if is_today:
            return _("Your access to %(site)s was withdrawn at %(clock)s.") % (names | when)
        return _("Your access to %(site)s was withdrawn at %(clock)s on %(day)s.") % (names | when)
    if now >= grant.valid_until:
        when, is_today = _clock(grant.valid_until, grant, now)
        if is_today:
            return _("Your access to %(site)s ended at %(clock)s.") % (names | when)
        return _("Your access to %(site)s ended at %(clock)s on %(day)s.") % (names | when)
    if not grant.is_live(now) or not opens_anything(grant):
        return _("Your access to %(site)s ended.") % names
    if key.epoch != grant.epoch:
        return _("Your access to %(site)s was changed.") % names
    if key.rights != rights_digest(grant.scopes):
        return _("What your role %(role)s may do at %(site)s was changed.") % names
    return ""


def _clock(moment: datetime, grant: Grant, now: datetime) -> tuple[dict[str, str], bool]:
    """By the site's clock: the hour and the day, and whether that is today there."""
    zone = zoneinfo.ZoneInfo(grant.site.time_zone)
    local = moment.astimezone(zone)
    today = local.date() == now.astimezone(zone).date()
    return {"clock": f"{local:%H:%M}", "day": date_text(local)}, today
