"""A person's sites: link state, counts, role and until when the access lasts."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext

from accounts.roles import role_words
from hmi.screens.presenters.alarm_banner import ShownCounts
from hmi.screens.presenters.links import ShownLink, show_link
from hmi.screens.presenters.words import at, date_text, until_text
from hmi.sites.access import SiteAccess

_VALUES = "data:live"


@dataclass(frozen=True)
class SiteFacts:
    """What is known of a site now: its link, and the counts of its tanks where the person may see values.

    ``since`` in epoch ms, 0 when not known. Counts are ``None`` when they are not known or not for this person.
    """

    link: str = ""
    since: int = 0
    reason: str = ""
    tanks: int | None = None
    stale: int | None = None
    alarms: int | None = None
    banner: ShownCounts | None = None


@dataclass(frozen=True)
class ShownSite:
    slug: str
    name: str
    href: str
    time_zone: str
    link: ShownLink
    role: str
    until: str
    sees_values: bool
    tanks: int | None
    stale: int | None
    alarms: int | None
    ends: str = ""
    waiting: ShownCounts | None = None


def show_sites(
    accesses: list[SiteAccess],
    facts: Mapping[str, SiteFacts],
    now: int,
    ending: Mapping[str, datetime] | None = None,
) -> tuple[ShownSite, ...]:
    """One card for each access; ``facts`` and ``ending`` (when access ends soon) by slug, ``now`` in epoch ms."""
    ending = ending or {}
    return tuple(
        _show(access, facts.get(access.site.slug, SiteFacts()), now, ending.get(access.site.slug))
        for access in accesses
    )


def _show(access: SiteAccess, facts: SiteFacts, now: int, end: datetime | None) -> ShownSite:
    site = access.site
    zone = zoneinfo.ZoneInfo(site.time_zone)
    sees = access.allows(_VALUES)
    return ShownSite(
        slug=site.slug,
        name=site.name,
        href=reverse("screens:site", args=[site.slug]),
        time_zone=site.time_zone,
        link=show_link(facts.link, facts.since, facts.reason, zone, now),
        role=role_text(access.role_name),
        until=until_text(access.valid_until, zone, now),
        sees_values=sees,
        tanks=facts.tanks if sees else None,
        stale=facts.stale if sees else None,
        alarms=facts.alarms if sees else None,
        waiting=facts.banner if sees and access.allows("alarm:read") else None,
        ends=_ends(site.name, end.astimezone(zone), at(now, zone)) if end else "",
    )


def _ends(site: str, end: datetime, now: datetime) -> str:
    """That the access ends soon; both moments by the site's clock."""
    facts = {"site": site, "clock": f"{end:%H:%M}", "date": date_text(end)}
    if end.date() == now.date():
        return gettext("Your access to %(site)s ends today at %(clock)s.") % facts
    return gettext("Your access to %(site)s ends on %(date)s at %(clock)s.") % facts


def role_text(name: str) -> str:
    """``field operator`` at the start of a line: ``Field operator``."""
    words = role_words(name)
    return words[:1].upper() + words[1:]
