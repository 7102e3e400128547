"""The pages of a change: its confirmation and its outcome, the second person's, and one's own last actions.

Each is found through the person's own grant for exactly the right that it needs. What was typed waits in the stored
change, never in an address, while the person shows a second factor and comes back.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hmi.controls import changes, second_person, sending
from hmi.controls.models import SCOPES, Kind, State
from hmi.live.first_paint import ALARMS, alarm_book
from hmi.screens.asking import SiteAnswer, ask_site
from hmi.screens.contexts import silent_asset_context
from hmi.screens.control_pages import ask_around, change_context, find_change, known_around, shown_assets
from hmi.screens.denials import says_why
from hmi.screens.presenters.controls import ShownAction, change_address, show_change, show_trace
from hmi.screens.requests import PageRequest, wants_part
from hmi.sites.access import NOT_FOUND, SiteAccess, aget_site_for
from hmi.sites.errors import SiteError
from hmi.sites.gateway import get_gateway

VALUES = "data:live"

View = Callable[..., Coroutine[Any, Any, HttpResponse]]


@require_safe
async def change(request: PageRequest, slug: str, key: UUID, kind: Kind) -> HttpResponse:
    """The change as it stands: to be confirmed, on its way, or with its outcome. The same on every device."""
    found = await find_change(request, slug, key, kind)
    if request.method == "HEAD":
        return HttpResponse()
    if found.mine:
        sending.take_up(found.change, found.access)  # nobody follows it any more when its process is gone
    if wants_part(request):
        context = await change_context(request, found, known_around(found))
        return render(request, "controls/_change.html", context)
    return render(request, "controls/change.html", await change_context(request, found, await ask_around(found)))


@require_http_methods(["GET", "HEAD", "POST"])
async def send(request: PageRequest, slug: str, key: UUID, kind: Kind) -> HttpResponse:
    """GET: the second page, for whoever cannot hold a button down. POST: send it, once, whatever comes twice."""
    found = await find_change(request, slug, key, kind)
    change = found.change
    here = change_address(change)
    if not found.mine:
        raise Http404(NOT_FOUND)
    state = change.state_at(timezone.now())
    if state not in {State.DRAFT, State.APPROVED}:
        return HttpResponseRedirect(here, status=303)
    answer = await ask_around(found)
    context = await change_context(request, found, answer)
    if request.method != "POST":
        template = "controls/sure.html" if context["may_act"] else "controls/change.html"
        return render(request, template, context | {"act_href": change_address(change, "send")})
    if context["must_confirm"]:
        return HttpResponseRedirect(context["confirm_href"], status=303)
    if context["closed"]:
        return render(request, "controls/change.html", context)
    if change.two_persons and state is State.DRAFT:
        await second_person.aask_second(change, found.person)
    elif await changes.abegin(change, found.person):
        sending.start(change, found.access)
    return HttpResponseRedirect(here, status=303)


@require_http_methods(["GET", "HEAD", "POST"])
async def agree(request: PageRequest, slug: str, key: UUID, kind: Kind) -> HttpResponse:
    """The second person: GET the page without holding, POST to agree to exactly this change."""
    found = await find_change(request, slug, key, kind)
    here = change_address(found.change)
    if found.mine:
        raise Http404(NOT_FOUND)
    context = await change_context(request, found, await ask_around(found))
    if request.method != "POST":
        template = "controls/sure.html" if context["may_act"] else "controls/change.html"
        return render(request, template, context | {"act_href": change_address(found.change, "agree")})
    if context["must_confirm"]:
        return HttpResponseRedirect(context["confirm_href"], status=303)
    if context["acting"] and context["closed"]:  # nobody agrees to what they cannot see
        return render(request, "controls/change.html", context)
    try:
        await second_person.aagree(found.change, found.person)
    except changes.StepRefused as refusal:
        return render(request, "controls/change.html", context | {"note": str(refusal)})
    return HttpResponseRedirect(here, status=303)


@require_POST
async def put_away(request: PageRequest, slug: str, key: UUID, kind: Kind) -> HttpResponse:
    """Give it up, or decline it as the second person. What was sent is sent."""
    found = await find_change(request, slug, key, kind)
    await changes.aput_away(found.change, found.person)
    to = change_address(found.change) if found.mine else reverse("screens:actions", args=[slug])
    return HttpResponseRedirect(to, status=303)


@require_POST
async def ask_again(request: PageRequest, slug: str, key: UUID, kind: Kind) -> HttpResponse:
    """Ask the site once more what became of it, under the same key; nothing is sent again."""
    found = await find_change(request, slug, key, kind)
    if not found.mine:
        raise Http404(NOT_FOUND)
    note = ""
    if found.change.state_at(timezone.now()) is State.UNKNOWN and not found.change.settled:
        note = await sending.ask_again(found.change, found.access)
    if not note:
        return HttpResponseRedirect(change_address(found.change), status=303)
    found = await find_change(request, slug, key, kind)
    return render(
        request, "controls/change.html", await change_context(request, found, known_around(found)) | {"note": note}
    )


@require_safe
@says_why(VALUES)
async def actions(request: PageRequest, slug: str) -> HttpResponse:
    """What waits for this person's agreement, and their own last actions here, as web app and site have them."""
    person = await request.auser()
    access = await aget_site_for(person, slug, scope=VALUES, session=request.session)
    if request.method == "HEAD":
        return HttpResponse()
    answer = await ask_site(access, lambda catalog: ())
    zone, now = zoneinfo.ZoneInfo(access.site.time_zone), timezone.now()
    own = await changes.aown(access.site.id, person)
    waiting = await changes.awaiting_for(access.site.id, person, access.scopes)
    for row in (*own, *waiting):
        row.site = access.site
    for row in own:
        row.person = person
    traced, trouble = await _trace(access, answer, zone)
    context = silent_asset_context(access, answer, f"/ws/sites/{slug}/") | {
        "own": [show_change(row, None, now, zone) for row in own],
        "waiting": [show_change(row, None, now, zone) for row in waiting],
        "asset_ids": shown_assets(answer), "traced": traced, "trace_trouble": trouble, "empty": False,
    }  # fmt: skip
    return render(request, "controls/actions.html", context)


def by_kind(view: View) -> dict[Kind, View]:
    """The view for each kind, open to whoever holds that kind's right; others read why it is shut."""
    return {kind: says_why(scope)(view) for kind, scope in SCOPES.items()}


async def _trace(
    access: SiteAccess, answer: SiteAnswer, zone: zoneinfo.ZoneInfo
) -> tuple[tuple[ShownAction, ...], str]:
    if answer.catalog is None:
        return (), _("The site cannot be asked now.")
    try:
        rows = await get_gateway().trace(access)
    except SiteError:
        return (), _("The site did not answer.")
    alarms = (await alarm_book(access)).rows if access.allows(ALARMS) else {}
    return show_trace(rows, answer.catalog, zone, answer.summary.agent_time, alarms), ""
