"""Watch lists on the screen: all of a site, one of them live, and its owner's page for changing it.

Each page needs live values at the site. A list of somebody else that is not shared is the same 404 as one that is not
there; so is the page for changing a list that one may only read.
"""

from __future__ import annotations

import re
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hmi.live.chosen_entries import Entry, chosen_picture, known_entries
from hmi.live.first_paint import known_catalog
from hmi.screens.asking import SiteAnswer, ask_site
from hmi.screens.contexts import trend_page_context
from hmi.screens.denials import says_why
from hmi.screens.place_pages import followed_place
from hmi.screens.presenters.watch import find_candidates, show_entries
from hmi.screens.requests import PageRequest
from hmi.sites.access import NOT_FOUND, SiteAccess, aget_site_for
from hmi.sites.catalog import Catalog
from hmi.watch import lists
from hmi.watch.list_models import MAX_ENTRIES, MAX_LISTS, MAX_NAME, WatchList
from relay_bridge.contract.shape import ID_PATTERN, MAX_ID

VALUES = "data:live"
MAX_WORDS = 60  # characters of a search


@require_http_methods(["GET", "HEAD", "POST"])
@says_why(VALUES)
async def all_lists(request: PageRequest, slug: str) -> HttpResponse:
    """The person's own lists at the site and those that are shared there; a POST makes a new one."""
    access = await _access(request, slug)
    if request.method == "HEAD":
        return HttpResponse()
    trouble, typed = "", ""
    if request.method == "POST":
        typed = request.POST.get("name", "")[: 2 * MAX_NAME]
        try:
            made = await lists.amake(access, typed)
        except lists.ListRefused as refused:
            trouble = str(refused)
        else:
            return _to("lists:edit", slug, made.pk)
    answer = await ask_site(access, lambda catalog: ())
    own, shared = await lists.alists_of(access)
    context = await followed_place(access) | {
        "own": _counted(own, answer.catalog),
        "shared": _counted(shared, answer.catalog),
        "trouble": trouble,
        "typed": typed,
        "max_name": MAX_NAME,
        "full": len(own) >= MAX_LISTS,
    }
    return render(request, "watch/lists.html", context, status=400 if trouble else 200)


@require_safe
@says_why(VALUES)
async def one_list(request: PageRequest, slug: str, key: UUID) -> HttpResponse:
    """A list, live."""
    access = await _access(request, slug)
    found = await _find(access, key)
    if request.method == "HEAD":
        return HttpResponse()
    entries = await lists.aentries_of(found)
    answer = await ask_site(access, lambda catalog: chosen_picture(catalog, entries).watched)
    context, scene = trend_page_context(access, answer, f"/ws/sites/{slug}/lists/{key}/")
    context |= {"slug": slug, "list": found, "is_own": found.owner_id == access.user_id}
    if answer.catalog is not None:
        context["entries"] = show_entries(answer.catalog, entries, answer.readings, scene, slug)
        context["asset_ids"] = " ".join(chosen_picture(answer.catalog, entries).assets)
    return render(request, "watch/list.html", context)


@require_safe
@says_why(VALUES)
async def edit(request: PageRequest, slug: str, key: UUID) -> HttpResponse:
    """The owner's page: order, what to add, name, sharing."""
    access = await _access(request, slug)
    found = await _find(access, key, own=True)
    if request.method == "HEAD":
        return HttpResponse()
    return await _edit_page(request, access, found)


@require_POST
@says_why(VALUES)
async def change(request: PageRequest, slug: str, key: UUID) -> HttpResponse:
    """One change of an own list; leads back to the page for changing it."""
    access = await _access(request, slug)
    found = await _find(access, key, own=True)
    try:
        done = await _change(request, access, found)
    except lists.ListRefused as refused:
        return await _edit_page(request, access, found, trouble=str(refused))
    if done is None:
        return HttpResponseBadRequest(_("This form does not belong to this page. Load the page again."))
    if request.POST.get("what") == "remove":
        return _to("lists:all", slug)
    words = request.POST.get("q", "")[:MAX_WORDS]
    query = QueryDict(mutable=True)
    query["q"] = words
    return _to("lists:edit", slug, key, f"?{query.urlencode()}" if words else "")


