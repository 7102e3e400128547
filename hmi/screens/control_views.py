"""The pages of changing something: the dialog, the change with its confirmation and its outcome, the second person's.

Each is found through the person's own grant for exactly the right that it needs. What was typed waits in the stored
change, never in an address, while the person shows a second factor and comes back.
"""

from __future__ import annotations

import re
import time
import zoneinfo
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.assurance import read_assurance
from accounts.factors import has_second_factor
from hmi.controls import changes, sending, tickets
from hmi.controls.models import SCOPES, Change, Kind, State
from hmi.controls.offers import Offer, find_offer
from hmi.controls.standing import why_closed
from hmi.controls.typed_values import MAX_TYPED, WrongValue, read_value
from hmi.live.first_paint import known_catalog, latest_readings, link_summary
from hmi.live.pictures import asset_picture
from hmi.screens.asking import SiteAnswer, ask_site
from hmi.screens.contexts import asset_context, silent_asset_context
from hmi.screens.denials import says_why
from hmi.screens.presenters.controls import (
    ShownAction,
    change_address,
    limit_words,
    show_change,
    show_choices,
    show_trace,
    shown_value,
    with_unit,
)
from hmi.screens.presenters.overview import asset_address
from hmi.screens.presenters.values import Scene, show_value
from hmi.screens.requests import PageRequest, wants_part
from hmi.sites.access import NOT_FOUND, SiteAccess, aget_site_for
from hmi.sites.catalog import Catalog
from hmi.sites.errors import SiteError
from hmi.sites.gateway import get_gateway
from relay_bridge.contract.acting import MAX_WHY
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID

SHORTEST_WHY = 3  # characters of a reason
MARGIN = 5  # seconds: a second factor that runs out while the change is on its way is asked for before
REASONS = ("As planned", "Asked for by the control room", "Maintenance", "Test")
VALUES = "data:live"

View = Callable[..., Coroutine[Any, Any, HttpResponse]]
_has_second_factor = sync_to_async(has_second_factor)


@dataclass(frozen=True)
class Found:
    """A stored change, in front of somebody who may look at it."""

    person: Any
    access: SiteAccess
    change: Change

    @property
    def mine(self) -> bool:
        return bool(self.change.person_id == self.person.pk)


# --- the dialog -------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
async def dialog(request: PageRequest, slug: str, target: str, kind: Kind) -> HttpResponse:
    """Old value, new value, limits, reason. What is sent here is stored, and sent to the plant by the next page."""
    person = await request.auser()
    access = await aget_site_for(person, slug, scope=SCOPES[kind], session=request.session)
    if len(target) > MAX_ID or not re.match(ID_PATTERN, target):
        raise Http404(NOT_FOUND)
    if request.method == "HEAD":
        return HttpResponse()
    answer = await ask_site(access, lambda catalog: _around(catalog, kind, target))
    if answer.catalog is None:
        context = silent_asset_context(access, answer, "")
        return render(request, "controls/dialog.html", context | {"closed": "The site cannot be reached now."})
    offer = find_offer(answer.catalog, kind, target)
    if offer is None:
        raise Http404(NOT_FOUND)
    error = ""
    if request.method == "POST":
        try:
            change = await _draft(request, access, answer, offer)
        except (WrongValue, tickets.TicketRefused, changes.StepRefused) as refusal:
            error = str(refusal)
        else:
            return HttpResponseRedirect(change_address(change), status=303)
    return render(request, "controls/dialog.html", await _dialog_context(request, access, answer, offer, error))


async def _draft(request: PageRequest, access: SiteAccess, answer: SiteAnswer, offer: Offer) -> Change:
    ticket = tickets.read_ticket(request.POST.get("ticket", ""), access, offer)
    value = True if offer.kind is Kind.COMMAND else read_value(
        offer, request.POST.get("value", "")[: MAX_TYPED + 1], ticket.expected
    )  # fmt: skip
    why = " ".join(request.POST.get("why", "").split())
    if not SHORTEST_WHY <= len(why) <= MAX_WHY:
        raise WrongValue(f"Say why, in {SHORTEST_WHY} to {MAX_WHY} characters.")
    closed = _closed(access, answer, offer)
    if closed:
        raise WrongValue(closed)
    assert answer.catalog is not None  # noqa: S101 - the offer is from it
    asset = answer.catalog.asset(offer.asset)
    name = f"{(asset.name or asset.id) if asset else offer.asset}: {offer.name}"[:250]
    wished = changes.Wished(value, shown_value(offer, value)[:200], why, name)
    change = await changes.adraft(access, offer, ticket, wished)
    change.site = access.site
    return change


