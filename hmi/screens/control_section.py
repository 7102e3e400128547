"""The controls on a unit's page: what this person may change here, and what waits for a second person."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone

from hmi.controls.changes import awaiting_for
from hmi.controls.offers import offers_of
from hmi.screens.asking import SiteAnswer
from hmi.screens.presenters.controls import ShownChange, ShownControl, show_change, show_control
from hmi.sites.access import SiteAccess
from relay_bridge.contract.messages import CatalogAsset


@dataclass(frozen=True)
class ControlSection:
    """``controls`` is empty for whoever may change nothing; ``denied`` names what the role does not allow.

    ``ask_href`` leads to asking for it.
    """

    controls: tuple[ShownControl, ...]
    waiting: tuple[ShownChange, ...]
    actions_href: str
    denied: str
    ask_href: str


async def control_section(
    access: SiteAccess, answer: SiteAnswer, asset: CatalogAsset, person: Any
) -> ControlSection | None:
    """``None`` where the site lets nobody change anything of this asset."""
    assert answer.catalog is not None  # noqa: S101 - the asset was found in it
    offers = offers_of(answer.catalog, asset.id)
    if not offers:
        return None
    slug = access.site.slug
    mine = [offer for offer in offers if access.allows(offer.scope)]
    denied = ", ".join(offer.name for offer in offers if offer not in mine)
    ask_href = f"{reverse('screens:ask-for-access')}?site={slug}"
    if not mine:
        return ControlSection((), (), "", denied, ask_href)
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    waiting = await awaiting_for(access.site.id, person, access.scopes, asset.id)
    return ControlSection(
        tuple(show_control(offer, slug) for offer in mine),
        tuple(show_change(_at(change, access), None, timezone.now(), zone) for change in waiting),
        reverse("screens:actions", args=[slug]),
        denied,
        ask_href,
    )


def _at(change: Any, access: SiteAccess) -> Any:
    change.site = access.site  # known already: no query for its slug
    return change
