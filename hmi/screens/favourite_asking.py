"""What the start page needs of the sites with favourites: known already where the link is live, else asked briefly."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.http import Http404

from hmi.live.favourites_view import Wish, favourites_picture
from hmi.live.first_paint import ensure_link, known_catalog, latest_readings, link_summary
from hmi.screens.asking import SiteAnswer, ask_site
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog

DEADLINE = 1.0  # seconds: the start page is the way to everything, so a silent site must not hold it up


async def favourite_answers(
    accesses: Sequence[SiteAccess], wishes: Mapping[UUID, tuple[Wish, ...]]
) -> dict[UUID, SiteAnswer]:
    """By site; without a site whose access ended just now. All sites are asked at the same time."""
    wanted = [access for access in accesses if access.site.id in wishes]
    answers = await asyncio.gather(*(_answer(access, wishes[access.site.id]) for access in wanted))
    return {access.site.id: answer for access, answer in zip(wanted, answers, strict=True) if answer is not None}


async def _answer(access: SiteAccess, wishes: tuple[Wish, ...]) -> SiteAnswer | None:
    def choose(catalog: Catalog) -> frozenset[str]:
        return favourites_picture(catalog, wishes).watched

    ensure_link(access)
    summary, catalog = link_summary(access), known_catalog(access)
    if summary.live and catalog is not None:
        tags = choose(catalog)
        readings = latest_readings(access, tags)
        if len(readings) == len(tags):
            return SiteAnswer(summary, catalog, readings)
    try:
        async with asyncio.timeout(DEADLINE):
            return await ask_site(access, choose)
    except Http404:
        return None
    except TimeoutError:
        catalog = known_catalog(access)
        readings = {} if catalog is None else latest_readings(access, choose(catalog))
        return SiteAnswer(link_summary(access), catalog, readings, "did not answer in time", stale=True)
