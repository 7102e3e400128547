"""Starring: an asset or a tag put among one's favourites or taken away, and the page on which they are ordered.

A star needs what seeing the value needs. The answer to htmx is the button as it is now; a plain form goes back.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from hmi.live.favourites_view import Wish
from hmi.live.first_paint import known_catalog
from hmi.screens.above_sites import above
from hmi.screens.asking import ask_site
from hmi.screens.contexts import silent_asset_context
from hmi.screens.denials import says_why
from hmi.screens.favourite_asking import favourite_answers
from hmi.screens.place_pages import followed_place
from hmi.screens.presenters.favourites import show_favourites
from hmi.screens.presenters.overview import asset_address
from hmi.screens.presenters.search import star_of
from hmi.screens.requests import PageRequest, wants_part
from hmi.screens.shell_views import own_address
from hmi.sites.access import NOT_FOUND, SiteAccess, aget_site_for, asites_for
from hmi.sites.tag_names import tag_name
from hmi.watch import favourites
from hmi.watch.favourites import MAX_FAVOURITES, Favourite, TooManyFavourites
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID

VALUES = "data:live"
_SLUG = re.compile(r"[a-z0-9-]{1,50}\Z")

_favourites_of = database_sync_to_async(favourites.favourites_of)
_wishes_of = database_sync_to_async(favourites.wishes_of)
_add = database_sync_to_async(favourites.add_favourite)
_drop = database_sync_to_async(favourites.drop_favourite)
_drop_elsewhere = database_sync_to_async(favourites.drop_favourites_elsewhere)
_move = database_sync_to_async(favourites.move_favourite)


@require_POST
async def star(request: PageRequest) -> HttpResponse:
    """``on`` is 1 to put it among the favourites and 0 to take it away; ``kind`` and ``target`` say what."""
    posted = request.POST
    slug, kind, target, on = (posted.get(name, "") for name in ("site", "kind", "target", "on"))
    is_id = len(target) <= MAX_ID and re.match(ID_PATTERN, target)
    if kind not in Favourite.Kind.values or not is_id or on not in {"0", "1"} or not _SLUG.match(slug):
        return HttpResponseBadRequest(_("There is no such favourite."), content_type="text/plain; charset=utf-8")
    person = await request.auser()
    access = await aget_site_for(person, slug, scope=VALUES, session=request.session)
    full = False
    if on == "0":
        await _drop(person, access.site.id, kind, target)
    else:
        catalog = known_catalog(access)
        if catalog is not None and (catalog.asset(target) if kind == "asset" else catalog.tag(target)) is None:
            raise Http404(NOT_FOUND)
        try:
            await _add(person, access.site.id, kind, target)
        except TooManyFavourites:
            full = True
    if wants_part(request):
        shown = {"slug": slug, "kind": kind, "target": target, "name": target, "on": on == "1" and not full}
        return render(request, "watch/_star.html", {"star": shown, "full": full, "most": MAX_FAVOURITES})
    if full:
        messages.warning(request, _full_words())
    return HttpResponseRedirect(own_address(request), status=303)


@require_safe
async def favourite_list(request: PageRequest) -> HttpResponse:
    """One's favourites with their values, to be ordered and taken away."""
    person = await request.auser()
    accesses = await asites_for(person, session=request.session)
    seen = await _seen(request, person)
    rows = await _favourites_of(person)
    answers = await favourite_answers(seen, await _wishes_of(person))
    shown = show_favourites(rows, seen, answers)
    hidden = sum(row.site_id not in _ids(seen) for row in rows)
    context = {"favourites": shown, "hidden": hidden, "most": MAX_FAVOURITES, "above": await above(accesses)}
    return render(request, "watch/favourites.html", context)


@require_POST
async def arrange(request: PageRequest) -> HttpResponse:
    """``key`` goes ``up`` or ``down`` by one, to the ``top``, or is taken away (``remove``); ``hidden`` alone takes
    away those at sites that are not open to the person now."""
    person, way = await request.auser(), request.POST.get("way", "")
    shown = _ids(await _seen(request, person))
    if way == "hidden":
        await _drop_elsewhere(person, shown)
        return _back()
    typed = request.POST.get("key", "")
    if not typed.isascii() or not typed.isdecimal() or len(typed) > 18:
        return HttpResponseBadRequest(_("There is no such favourite."), content_type="text/plain; charset=utf-8")
    key = int(typed)
    places = {"up": -1, "down": 1, "top": -MAX_FAVOURITES}.get(way)
    if way == "remove":
        row = next((row for row in await _favourites_of(person) if row.pk == key), None)
        if row is not None:
            await _drop(person, row.site_id, row.kind, row.target)
    elif places is None:
        return HttpResponseBadRequest(_("There is no such order."), content_type="text/plain; charset=utf-8")
    else:
        await _move(person, key, places, shown)
    return _back()


@require_safe
@says_why(VALUES)
async def choose_tags(request: PageRequest, slug: str, asset_id: str) -> HttpResponse:
    """Every tag of an asset with a star."""
    person = await request.auser()
    access = await aget_site_for(person, slug, scope=VALUES, session=request.session)
    if len(asset_id) > MAX_ID or not re.match(ID_PATTERN, asset_id):
        raise Http404(NOT_FOUND)
    if request.method == "HEAD":
        return HttpResponse()
    answer = await ask_site(access, lambda catalog: ())
    if answer.catalog is None:  # the page opens by itself when the site answers
        return render(request, "screens/label_waits.html", silent_asset_context(access, answer, f"/ws/sites/{slug}/"))
    asset = answer.catalog.asset(asset_id)
    if asset is None:
        raise Http404(NOT_FOUND)
    starred = {slug: (await _wishes_of(person)).get(access.site.id, ())}
    tags = [
        {
            "name": tag_name(tag),
            "id": tag.id,
            "unit": tag.unit,
            "star": star_of(slug, Wish("tag", tag.id), tag.id, starred),
        }
        for tag in answer.catalog.tags_of(asset_id)
    ]
    context = await followed_place(access) | {
        "asset": asset,
        "asset_href": asset_address(slug, asset),
        "site": access.site,
        "tags": tags,
        "star": star_of(slug, Wish("asset", asset.id), asset.name or asset.id, starred),
    }
    return render(request, "watch/choose_tags.html", context)


async def asset_star(person: Any, access: SiteAccess, asset_id: str, name: str) -> dict[str, Any]:
    """The star of an asset's own page."""
    starred = {access.site.slug: (await _wishes_of(person)).get(access.site.id, ())}
    return star_of(access.site.slug, Wish("asset", asset_id), name, starred)


async def _seen(request: PageRequest, person: Any) -> list[SiteAccess]:
    """Of the sites whose values the person may see now."""
    return await asites_for(person, scope=VALUES, session=request.session)


def _ids(accesses: list[SiteAccess]) -> set[UUID]:
    return {access.site.id for access in accesses}


def _back() -> HttpResponse:
    return HttpResponseRedirect(reverse("screens:favourites"), status=303)


def _full_words() -> str:
    words = _("You have %(most)s favourites, and there is room for no more. Take one away first.")
    return words % {"most": MAX_FAVOURITES}
