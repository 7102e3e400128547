"""A site's screens as another person sees them, for an administrator: pictures of the moment, to read only.

Nothing is asked of the site in the other person's name. Values come under the administrator's own live grant; without
one they are left out, and of the site's structure there is only what the web app knows already.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.roles import role_words
from hmi.live.clock import now_ms
from hmi.live.first_paint import LinkSummary, known_catalog, link_summary
from hmi.live.pictures import asset_picture, site_picture
from hmi.screens.asking import SiteAnswer, ask_site
from hmi.screens.contexts import asset_context, link_only_context, silent_asset_context, site_context
from hmi.screens.requests import PageRequest, wants_part
from hmi.screens.views import list_wish
from hmi.sites import view_as
from hmi.sites.access import NOT_FOUND, SiteAccess, get_site_for
from hmi.sites.catalog import Catalog
from hmi.sites.explain import Reason, explain_access
from hmi.sites.models import ViewAs
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID

VALUES = "data:live"


@dataclasses.dataclass(frozen=True)
class Looking:
    """``seen`` is the other person's access, ``own`` the administrator's with values; either may not exist."""

    view: ViewAs
    seen: SiteAccess | None
    own: SiteAccess | None
    reasons: tuple[Reason, ...] = ()


@require_safe
async def site(request: PageRequest) -> HttpResponse:
    """The overview of the site; for htmx, when order or area is switched, the list alone."""
    looking = await _looking(request)
    if looking is None:
        return _over(request)
    seen = looking.seen
    if seen is None:
        return _show(request, looking, "screens/view_as_nothing.html", {"reasons": looking.reasons})
    if not seen.allows(VALUES):
        context = link_only_context(seen, link_summary(seen), now_ms())
        return _show(request, looking, "screens/view_as_link_only.html", context)
    answer = await _answer(looking, seen, lambda catalog: site_picture(catalog).watched)
    context = site_context(seen, answer, **list_wish(request))
    if wants_part(request) and answer.catalog is not None:
        return _show(request, looking, "screens/_list_switched.html", context)
    return _show(request, looking, "screens/view_as_site.html", context)


@require_safe
async def asset(request: PageRequest, asset_id: str, kind: str) -> HttpResponse:
    """The page of one tank (``kind`` "tanks") or of a pump or another unit ("units")."""
    looking = await _looking(request)
    if looking is None:
        return _over(request)
    seen = looking.seen
    is_id = len(asset_id) <= MAX_ID and re.match(ID_PATTERN, asset_id)
    if seen is None or not seen.allows(VALUES) or not is_id:
        raise Http404(NOT_FOUND)  # as the other person gets it
    answer = await _answer(looking, seen, lambda catalog: asset_picture(catalog, asset_id).watched)
    if answer.catalog is None:
        return _show(request, looking, "screens/view_as_asset.html", silent_asset_context(seen, answer, ""))
    found = answer.catalog.asset(asset_id)
    if found is None or (found.kind == "tank") != (kind == "tanks"):
        raise Http404(NOT_FOUND)
    return _show(request, looking, "screens/view_as_asset.html", asset_context(seen, answer, found, ""))


@require_POST
def end(request: PageRequest) -> HttpResponse:
    """Stop at once, and back to where it began."""
    view = view_as.current(request.user, request.session.session_key)
    address = reverse("admin:sites_grant_why")
    if view is None:
        if not view_as.may_view_as(request.user):
            raise Http404(NOT_FOUND)
        return HttpResponseRedirect(address, status=303)
    view_as.end(view, "by button")
    query = urlencode({"person": view.person.get_username(), "site": view.site.slug})
    return HttpResponseRedirect(f"{address}?{query}", status=303)


@sync_to_async
def _looking(request: PageRequest) -> Looking | None:
    """What this request may look at; ``None`` when it ended; ``Http404`` for whoever may not do this at all."""
    view = view_as.current(request.user, request.session.session_key)
    if view is None:
        if not view_as.may_view_as(request.user):
            raise Http404(NOT_FOUND)
        return None
    slug = view.site.slug
    seen = _access(view.person, slug, "status:read")
    own = _access(request.user, slug, VALUES, request.session)
    reasons = () if seen else tuple(explain_access(view.person, view.site))
    return Looking(view, seen, own, reasons)


def _access(person: Any, slug: str, scope: str, session: Any = None) -> SiteAccess | None:
    try:
        return get_site_for(person, slug, scope=scope, session=session)
    except Http404:
        return None


async def _answer(looking: Looking, seen: SiteAccess, choose: Callable[[Catalog], Collection[str]]) -> SiteAnswer:
    if looking.own is not None:
        return await ask_site(looking.own, choose)
    known = link_summary(seen)
    return SiteAnswer(LinkSummary(known.link, known.agent_time), known_catalog(seen), stale=True)


def _show(request: PageRequest, looking: Looking, template: str, context: dict[str, Any]) -> HttpResponse:
    there, here = reverse("screens:site", args=[looking.view.site.slug]), reverse("view-as:site")
    led = {name: _lead(value, there, here) for name, value in context.items()}
    banner = {
        "looking": looking,
        "seen_role": role_words(looking.seen.role_name) if looking.seen is not None else "",
        "values_left_out": looking.own is None and looking.seen is not None,
    }
    return render(request, template, led | banner | {"live_path": "", "site_href": here})


def _over(request: PageRequest) -> HttpResponse:
    return render(request, "screens/view_as_over.html", status=403)


def _lead(value: Any, there: str, here: str) -> Any:
    """The same presented thing, its links leading to the pages here instead of the administrator's own."""
    if isinstance(value, tuple):
        led = [_lead(each, there, here) for each in value]
        return type(value)(*led) if hasattr(value, "_fields") else tuple(led)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    changes = {}
    for field in dataclasses.fields(value):
        before = getattr(value, field.name)
        if field.name == "href" and isinstance(before, str) and before.startswith(there):
            changes["href"] = here + before.removeprefix(there)
        elif (after := _lead(before, there, here)) is not before:
            changes[field.name] = after
    return dataclasses.replace(value, **changes) if changes else value