async def _dialog_context(
    request: PageRequest, access: SiteAccess, answer: SiteAnswer, offer: Offer, error: str
) -> dict[str, Any]:
    reading = answer.readings.get(offer.tag.id)
    closed = _closed(access, answer, offer)
    ticket = ""
    if reading is not None and not closed:
        shown = with_unit(reading.value if offer.expect is None else offer.expect, offer.tag)
        ticket = tickets.issue_ticket(access, offer, reading, shown[:200])
    return _page_context(access, answer, offer) | {
        "offer": offer, "closed": closed, "error": error, "ticket": ticket,
        "is_setpoint": offer.kind is Kind.SETPOINT, "limits": limit_words(offer),
        "choices": show_choices(offer, reading.value if reading else None),
        "expects": "" if offer.expect is None else with_unit(offer.expect, offer.tag),
        "typed": request.POST.get("value", "")[:MAX_TYPED], "why": request.POST.get("why", "")[:MAX_WHY],
        "max_why": MAX_WHY, "reasons": REASONS, "two_persons": offer.confirm == "two_person",
        **await _confirming(request, offer.reauth, request.get_full_path()),
    }  # fmt: skip


# --- the change -------------------------------------------------------------------------------------------------------


@require_safe
async def change(request: PageRequest, slug: str, key: UUID, kind: Kind) -> HttpResponse:
    """The change as it stands: to be confirmed, on its way, or with its outcome. The same on every device."""
    found = await _find(request, slug, key, kind)
    if request.method == "HEAD":
        return HttpResponse()
    if wants_part(request):
        context = await _change_context(request, found, _known(found))
        return render(request, "controls/_change.html", context)
    return await _change_page(request, found)


@require_http_methods(["GET", "HEAD", "POST"])
async def send(request: PageRequest, slug: str, key: UUID, kind: Kind) -> HttpResponse:
    """GET: the second page, for whoever cannot hold a button down. POST: send it, once, whatever comes twice."""
    found = await _find(request, slug, key, kind)
    change = found.change
    here = change_address(change)
    if not found.mine:
        raise Http404(NOT_FOUND)
    state = change.state_at(timezone.now())
    if state not in {State.DRAFT, State.APPROVED}:
        return HttpResponseRedirect(here, status=303)
    answer = await _answer(found)
    context = await _change_context(request, found, answer)
    if request.method != "POST":
        template = "controls/sure.html" if context["may_act"] else "controls/change.html"
        return render(request, template, context | {"act_href": change_address(change, "send")})
    if context["must_confirm"]:
        return HttpResponseRedirect(context["confirm_href"], status=303)
    if context["closed"]:
        return render(request, "controls/change.html", context)
    if change.two_persons and state is State.DRAFT:
        await changes.aask_second(change, found.person)
    elif await changes.abegin(change, found.person):
        sending.start(change, found.access)
    return HttpResponseRedirect(here, status=303)


@require_http_methods(["GET", "HEAD", "POST"])
async def agree(request: PageRequest, slug: str, key: UUID, kind: Kind) -> HttpResponse:
    """The second person: GET the page without holding, POST to agree to exactly this change."""
    found = await _find(request, slug, key, kind)
    here = change_address(found.change)
    if found.mine:
        raise Http404(NOT_FOUND)
    context = await _change_context(request, found, await _answer(found))
    if request.method != "POST":
        template = "controls/sure.html" if context["may_act"] else "controls/change.html"
        return render(request, template, context | {"act_href": change_address(found.change, "agree")})
    if context["must_confirm"]:
        return HttpResponseRedirect(context["confirm_href"], status=303)
    try:
        await changes.aagree(found.change, found.person)
    except changes.StepRefused as refusal:
        return render(request, "controls/change.html", context | {"note": str(refusal)})
    return HttpResponseRedirect(here, status=303)


@require_POST
async def put_away(request: PageRequest, slug: str, key: UUID, kind: Kind) -> HttpResponse:
    """Give it up, or decline it as the second person. What was sent is sent."""
    found = await _find(request, slug, key, kind)
    await changes.aput_away(found.change, found.person)
    to = change_address(found.change) if found.mine else reverse("screens:actions", args=[slug])
    return HttpResponseRedirect(to, status=303)


@require_POST
async def ask_again(request: PageRequest, slug: str, key: UUID, kind: Kind) -> HttpResponse:
    """Ask the site once more what became of it, under the same key; nothing is sent again."""
    found = await _find(request, slug, key, kind)
    if not found.mine:
        raise Http404(NOT_FOUND)
    note = ""
    if found.change.state_at(timezone.now()) is State.UNKNOWN and not found.change.settled:
        note = await sending.ask_again(found.change, found.access)
    if not note:
        return HttpResponseRedirect(change_address(found.change), status=303)
    found = await _find(request, slug, key, kind)
    return render(
        request, "controls/change.html", await _change_context(request, found, _known(found)) | {"note": note}
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
        "traced": traced, "trace_trouble": trouble, "empty": False,
    }  # fmt: skip
    return render(request, "controls/actions.html", context)


def by_kind(view: View) -> dict[Kind, View]:
    """The view for each kind, open to whoever holds that kind's right; others read why it is shut."""
    return {kind: says_why(scope)(view) for kind, scope in SCOPES.items()}


# --- inside -----------------------------------------------------------------------------------------------------------


