"""What an asset's page shows of its notes, and its way into a watch list: the last ones, without their pictures."""

from __future__ import annotations

import zoneinfo
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from hmi.notes.writing import WRITE, aread_page
from hmi.screens.asking import SiteAnswer
from hmi.screens.presenters.notes import show_notes
from hmi.sites.access import SiteAccess
from relay_bridge.contract.messages import CatalogAsset

ON_ASSET = 3  # notes on the page of a tank


async def note_section(access: SiteAccess, answer: SiteAnswer, asset: CatalogAsset) -> dict[str, Any]:
    """For the template ``notes/_section.html``; costs no request to the site."""
    slug = access.site.slug
    rows, more = await aread_page(access, asset.id, None, ON_ASSET)
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    return {
        "notes": show_notes(rows, slug, zone, answer.summary.agent_time, access.user_id),
        "notes_more": more,
        "notes_href": reverse("notes:asset", args=[slug, asset.id]),
        "may_note": access.allows(WRITE),
        "watch_href": f"{reverse('lists:add', args=[slug])}?{urlencode({'asset': asset.id})}",
    }
