"""What a page of a site has that shows no values itself, as notes, lists and hand-overs do: the strip and the banner.

Both follow the site through the cheapest socket that is open to the person: that of the banner alone, and for whoever
may not see alarms that of chosen tags, with none chosen. The template is ``screens/place_page.html``.
"""

from __future__ import annotations

from typing import Any

from hmi.live.first_paint import alarm_book, ensure_link, link_summary
from hmi.screens.alarm_contexts import page_context
from hmi.screens.contexts import place_context
from hmi.sites.access import SiteAccess

ALARMS = "alarm:read"


async def followed_place(access: SiteAccess) -> dict[str, Any]:
    """For an access with live values; waits for nothing."""
    slug = access.site.slug
    if access.allows(ALARMS):
        await alarm_book(access)
        return page_context(access, link_summary(access))
    ensure_link(access)
    return place_context(access, link_summary(access)) | {"live_path": f"/ws/sites/{slug}/tags/", "slug": slug}
