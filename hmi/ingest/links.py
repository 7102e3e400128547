"""The links of this process: one for each site and event loop, made when somebody first needs it."""

from __future__ import annotations

import asyncio
import weakref
from uuid import UUID

from hmi.ingest.site_link import SiteLink
from hmi.sites.access import SiteAccess
from hmi.sites.models import Site

_links: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[UUID, SiteLink]] = weakref.WeakKeyDictionary()


class Links:
    """``demand.LinkProvider``. A link object stays for good and keeps the last known values; its task does not."""

    def link(self, site: Site) -> SiteLink:
        links = _links.setdefault(asyncio.get_running_loop(), {})
        found = links.get(site.id)
        if found is None:
            found = links[site.id] = SiteLink(site)
        return found

    def existing(self, site_id: UUID) -> SiteLink | None:
        return _links.get(asyncio.get_running_loop(), {}).get(site_id)

    def expect(self, access: SiteAccess) -> None:
        self.link(access.site).expect(access)


async def close_links() -> None:
    """End every link of the running event loop, for an orderly stop."""
    links = _links.pop(asyncio.get_running_loop(), {})
    await asyncio.gather(*(link.close() for link in links.values()))
