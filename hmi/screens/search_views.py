"""The search: sites, assets, tags and alarms that the person may see. While one types for htmx, or by a plain form.

Names are read from the sites' catalogs through the person's own access; a site that cannot be asked just now is
named, so that nobody takes "not found" for "not there".
"""

from __future__ import annotations

import asyncio
from typing import Any

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from hmi.live.favourites_view import Wish
from hmi.live.first_paint import alarm_book, ensure_link, known_catalog
from hmi.screens.above_sites import above
from hmi.screens.presenters.search import address_of, show_found
from hmi.screens.requests import PageRequest, wants_part
from hmi.screens.search_index import Found, Ground, Hit, search
from hmi.screens.search_words import Query, read_label, read_query
from hmi.sites.access import SiteAccess, asites_for
from hmi.sites.catalog import Catalog
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable
from hmi.sites.gateway import get_gateway
from hmi.watch.favourites import wishes_of
from relay_bridge.contract.alarms import AlarmRow

VALUES, ALARMS = "data:live", "alarm:read"
DEADLINE = 1.5  # seconds for the names of sites that nobody has looked at yet
MAX_SITES = 50  # whose names are fetched for one search; their own names are searched all the same

_wishes = database_sync_to_async(wishes_of)
_search = sync_to_async(search, thread_sensitive=False)  # with the language of the request, which a bare thread lacks


@require_safe
async def find(request: PageRequest) -> HttpResponse:
    """``q`` is what was typed; with ``open`` a single match is opened instead of listed."""
    typed = request.GET.get("q", "")
    label = read_label(typed)
    if label is not None and not wants_part(request):
        return HttpResponseRedirect(reverse("screens:label", args=label))
    query = read_query(typed)
    person = await request.auser()
    accesses = await asites_for(person, session=request.session)
    found = Found()
    silent: list[str] = []
    if query.tokens:
        grounds, silent = await _grounds(accesses)
        found = await _search(query, grounds)
        only = _only(found)
        if only is not None and request.GET.get("open") and not wants_part(request):
            return HttpResponseRedirect(address_of(only))
    starred = await _starred(person, accesses)
    context = _context(query, found, silent) | {"kinds": show_found(found, starred), "no_sites": not accesses}
    if wants_part(request):
        return render(request, "screens/_found.html", context)
    return render(request, "screens/search.html", context | {"above": await above(accesses)})


def _context(query: Query, found: Found, silent: list[str]) -> dict[str, Any]:
    return {"query": query.text, "asked": bool(query.tokens), "silent": silent, "count": len(found.hits)}


def _only(found: Found) -> Hit | None:
    """The one thing that was meant: exactly what was typed, or all that there is. Alarms come and go, so they are
    never opened without being looked at."""
    for hits in (found.exact, found.hits):
        if len(hits) == 1 and hits[0].kind != "alarm" and not found.more:
            return hits[0]
    return None


async def _grounds(accesses: list[SiteAccess]) -> tuple[list[Ground], list[str]]:
    """What of each site may be searched, and the names of the sites that did not tell theirs in time."""
    asked = [access for access in accesses if access.allows(VALUES)][:MAX_SITES]
    catalogs = dict(zip((access.site.id for access in asked), await asyncio.gather(*map(_catalog, asked)), strict=True))
    grounds: list[Ground] = []
    silent: list[str] = []
    for access in accesses:
        catalog = catalogs.get(access.site.id)
        if access.allows(VALUES) and catalog is None:
            silent.append(access.site.name)
        alarms = await _alarms(access) if access.allows(VALUES) and access.allows(ALARMS) else None
        grounds.append(Ground(access.site.slug, access.site.name, catalog, alarms))
    return grounds, silent


async def _catalog(access: SiteAccess) -> Catalog | None:
    ensure_link(access)
    known = known_catalog(access)
    if known is not None:
        return known
    try:
        async with asyncio.timeout(DEADLINE):
            return await get_gateway().catalog(access)
    except (SiteUnreachable, SiteRefused, AccessEnded, TimeoutError, Http404):
        return None


async def _alarms(access: SiteAccess) -> list[AlarmRow]:
    book = await alarm_book(access)
    return list(book.rows.values())


async def _starred(person: Any, accesses: list[SiteAccess]) -> dict[str, tuple[Wish, ...]]:
    wishes = await _wishes(person)
    return {access.site.slug: wishes[access.site.id] for access in accesses if access.site.id in wishes}
