"""Which events a person may see: those of the sites where a live grant gives ``audit:read``, and what belongs to them.

That is the site's own events, and what is recorded of the people who hold or held a grant there: their sign-ins, their
accounts. Whoever has the administration permission *Can view event* (superusers have it) sees the whole trail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Substr

from accounts.audit.models import Event
from hmi.sites.access import sites_for
from hmi.sites.models import Grant, Site

SCOPE = "audit:read"
UUID_LENGTH = 36
EVERYTHING = "audit.view_event"


@dataclass(frozen=True)
class Reach:
    """``sites`` by slug and name, for the filter; ``everything``: also what belongs to no site."""

    sites: tuple[tuple[str, str], ...]
    events: QuerySet[Event]
    everything: bool


def reach_of(person: Any, session: Any = None) -> Reach | None:
    """None for somebody who may see no event at all."""
    if person.has_perm(EVERYTHING):
        sites = tuple(Site.objects.order_by("name").values_list("slug", "name"))
        return Reach(sites, Event.objects.all(), everything=True)
    accesses = sites_for(person, scope=SCOPE, session=session)
    if not accesses:
        return None
    keys = [access.site.id for access in accesses]
    people = Grant.objects.filter(site__in=keys).values_list("user__subject", flat=True).distinct()
    subjects = [str(subject) for subject in people]
    # An event about a person names the person's UUID first (audit.person_subject).
    events = Event.objects.annotate(about=Substr("subject", 1, UUID_LENGTH)).filter(
        Q(site_id__in=[str(key) for key in keys]) | Q(site_id="") & (Q(actor__in=subjects) | Q(about__in=subjects))
    )
    return Reach(tuple((access.site.slug, access.site.name) for access in accesses), events, everything=False)