async def _find(request: PageRequest, slug: str, key: UUID, kind: Kind) -> Found:
    person = await request.auser()
    access = await aget_site_for(person, slug, scope=SCOPES[kind], session=request.session)
    found = await changes.afind(access.site.id, key, kind, person)
    if found is None:
        raise Http404(NOT_FOUND)
    return Found(person, access, found)


async def _answer(found: Found) -> SiteAnswer:
    return await ask_site(found.access, lambda catalog: asset_picture(catalog, found.change.asset).watched)


def _known(found: Found) -> SiteAnswer:
    """What the web app knows by itself: a page that asks every second must not ask the site."""
    summary = link_summary(found.access)
    catalog = known_catalog(found.access)
    tags = () if catalog is None else asset_picture(catalog, found.change.asset).watched
    return SiteAnswer(summary, catalog, latest_readings(found.access, tags), stale=not summary.live)


async def _change_page(request: PageRequest, found: Found) -> HttpResponse:
    return render(request, "controls/change.html", await _change_context(request, found, await _answer(found)))


async def _change_context(request: PageRequest, found: Found, answer: SiteAnswer) -> dict[str, Any]:
    change, access = found.change, found.access
    now, zone = timezone.now(), zoneinfo.ZoneInfo(access.site.time_zone)
    offer = None if answer.catalog is None else find_offer(answer.catalog, Kind(change.kind), change.target)
    state = change.state_at(now)
    tag = None if offer is None else offer.tag
    context = _page_context(access, answer, offer)
    acting = state in {State.DRAFT, State.APPROVED} if found.mine else state is State.ASKED
    closed = ""
    if acting:
        closed = "The site does not offer this any more, or cannot be reached now."
        closed = closed if offer is None else _closed(access, answer, offer)
    confirming = await _confirming(request, change.reauth, change_address(change)) if acting else {}
    new_dialog = reverse(
        f"screens:{'setpoint' if change.is_setpoint else 'command'}", args=[access.site.slug, change.target]
    )
    return context | {
        "change": change, "shown": show_change(change, tag, now, zone), "state": state.value, "mine": found.mine,
        "closed": closed, "acting": acting, "must_confirm": False, "confirm_href": "",
        "act_href": change_address(change, "send" if found.mine else "agree"),
        "put_away_href": change_address(change, "put-away"), "ask_again_href": change_address(change, "ask-again"),
        "here": change_address(change), "again_href": new_dialog,
        "sent": change.sent_at is not None, "waits": state in {State.SENDING, State.ASKED},
        "hold": change.confirm != "tap",
        **confirming,
        "may_act": acting and not closed and not confirming.get("must_confirm", True),
    }  # fmt: skip


def _page_context(access: SiteAccess, answer: SiteAnswer, offer: Offer | None) -> dict[str, Any]:
    slug = access.site.slug
    asset = None if offer is None or answer.catalog is None else answer.catalog.asset(offer.asset)
    if asset is None or offer is None:
        return silent_asset_context(access, answer, f"/ws/sites/{slug}/") | {"empty": False}
    address = asset_address(slug, asset)
    kind = "tanks" if asset.kind == "tank" else "units"
    context = asset_context(access, answer, asset, f"/ws/sites/{slug}/{kind}/{asset.id}/")
    sources = answer.summary.sources if answer.summary.live else {}
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    scene = Scene(now=answer.summary.agent_time, zone=zone, stale=answer.stale, sources=sources)
    value = show_value(offer.tag, answer.readings.get(offer.tag.id), scene)
    return context | {"asset_href": address, "value": value}


def _closed(access: SiteAccess, answer: SiteAnswer, offer: Offer) -> str:
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    return why_closed(offer, answer.summary, answer.readings, zone, stale=answer.stale)


async def _confirming(request: PageRequest, reauth: int, back: str) -> dict[str, Any]:
    """Whether a second factor must be shown first, where, and whether there is one at all."""
    assurance = await sync_to_async(read_assurance)(request.session)
    now = time.time()
    fresh = assurance.is_stepped_up(now) and now - assurance.stepped_up_at <= reauth - MARGIN
    return {
        "must_confirm": not fresh,
        "confirm_href": f"{reverse('accounts:confirm')}?{urlencode({'next': back})}",
        "has_factor": fresh or await _has_second_factor(await request.auser()),
        "reauth_minutes": max(1, reauth // 60),
    }


def _around(catalog: Catalog, kind: Kind, target: str) -> frozenset[str]:
    offer = find_offer(catalog, kind, target)
    return frozenset() if offer is None else asset_picture(catalog, offer.asset).watched


async def _trace(
    access: SiteAccess, answer: SiteAnswer, zone: zoneinfo.ZoneInfo
) -> tuple[tuple[ShownAction, ...], str]:
    if answer.catalog is None:
        return (), "The site cannot be asked now."
    try:
        rows = await get_gateway().trace(access)
    except SiteError:
        return (), "The site did not answer."
    tags = {tag.id: tag for tag in answer.catalog.tags}
    return show_trace(rows, tags, zone, answer.summary.agent_time), ""
