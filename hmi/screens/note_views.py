"""Notes on the screen: of one asset with the form for a new one, of a whole site, and a note's photo.

Whoever sees live values at the site reads them; writing needs ``note:write``. A photo has no address of its own outside
the grant: the file lies outside everything that is served, and this page asks for the access each time.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import zoneinfo
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from hmi.live.first_paint import link_summary
from hmi.notes import photos, writing
from hmi.notes.models import MAX_TEXT, Note
from hmi.screens.asking import ask_site
from hmi.screens.denials import says_why
from hmi.screens.place_pages import followed_place
from hmi.screens.presenters.notes import show_notes
from hmi.screens.presenters.overview import asset_address
from hmi.screens.requests import PageRequest
from hmi.sites.access import NOT_FOUND, SiteAccess, aget_site_for
from hmi.sites.plain_text import apart
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID, CatalogAsset

READ, WRITE = writing.READ, writing.WRITE


@require_safe
@says_why(READ)
async def site_notes(request: PageRequest, slug: str) -> HttpResponse:
    """The notes of a whole site, newest first."""
    access = await _access(request, slug)
    if request.method == "HEAD":
        return HttpResponse()
    return render(request, "notes/site.html", await _page(request, access, ""))


@require_safe
@says_why(READ)
async def asset_notes(request: PageRequest, slug: str, asset_id: str) -> HttpResponse:
    """The notes of one asset, and the form for a new one."""
    access = await _access(request, slug)
    _check_id(asset_id)
    if request.method == "HEAD":
        return HttpResponse()
    corrects = await _to_correct(access, asset_id, request.GET.get("corrects", ""))
    return await _asset_page(request, access, asset_id, corrects=corrects, typed=corrects.text if corrects else "")


@require_POST
@says_why(WRITE)
async def write(request: PageRequest, slug: str, asset_id: str) -> HttpResponse:
    """Take a new note: text, perhaps a photo. What is refused keeps what was typed."""
    person = await request.auser()
    access = await aget_site_for(person, slug, scope=WRITE, session=request.session)
    if not access.allows(READ):
        raise Http404(NOT_FOUND)
    _check_id(asset_id)
    typed = request.POST.get("text", "")[: 2 * MAX_TEXT]
    corrects = await _to_correct(access, asset_id, request.POST.get("corrects", ""))
    file = request.FILES.get("photo")
    try:
        asset = await _find_asset(access, asset_id)
        text = writing.check_text(request.POST.get("text", "")[: 20 * MAX_TEXT], has_photo=file is not None)
        photo = await _make_photo(file)
        name = (asset_id, asset.name or asset_id)
        await writing.awrite(access, person, name, text, photo=photo, corrects=corrects.pk if corrects else None)
    except (writing.NoteRefused, photos.PhotoRefused) as refused:
        return await _asset_page(request, access, asset_id, trouble=str(refused), typed=typed, corrects=corrects)
    return HttpResponseRedirect(reverse("notes:asset", args=[slug, asset_id]), status=303)


@require_POST
@says_why(WRITE)
async def withdraw(request: PageRequest, slug: str, key: UUID) -> HttpResponse:
    """Take an own note back. A second press finds nothing to take back, and shows the notes as they are."""
    person = await request.auser()
    access = await aget_site_for(person, slug, scope=WRITE, session=request.session)
    note = await writing.afind(access, key)
    if note is None or note.author_id != access.user_id or not access.allows(READ):
        raise Http404(NOT_FOUND)
    await writing.awithdraw(access, person, key)
    return HttpResponseRedirect(reverse("notes:asset", args=[slug, note.asset]), status=303)


@require_safe
@says_why(READ)
async def photo(request: PageRequest, slug: str, key: UUID) -> HttpResponse:
    """The picture of a note that was not withdrawn."""
    access = await _access(request, slug)
    note = await writing.afind(access, key)
    if note is None or not note.photo:
        raise Http404(NOT_FOUND)
    data = await asyncio.to_thread(photos.read, note.photo)
    if data is None:
        raise Http404(NOT_FOUND)
    response = HttpResponse(data, content_type=photos.TYPE)
    response.headers["Content-Disposition"] = f'inline; filename="note-{note.at:%Y%m%d-%H%M%S}.jpg"'
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


async def _asset_page(
    request: PageRequest,
    access: SiteAccess,
    asset_id: str,
    *,
    corrects: Note | None = None,
    typed: str = "",
    trouble: str = "",
) -> HttpResponse:
    answer = await ask_site(access, lambda catalog: ())
    asset = answer.catalog.asset(asset_id) if answer.catalog is not None else None
    context = await _page(request, access, asset_id)
    if answer.catalog is not None and asset is None and not context["notes"]:
        raise Http404(NOT_FOUND)
    slug = access.site.slug
    context |= {
        "asset_id": asset_id,
        "here": reverse("notes:asset", args=[slug, asset_id]),
        "asset_name": apart(asset.name or asset.id) if asset is not None else asset_id,
        "asset_href": asset_address(slug, asset) if asset is not None else "",
        "gone": answer.catalog is not None and asset is None,
        "corrects": corrects,
        "typed": typed,
        "trouble": trouble,
        "max_text": MAX_TEXT,
        "may_write": access.allows(WRITE),
        "ask_href": f"{reverse('screens:ask-for-access')}?site={slug}",
    }
    return render(request, "notes/asset.html", context, status=400 if trouble else 200)


async def _page(request: PageRequest, access: SiteAccess, asset: str) -> dict[str, Any]:
    summary, slug = link_summary(access), access.site.slug
    before = _read_moment(request.GET.get("before", ""))
    rows, more = await writing.aread_page(access, asset, before)
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    return await followed_place(access) | {
        "notes": show_notes(rows, slug, zone, summary.agent_time, access.user_id),
        "older": f"?before={int(rows[-1].at.timestamp() * 1000)}" if more else "",
        "newest": before is None,
    }


async def _access(request: PageRequest, slug: str) -> SiteAccess:
    return await aget_site_for(await request.auser(), slug, scope=READ, session=request.session)


async def _find_asset(access: SiteAccess, asset_id: str) -> CatalogAsset:
    """A note belongs to something that the site has; ``NoteRefused`` while that cannot be known."""
    answer = await ask_site(access, lambda catalog: ())
    if answer.catalog is None:
        raise writing.NoteRefused(
            _("Nothing of this site is known yet, so the note cannot be put anywhere. Try again when it answers.")
        )
    asset = answer.catalog.asset(asset_id)
    if asset is None:
        raise Http404(NOT_FOUND)
    return asset


async def _make_photo(file: UploadedFile | None) -> photos.KeptPhoto | None:
    if file is None or file.file is None:
        return None
    # With the language of the request, in which a refusal is said; a bare thread has none.
    return await sync_to_async(photos.make_photo, thread_sensitive=False)(file.file, file.size or 0)


async def _to_correct(access: SiteAccess, asset_id: str, text: str) -> Note | None:
    """The note that is being corrected: of this asset, not withdrawn."""
    try:
        key = UUID(text)
    except ValueError:
        return None
    note = await writing.afind(access, key)
    return None if note is None or note.asset != asset_id or note.withdrawn_at is not None else note


def _check_id(asset_id: str) -> None:
    if len(asset_id) > MAX_ID or not re.match(ID_PATTERN, asset_id):
        raise Http404(NOT_FOUND)


def _read_moment(text: str) -> dt.datetime | None:
    if not re.fullmatch(r"[0-9]{1,14}", text):
        return None
    return dt.datetime.fromtimestamp(int(text) / 1000, dt.UTC)