@require_http_methods(["GET", "HEAD", "POST"])
@says_why(VALUES)
async def add(request: PageRequest, slug: str) -> HttpResponse:
    """From an asset's page: into which list? A POST puts it there, or into a new one."""
    access = await _access(request, slug)
    entry = _read_entry(request.POST if request.method == "POST" else request.GET)
    answer = await ask_site(access, lambda catalog: ())
    # What the site does not have, or has not told anybody yet, is put into no list.
    if entry is None or answer.catalog is None or not known_entries(answer.catalog, [entry]):
        raise Http404(NOT_FOUND)
    if request.method == "HEAD":
        return HttpResponse()
    trouble = ""
    if request.method == "POST":
        try:
            key = _read_key(request.POST.get("list", ""))
            if key is None:
                key = (await lists.amake(access, request.POST.get("name", ""))).pk
            added = await lists.aadd(access, key, entry)
        except lists.ListRefused as refused:
            trouble = str(refused)
        else:
            if added is None:
                raise Http404(NOT_FOUND)
            return _to("lists:one", slug, key)
    (shown,) = show_entries(answer.catalog, [entry], {}, trend_page_context(access, answer, "")[1], slug)
    own, _shared = await lists.alists_of(access)
    context = await followed_place(access) | {
        "shown": shown,
        "own": [(each, entry in lists.entries_of(each)) for each in own],
        "trouble": trouble,
        "max_name": MAX_NAME,
        "full": len(own) >= MAX_LISTS,
    }
    return render(request, "watch/add.html", context, status=400 if trouble else 200)


async def _change(request: PageRequest, access: SiteAccess, found: WatchList) -> WatchList | None:
    """None for what no form of ours asks."""
    form, key, person = request.POST, found.pk, await request.auser()
    what, entry = form.get("what", ""), _read_entry(form)
    if what == "rename":
        return await lists.arename(access, key, form.get("name", "")[: 2 * MAX_NAME])
    if what in {"share", "unshare"}:
        return await lists.ashare(access, key, person, shared=what == "share")
    if what == "remove":
        return await lists.aremove(access, key, person)
    if what == "take-out" and entry is not None:
        return await lists.atake_out(access, key, [entry])
    if what not in {"up", "down", "add", "clean"}:
        return None
    # These go by what the site has.
    answer = await ask_site(access, lambda catalog: ())
    if answer.catalog is None:
        raise lists.ListRefused(_("Nothing of this site is known yet. Try again when it answers."))
    entries = await lists.aentries_of(found)
    known = known_entries(answer.catalog, entries)
    if what == "clean":
        return await lists.atake_out(access, key, [each for each in entries if each not in known])
    if entry is None or not known_entries(answer.catalog, [entry]):
        return None
    if what == "add":
        return await lists.aadd(access, key, entry)
    return await lists.amove(access, key, entry, known, up=what == "up")


async def _edit_page(request: PageRequest, access: SiteAccess, found: WatchList, *, trouble: str = "") -> HttpResponse:
    answer = await ask_site(access, lambda catalog: ())
    words = " ".join((request.POST if trouble else request.GET).get("q", "")[:MAX_WORDS].split())
    entries = await lists.aentries_of(found)
    context = await followed_place(access) | {
        "list": found,
        "here": reverse("lists:edit", args=[access.site.slug, found.pk]),
        "words": words,
        "trouble": trouble or _silence(access, answer),
        "max_name": MAX_NAME,
        "max_entries": MAX_ENTRIES,
    }
    if answer.catalog is not None:
        scene = trend_page_context(access, answer, "")[1]
        shown = show_entries(answer.catalog, entries, {}, scene, access.site.slug)
        candidates, more = find_candidates(answer.catalog, words, entries)
        gone = len(entries) - len(shown)
        context |= {"entries": shown, "gone": gone, "candidates": candidates, "more": more, "known": True}
    return render(request, "watch/edit.html", context, status=400 if trouble else 200)


async def _access(request: PageRequest, slug: str) -> SiteAccess:
    return await aget_site_for(await request.auser(), slug, scope=VALUES, session=request.session)


async def _find(access: SiteAccess, key: UUID, *, own: bool = False) -> WatchList:
    found = await lists.afind(access, key)
    if found is None or (own and found.owner_id != access.user_id):
        raise Http404(NOT_FOUND)
    return found


def _counted(found: list[WatchList], catalog: Catalog | None) -> list[tuple[WatchList, int | None]]:
    """Each with how many of its entries this person sees; None while the site has told nothing."""
    return [(each, None if catalog is None else len(known_entries(catalog, lists.entries_of(each)))) for each in found]


def _silence(access: SiteAccess, answer: SiteAnswer) -> str:
    if answer.catalog is not None or known_catalog(access) is not None:
        return ""
    return _("Nothing of this site is known yet. What stands in the list is shown when it answers.")


def _read_entry(form: QueryDict) -> Entry | None:
    asset, tag = form.get("asset", ""), form.get("tag", "")
    name = tag or asset
    if bool(asset) == bool(tag) or len(name) > MAX_ID or not re.match(ID_PATTERN, name):
        return None
    return Entry(asset, tag)


def _read_key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _to(name: str, slug: str, key: UUID | None = None, query: str = "") -> HttpResponse:
    address = reverse(name, args=[slug] if key is None else [slug, key])
    return HttpResponseRedirect(f"{address}{query}", status=303)
