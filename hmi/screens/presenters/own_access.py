"""A person's own access in words: site by site and right by right, and what became of each request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.roles import role_words
from hmi.screens.presenters.words import date_text
from hmi.sites.access_requests import AccessRequest, RequestState
from hmi.sites.explain import Reason, Why
from hmi.sites.grants import State
from hmi.sites.models import Site
from relay_bridge.contract.scopes import WRITE_SCOPES

KNOW = "status:read"  # the right to know of the site: while it holds, the site is open to the person


@dataclass(frozen=True)
class ShownRights:
    """What is open, or not, for one and the same reason. ``meanings`` are the rights in words."""

    is_open: bool
    told: str
    meanings: tuple[str, ...]


@dataclass(frozen=True)
class ShownAccess:
    """One site. ``told`` says whether and until when it is open; ``role`` is the one to ask for again."""

    slug: str
    name: str
    is_open: bool
    told: str
    role: str
    rights: tuple[ShownRights, ...]


@dataclass(frozen=True)
class ShownRequest:
    id: UUID
    what: str
    state: str
    detail: str
    can_withdraw: bool


def show_own_access(sites: Iterable[Site], reasons: Mapping[str, Iterable[Reason]]) -> tuple[ShownAccess, ...]:
    """One entry for each site, the open ones first; ``reasons`` by slug, one for each scope."""
    shown = [_show(site, tuple(reasons[site.slug])) for site in sites]
    return tuple(sorted(shown, key=lambda access: not access.is_open))


def show_requests(requests: Iterable[AccessRequest], now: dt.datetime) -> tuple[ShownRequest, ...]:
    return tuple(_show_request(request, now) for request in requests)


def _show(site: Site, reasons: tuple[Reason, ...]) -> ShownAccess:
    known = next(reason for reason in reasons if reason.scope == KNOW)
    return ShownAccess(site.slug, site.name, known.allowed, known.told, known.role, _group(site, reasons))


def _group(site: Site, reasons: Iterable[Reason]) -> tuple[ShownRights, ...]:
    """The rights by what decides them, the open ones first: a reason is read once, not for each right again."""
    groups: dict[tuple[bool, str], list[str]] = {}
    for reason in reasons:
        groups.setdefault(_judge(site, reason), []).append(reason.meaning)
    ordered = sorted(groups.items(), key=lambda group: not group[0][0])
    return tuple(ShownRights(is_open, told, tuple(meanings)) for (is_open, told), meanings in ordered)


def _judge(site: Site, reason: Reason) -> tuple[bool, str]:
    if reason.allowed and reason.scope in WRITE_SCOPES:
        words = _("Your role %(role)s allows it. %(site)s decides which values can be changed, and when.")
        return True, words % {"role": role_words(reason.role), "site": site.name}
    return reason.why is Why.GRANTED, reason.told


def _show_request(request: AccessRequest, now: dt.datetime) -> ShownRequest:
    state = request.state_at(now)
    role = role_words(request.role.name) if request.role is not None else _("a role that is gone")
    words, detail = str(state.label), ""
    if state is RequestState.OPEN:
        words_open = _("Asked on %(asked)s. Without an answer it expires on %(expires)s.")
        days = {"asked": _day(request.asked_at.date()), "expires": _day(request.expires_at.date())}
        detail = words_open % days
    elif state is RequestState.DECLINED:
        detail = request.answer
    elif state is RequestState.EXPIRED:
        detail = _("Ask again if you still need it.")
    elif state is RequestState.GRANTED and request.grant is not None:
        words, detail = _of_grant(request.grant.state_at(now), words)
    what = _("%(role)s at %(site)s, last day %(day)s")
    facts = {"role": role[:1].upper() + role[1:], "site": request.site_slug, "day": _day(request.last_day)}
    return ShownRequest(request.id, what % facts, words, detail, state is RequestState.OPEN)


def _of_grant(state: State, granted: str) -> tuple[str, str]:
    """A yes may still need a second one, and need not last."""
    match state:
        case State.PENDING:
            return _("waits for a second person"), _("It was granted; a second person has still to approve it.")
        case State.REFUSED:
            return _("not approved"), _("It was granted, but the second person did not approve it.")
        case State.REVOKED | State.OVER:
            return granted, _("It has ended.")
        case _other:
            return granted, ""


def _day(day: dt.date) -> str:
    return date_text(dt.datetime.combine(day, dt.time()))
