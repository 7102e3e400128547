"""Asks a site for what a page shows: one call with a deadline, and the last known readings when it does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from django.http import Http404
from django.utils.translation import gettext as _

from hmi.live.first_paint import LinkSummary, ensure_link, known_catalog, latest_readings, link_summary
from hmi.sites.access import NOT_FOUND, SiteAccess
from hmi.sites.catalog import Catalog
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable
from hmi.sites.gateway import get_gateway
from relay_bridge.contract.readings import Reading

PAGE_DEADLINE = 2.0  # seconds for everything a page asks of a site; then it shows what was last known
SILENT_DEADLINE = 1.0  # seconds when the link already says that the site does not answer


@dataclass(frozen=True)
class SiteAnswer:
    """``trouble`` is a sentence that says what the site did instead of answering; ``stale``: not the present readings.

    ``catalog`` is ``None`` when none was ever read: then nothing of the site can be shown.
    """

    summary: LinkSummary
    catalog: Catalog | None = None
    readings: dict[str, Reading] = field(default_factory=dict)
    trouble: str = ""
    stale: bool = False


async def ask_site(access: SiteAccess, choose: Callable[[Catalog], Collection[str]]) -> SiteAnswer:
    """Catalog and readings of the tags that ``choose`` picks from the catalog. Never raises for a silent site.

    ``Http404`` when the access ended between finding it and using it: the answer that a stranger gets.
    """
    ensure_link(access)
    catalog, trouble = None, ""
    try:
        async with asyncio.timeout(_deadline(link_summary(access))):
            catalog = await get_gateway().catalog(access)
            tags = choose(catalog)
            readings = await get_gateway().read(access, tags) if tags else {}
        return SiteAnswer(link_summary(access), catalog, readings)
    except AccessEnded:
        raise Http404(NOT_FOUND) from None
    except (SiteUnreachable, TimeoutError):
        trouble = _("%(site)s did not answer in time.") % {"site": access.site.name}
    except SiteRefused as refusal:
        trouble = _("%(site)s refused: %(why)s") % {"site": access.site.name, "why": refusal.message}
    catalog = catalog or known_catalog(access)
    known = latest_readings(access, choose(catalog)) if catalog is not None else {}
    summary = link_summary(access)
    # A link that is live has the present readings even when the question got no answer.
    return SiteAnswer(summary, catalog, known, trouble, stale=not summary.live)


def _deadline(summary: LinkSummary) -> float:
    silent = summary.link is not None and summary.link.phase in {"silent", "down"}
    return SILENT_DEADLINE if silent else PAGE_DEADLINE
