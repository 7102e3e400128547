"""The address that stands on a printed label: it leads to the asset's page, for whoever may see it.

It holds the site's short word and the asset's id and opens nothing by itself: who scans it signs in as anywhere, and
whoever may not see the asset gets the page that every refusal gets.
"""

from __future__ import annotations

import re

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hmi.screens.asking import ask_site
from hmi.screens.contexts import silent_asset_context
from hmi.screens.denials import says_why
from hmi.screens.presenters.overview import asset_address
from hmi.screens.requests import PageRequest
from hmi.sites.access import NOT_FOUND, aget_site_for
from hmi.sites.catalog import Catalog
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID, CatalogAsset

VALUES = "data:live"


@require_safe
@says_why(VALUES)
async def label(request: PageRequest, slug: str, asset_id: str) -> HttpResponse:
    access = await aget_site_for(await request.auser(), slug, scope=VALUES, session=request.session)
    if len(asset_id) > MAX_ID or not re.match(ID_PATTERN, asset_id):
        raise Http404(NOT_FOUND)
    if request.method == "HEAD":
        return HttpResponse()
    answer = await ask_site(access, lambda catalog: ())
    if answer.catalog is None:  # the page opens by itself when the site answers
        return render(request, "screens/label_waits.html", silent_asset_context(access, answer, f"/ws/sites/{slug}/"))
    found = _find(answer.catalog, asset_id)
    if found is None:
        raise Http404(NOT_FOUND)
    return HttpResponseRedirect(asset_address(slug, found))


def _find(catalog: Catalog, asset_id: str) -> CatalogAsset | None:
    """By its id; written in other letter case only where that can mean one thing."""
    exact = catalog.asset(asset_id)
    if exact is not None:
        return exact
    alike = [asset for asset in catalog.assets if asset.id.casefold() == asset_id.casefold()]
    return alike[0] if len(alike) == 1 else None
