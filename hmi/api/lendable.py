"""The live grants that somebody may lend to another application: the same ones that open the screens."""

from __future__ import annotations

from typing import Any

from accounts.oauth.places import GrantKey, Place
from hmi.sites.access import AccessKey, SiteAccess, sites_for, still_live


class LendableGrants:
    """``accounts.oauth.places.PlaceFinder``."""

    def places_of(self, person: Any, session: Any) -> list[Place]:
        return [_place(access) for access in sites_for(person, session=session)]

    def why_ended(self, key: GrantKey) -> str:
        wanted = AccessKey(*key)
        return still_live([wanted]).get(wanted, "")


def _place(access: SiteAccess) -> Place:
    return Place(
        resource=access.site.audience,
        site_id=access.site.pk,
        slug=access.site.slug,
        name=access.site.name,
        role_name=access.role_name,
        scopes=access.scopes,
        until=access.valid_until,
        key=GrantKey(*access.key),
    )
