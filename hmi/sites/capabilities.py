"""What a site's agent says it can do, from the hello of a session with it."""

from __future__ import annotations

import asyncio

from hmi.sites.access import SiteAccess
from hmi.sites.errors import SiteUnreachable
from hmi.sites.gateway import READ_DEADLINE, get_gateway
from hmi.sites.site_line import SiteLine


async def capabilities(access: SiteAccess) -> frozenset[str]:
    """The union over the site's sources (``read``, ``subscribe``, ``history_raw``, ``alarms``, ...).

    Over the gateway's own session, opened if need be, within 2 s. Raises ``SiteUnreachable``. Whoever calls this has
    found the access live.
    """
    lines = get_gateway()._lines  # noqa: SLF001 - the gateway's neighbour: one session for both
    line = lines.setdefault(access.site.id, SiteLine(access.site.id, access.site.name))
    try:
        async with asyncio.timeout(READ_DEADLINE):
            session, _ = await line.use()
    except TimeoutError:
        raise SiteUnreachable(access.site.name, "no session could be opened in time", READ_DEADLINE) from None
    return frozenset(session.hello.caps)
