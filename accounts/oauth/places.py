"""Where a person may lend access: the questions this package asks about grants, answered by the app of the sites.

``places_are_found_by`` is called once, when the apps are ready. Until then nobody may lend anything.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from uuid import UUID


class GrantKey(NamedTuple):
    """Exactly this grant, in exactly this state; ``rights`` is a digest of the role's scopes."""

    grant_id: UUID
    epoch: int
    rights: str


@dataclass(frozen=True)
class Place:
    """One site as one person may see it. ``resource`` is the site's URI (RFC 8707), ``until`` the grant's end."""

    resource: str
    site_id: UUID
    slug: str
    name: str
    role_name: str
    scopes: frozenset[str]
    until: dt.datetime
    key: GrantKey


class PlaceFinder(Protocol):
    def places_of(self, person: Any, session: Any) -> list[Place]:
        """One place for each site where the person holds a live grant, by the site's name.

        ``session``: the browser's; a grant that this sign-in is too weak for is left out. None for a program.
        """

    def why_ended(self, key: GrantKey) -> str:
        """Why this grant no longer holds, in words; empty while it is live and unchanged."""


class _Nowhere:
    def places_of(self, person: Any, session: Any) -> list[Place]:
        return []

    def why_ended(self, key: GrantKey) -> str:
        return "Nobody knows of any grant."


_finder: PlaceFinder = _Nowhere()


def places_are_found_by(finder: PlaceFinder) -> None:
    """Say who knows the grants."""
    global _finder  # noqa: PLW0603 - set once, when the apps are ready
    _finder = finder


def places_of(person: Any, session: Any = None) -> list[Place]:
    return _finder.places_of(person, session)


def find_place(person: Any, resource: str, session: Any = None) -> Place | None:
    """The place that ``resource`` names, if this person holds a live grant there. Unknown and foreign look the same."""
    if person is None or not resource:
        return None
    return next((place for place in _finder.places_of(person, session) if place.resource == resource), None)


def why_ended(key: GrantKey) -> str:
    return _finder.why_ended(key)
