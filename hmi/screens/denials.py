"""A page of a site that is not open to somebody who knows the site: says why in words, and offers the way to ask."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from accounts.audit.floods import try_record_refusal
from accounts.roles import role_words
from hmi.screens.above_sites import above
from hmi.screens.place_pages import followed_place
from hmi.screens.requests import PageRequest, wants_part
from hmi.sites.access import asites_for, get_site_for
from hmi.sites.access_requests import AccessRequest
from hmi.sites.denials import Denial, afind_denial

VALUES = "data:live"
View = Callable[..., Coroutine[Any, Any, HttpResponse]]


def says_why(scope: str) -> Callable[[View], View]:
    """Around a page of the site ``slug`` that needs ``scope``: its 404 becomes a 403 with the reason.

    A 404 stays one for whoever never had a grant at the site, and for a thing that is not there at an open site.
    """

    def wrap(view: View) -> View:
        @wraps(view)
        async def guarded(request: PageRequest, slug: str, **path: Any) -> HttpResponse:
            try:
                return await view(request, slug, **path)
            except Http404:
                person = await request.auser()
                denial = await afind_denial(person, slug, scope, request.session)
                await _note(request, person, slug, scope, denial)
                if denial is None:
                    raise
                return await _show(request, person, denial)

        return guarded

    return wrap


@database_sync_to_async
def _note(request: PageRequest, person: Any, slug: str, scope: str, denial: Denial | None) -> None:
    """Every denied attempt is an event (IEC 62443-3-3, SR 2.8), a stranger's too; a missing thing at an open site is
    none. What was typed as a site's name is kept only as far as it could be one."""
    if denial is None:
        try:
            get_site_for(person, slug, scope=scope, session=request.session)
        except Http404:
            try_record_refusal(
                "site:page:refused", request=request, actor=person, subject=slug[:64],
                facts={"scope": scope, "why": "no-grant"},
            )  # fmt: skip
        return
    try_record_refusal(
        "site:page:refused", request=request, actor=person, site_id=denial.site.pk, site=denial.site.slug,
        facts={"scope": scope, "why": denial.reason.why.value},
    )  # fmt: skip


async def _show(request: PageRequest, person: Any, denial: Denial) -> HttpResponse:
    waiting = await _waiting(person, denial)
    role = role_words(waiting.role.name) if waiting is not None and waiting.role is not None else gettext("access")
    context = {"denial": denial, "waiting": waiting, "waiting_for": role, "support": settings.SUPPORT_CONTACT}
    if not wants_part(request):
        return render(request, "screens/denied.html", context | await _around(request, person, denial), status=403)
    response = render(request, "screens/_denied.html", context, status=403)
    # What stands on the open page is not this person's any more: the whole page goes, and comes back as this one.
    response.headers["HX-Refresh"] = "true"
    return response


async def _around(request: PageRequest, person: Any, denial: Denial) -> dict[str, Any]:
    """Strip and banner: those of the site where the person sees its values, else those over all their sites."""
    accesses = await asites_for(person, session=request.session)
    here = next((access for access in accesses if access.site.pk == denial.site.pk), None)
    if here is not None and here.allows(VALUES):
        return await followed_place(here) | {"layout": "screens/place_page.html"}
    return {"above": await above(accesses), "layout": "screens/above_page.html"}


@database_sync_to_async
def _waiting(person: Any, denial: Denial) -> AccessRequest | None:
    """The person's own request that waits for an answer at this site."""
    rows = AccessRequest.objects.open().filter(person_id=person.pk, site_slug=denial.site.slug)
    return rows.select_related("role").first()
