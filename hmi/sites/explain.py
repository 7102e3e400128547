"""Why somebody can or cannot do a thing at a site: one reason for each scope, from the rows that decide it.

    for reason in explain_access(person, site):
        print(reason.scope, "yes" if reason.allowed else "no", reason.words)

It asks the same rules as ``access.py`` and never opens anything itself. ``words`` is for administrators and names who
did what, in English as their pages are; ``told`` is for the person, in the language spoken now, without the names of
those who decided. Moments are in the site's time; the person reads the date only when it is not today's.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.factors import session_may_use
from accounts.roles import role_words
from accounts.scope_words import scope_words
from hmi.languages.dates import date_text
from hmi.sites.access import process_data_denied, widest_first
from hmi.sites.grants import Grant, State
from hmi.sites.models import Site
from hmi.sites.seal import seal_holds
from relay_bridge.contract.scopes import SCOPES

MOST_GRANTS = 200  # of one person at one site that are looked at, the last ends first


class Why(StrEnum):
    """Every answer there is. Only ``GRANTED`` is a yes."""

    GRANTED = "granted"
    ACCOUNT_CLOSED = "account-closed"
    SITE_OFF = "site-off"
    NO_GRANT = "no-grant"
    PENDING = "pending"
    STARTS_LATER = "starts-later"
    ENDED = "ended"
    REVOKED = "revoked"
    REFUSED = "refused"
    ROLE_LACKS = "role-lacks"
    SECOND_FACTOR = "second-factor"
    SUPERUSER = "superuser"
    NOT_OURS = "not-ours"


@dataclass(frozen=True)
class Reason:
    """What holds for one scope. ``grant_id``, ``role`` and ``until`` name the grant that decided it, if one did."""

    scope: str
    allowed: bool
    why: Why
    words: str
    told: str
    grant_id: UUID | None = None
    role: str = ""
    until: dt.datetime | None = None

    @property
    def meaning(self) -> str:
        """The right in words, in the language spoken now."""
        return scope_words(self.scope)


# Of several grants that do not open a scope, the one to speak of: what is nearest to a yes first.
_WITHIN_REACH = (Why.SECOND_FACTOR, Why.SUPERUSER, Why.PENDING, Why.STARTS_LATER)
_NEAREST = (*_WITHIN_REACH, Why.NOT_OURS, Why.ENDED, Why.REVOKED, Why.REFUSED)


def explain_access(user: Any, site: Site, now: dt.datetime | None = None, *, session: Any = None) -> list[Reason]:
    """One reason for each scope of the closed list, in its order; one query. ``now`` is the moment asked about.

    ``allowed`` says exactly what ``get_site_for(user, site.slug, scope=..., session=session)`` does at that moment;
    without a session nothing is asked of the sign-in.
    """
    now = now or timezone.now()
    rows = Grant.objects.filter(user_id=user.pk, site=site).select_related(
        "user", "role", "site", "revoked_by", "approved_by", "granted_by"
    )
    grants = list(rows.order_by("-valid_until")[:MOST_GRANTS])
    judged = [(grant, _judge(grant, now, session)) for grant in grants]
    return [_reason(scope, user, site, judged, now) for scope in SCOPES]


def _reason(scope: str, user: Any, site: Site, judged: list[tuple[Grant, Why]], now: dt.datetime) -> Reason:
    if not user.is_active:
        words, told = f"The account of {user} is closed.", _("Your account is closed.")
        return Reason(scope, False, Why.ACCOUNT_CLOSED, words, told)
    if not site.enabled:
        words, told = f"{site.name} is switched off.", _("%(site)s is switched off.") % {"site": site.name}
        return Reason(scope, False, Why.SITE_OFF, words, told)
    live = widest_first(grant for grant, why in judged if why is Why.GRANTED)
    opening = [grant for grant in live if scope in grant.scopes]
    if opening:
        return _about(scope, opening[0], Why.GRANTED, now)
    for wanted in _NEAREST:
        found = [grant for grant, why in judged if why is wanted and scope in grant.scopes]
        # The role that lacks it comes before grants that are over: the person is in, but not for this.
        if found and (wanted in _WITHIN_REACH or not live):
            return _about(scope, max(found, key=_moment), wanted, now)
    if live:
        return _about(scope, live[0], Why.ROLE_LACKS, now)
    words = f"{user} has no grant at {site.name}"
    told = _("You have no access to %(site)s.")
    if judged:
        words, told = f"{words} whose role holds this", _("You have no access to %(site)s that allows this.")
    return Reason(scope, False, Why.NO_GRANT, f"{words}.", told % {"site": site.name})


def _judge(grant: Grant, now: dt.datetime, session: Any) -> Why:
    state = grant.state_at(now)
    if state is State.LIVE:
        if not seal_holds(grant):
            return Why.NOT_OURS
        if process_data_denied(grant):
            return Why.SUPERUSER
        return Why.GRANTED if session_may_use(session, grant.role) else Why.SECOND_FACTOR
    return {
        State.PENDING: Why.PENDING,
        State.REFUSED: Why.REFUSED,
        State.REVOKED: Why.REVOKED,
        State.OVER: Why.ENDED,
        State.LATER: Why.STARTS_LATER,
        State.SUSPENDED: Why.ENDED,  # site and account were looked at before
    }[state]


def _moment(grant: Grant) -> dt.datetime:
    return grant.revoked_at or grant.valid_until


def _about(scope: str, grant: Grant, why: Why, now: dt.datetime) -> Reason:
    words, told = _words(grant, why), _told(grant, why, now)
    return Reason(scope, why is Why.GRANTED, why, words, told, grant.pk, grant.role.name, grant.valid_until)


def _words(grant: Grant, why: Why) -> str:
    """For the administrator."""
    role = grant.role.name
    until, start = _clock(grant.valid_until, grant), _clock(grant.valid_from, grant)
    giver = f"given by {grant.granted_by}" if grant.granted_by else "given on the command line"
    match why:
        case Why.GRANTED:
            approved = f", approved by {grant.approved_by}" if grant.approved_by else ""
            return f"As {role}, {giver}{approved}, until {until}: {grant.reason}"
        case Why.PENDING:
            return f"The grant as {role}, {giver}, waits for a second person's approval."
        case Why.STARTS_LATER:
            return f"The grant as {role}, {giver}, starts at {start}."
        case Why.ENDED:
            return f"The grant as {role}, {giver}, ended at {until}."
        case Why.REVOKED | Why.REFUSED:
            done = "revoked" if why is Why.REVOKED else "refused"
            by = f" by {grant.revoked_by}" if grant.revoked_by else ""
            because = f": {grant.end_reason}" if grant.end_reason else "."
            return f"The grant as {role} was {done} at {_clock(_moment(grant), grant)}{by}{because}"
        case Why.SECOND_FACTOR:
            return f"The grant as {role} needs a sign-in with a second factor."
        case Why.SUPERUSER:
            return f"{grant.user} is a superuser, and {role} shows process data: the grant opens nothing."
        case Why.NOT_OURS:
            return f"The grant as {role} was not written by this application, or was altered: it opens nothing."
        case _:
            return f"The role {role}, held until {until}, does not hold this."


# What the person is told. Where a moment stands in the sentence, there is one for today and one for another day.
_DATED = {
    Why.GRANTED: (
        gettext_lazy("As %(role)s, until %(clock)s (%(zone)s) today."),
        gettext_lazy("As %(role)s, until %(day)s %(clock)s (%(zone)s)."),
    ),
    Why.STARTS_LATER: (
        gettext_lazy("Your access as %(role)s has not begun: it starts at %(clock)s (%(zone)s)."),
        gettext_lazy("Your access as %(role)s has not begun: it starts on %(day)s at %(clock)s (%(zone)s)."),
    ),
    Why.ENDED: (
        gettext_lazy("Your access as %(role)s ended at %(clock)s (%(zone)s)."),
        gettext_lazy("Your access as %(role)s ended on %(day)s at %(clock)s (%(zone)s)."),
    ),
    Why.REVOKED: (
        gettext_lazy("Your access as %(role)s was withdrawn at %(clock)s (%(zone)s)."),
        gettext_lazy("Your access as %(role)s was withdrawn on %(day)s at %(clock)s (%(zone)s)."),
    ),
    Why.REFUSED: (
        gettext_lazy("Your access as %(role)s was not approved at %(clock)s (%(zone)s)."),
        gettext_lazy("Your access as %(role)s was not approved on %(day)s at %(clock)s (%(zone)s)."),
    ),
}
_UNDATED = {
    Why.PENDING: gettext_lazy("Your access as %(role)s waits for a second person's approval."),
    Why.SECOND_FACTOR: gettext_lazy("Your role %(role)s needs a second factor, and this sign-in was without one."),
    Why.SUPERUSER: gettext_lazy("A superuser sees no process data: use an account that administers nothing."),
    Why.NOT_OURS: gettext_lazy("Your access to %(site)s does not hold. Ask an administrator to give it again."),
    Why.ROLE_LACKS: gettext_lazy("Your role %(role)s at %(site)s does not allow this."),
}


def _told(grant: Grant, why: Why, now: dt.datetime) -> str:
    """For the person."""
    is_today, facts = _facts(grant, why, now)
    if why in _UNDATED:
        return str(_UNDATED[why]) % facts
    today, another_day = _DATED[why]
    return str(today if is_today else another_day) % facts


def _facts(grant: Grant, why: Why, now: dt.datetime) -> tuple[bool, dict[str, str]]:
    """What the person's sentence names, and whether its moment is today at the site."""
    moment = grant.valid_until
    if why in {Why.REVOKED, Why.REFUSED}:
        moment = _moment(grant)
    elif why is Why.STARTS_LATER:
        moment = grant.valid_from
    zone = zoneinfo.ZoneInfo(grant.site.time_zone)
    local = moment.astimezone(zone)
    facts = {
        "role": role_words(grant.role.name),
        "site": grant.site.name,
        "clock": f"{local:%H:%M}",
        "day": date_text(local),
        "zone": grant.site.time_zone,
    }
    return local.date() == now.astimezone(zone).date(), facts


def _clock(moment: dt.datetime, grant: Grant) -> str:
    local = moment.astimezone(zoneinfo.ZoneInfo(grant.site.time_zone))
    return f"{local:%H:%M on %Y-%m-%d} ({grant.site.time_zone})"
