"""Labels in the administration: an action and a link of a site lead to a page where ids are typed, and that prints.

Whoever may look at the site may print them: a label says where something is and opens nothing. The ids are typed or
pasted, because administrators see no process data; for somebody who has values there by a grant of their own, those
of the site's catalog stand in the field already.
"""

from __future__ import annotations

import asyncio
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from hmi.sites.access import SiteAccess, get_site_for
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable
from hmi.sites.gateway import get_gateway
from hmi.sites.labels import MAX_LABELS, MAX_WORDS, NoLabels, make_labels
from hmi.sites.models import Site

VALUES = "data:live"
DEADLINE = 2.0  # seconds for the site's names; without them the field is empty
MAX_TYPED = MAX_LABELS * 200  # characters


class LabelActions:
    """The action and the page of ``SiteAdmin``, which mixes this in."""

    @admin.action(description="Print labels for tanks and units", permissions=["view"])
    def print_labels(self: Any, request: HttpRequest, sites: QuerySet[Site]) -> HttpResponse | None:
        site = sites.first()
        if site is None or sites.count() != 1:
            self.message_user(request, "Choose one site: its labels are printed together.", messages.WARNING)
            return None
        return HttpResponseRedirect(reverse("admin:sites_site_labels", args=[site.pk]))

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.labels_view)
        return [path("<uuid:object_id>/labels/", view, name="sites_site_labels"), *super().get_urls()]  # type: ignore[misc]

    def labels_view(self: Any, request: HttpRequest, object_id: Any) -> HttpResponse:
        site = Site.objects.filter(pk=object_id).first()
        if site is None:
            raise Http404("There is no such site.")
        if not self.has_view_permission(request, site):
            raise PermissionDenied
        typed = request.POST.get("assets", "")[:MAX_TYPED]
        problem = ""
        if request.method == "POST":
            try:
                labels = make_labels(site, typed)
            except NoLabels as refused:
                problem = str(refused)
            else:
                context = {"site": site, "labels": labels, "title": f"Labels of {site.name}"}
                return TemplateResponse(request, "admin/sites/labels_print.html", context)
        else:
            typed = _known_ids(request, site)
        context = {
            **self.admin_site.each_context(request), "title": f"Labels of {site.name}", "opts": self.model._meta,  # noqa: SLF001
            "site": site, "typed": typed, "problem": problem, "most": MAX_LABELS, "words": MAX_WORDS,
        }  # fmt: skip
        return TemplateResponse(request, "admin/sites/labels.html", context)


def _known_ids(request: HttpRequest, site: Site) -> str:
    """A line for each asset, when this person may see the site's catalog; empty otherwise."""
    try:
        access = get_site_for(request.user, site.slug, scope=VALUES, session=request.session)
        assets = async_to_sync(_assets)(access)
    except (Http404, SiteUnreachable, SiteRefused, AccessEnded, TimeoutError):
        return ""
    return "\n".join(assets[:MAX_LABELS])


async def _assets(access: SiteAccess) -> list[str]:
    async with asyncio.timeout(DEADLINE):
        catalog = await get_gateway().catalog(access)
    lines = []
    for asset in catalog.assets:
        name = " ".join(letter for letter in asset.name.split() if letter.isprintable())[:MAX_WORDS]
        lines.append(asset.id if name in {"", asset.id} else f"{asset.id} {name}")
    return lines
