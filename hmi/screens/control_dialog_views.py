"""The dialog of a setpoint or a command: old value, new value, limits, reason. What it makes is stored, not sent."""

from __future__ import annotations

import re
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from hmi.controls import changes, tickets
from hmi.controls.models import SCOPES, Change, Kind
from hmi.controls.offers import Offer, find_offer
from hmi.controls.typed_values import MAX_TYPED, WrongValue, read_value
from hmi.live.pictures import asset_picture
from hmi.screens.asking import SiteAnswer, ask_site
from hmi.screens.contexts import silent_asset_context
from hmi.screens.control_pages import closed_words, confirming, page_context
from hmi.screens.presenters.controls import change_address, kept_text, limit_words, show_choices, shown_value, with_unit
from hmi.screens.requests import PageRequest
from hmi.sites.access import NOT_FOUND, SiteAccess, aget_site_for
from hmi.sites.catalog import Catalog
from relay_bridge.contract.acting import MAX_WHY
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID

SHORTEST_WHY = 3  # characters of a reason
REASONS = (
    gettext_lazy("As planned"),
    gettext_lazy("Asked for by the control room"),
    gettext_lazy("Maintenance"),
    gettext_lazy("Test"),
)


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
        return render(request, "controls/dialog.html", context | {"closed": _("The site cannot be reached now.")})
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
        words = ngettext(
            "Say why, in %(least)d to %(most)d character.", "Say why, in %(least)d to %(most)d characters.", MAX_WHY
        )
        raise WrongValue(words % {"least": SHORTEST_WHY, "most": MAX_WHY})
    if not why.isprintable():  # a character that is not seen would stand in the records of both sides
        raise WrongValue(_("The reason holds characters that cannot be seen. Type it again."))
    closed = closed_words(access, answer, offer)
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
    closed = closed_words(access, answer, offer)
    ticket = ""
    if reading is not None and not closed:
        shown = kept_text(reading.value if offer.expect is None else offer.expect, offer.tag)
        ticket = tickets.issue_ticket(access, offer, reading, shown[:200])
    return page_context(access, answer, offer) | {
        "offer": offer, "closed": closed, "error": error, "ticket": ticket,
        "is_setpoint": offer.kind is Kind.SETPOINT, "limits": limit_words(offer),
        "choices": show_choices(offer, reading.value if reading else None),
        "expects": "" if offer.expect is None else with_unit(offer.expect, offer.tag),
        "typed": request.POST.get("value", "")[:MAX_TYPED], "why": request.POST.get("why", "")[:MAX_WHY],
        "max_why": MAX_WHY, "reasons": REASONS, "two_persons": offer.confirm == "two_person",
        **await confirming(request, offer.reauth, request.get_full_path()),
    }  # fmt: skip


def _around(catalog: Catalog, kind: Kind, target: str) -> frozenset[str]:
    offer = find_offer(catalog, kind, target)
    return frozenset() if offer is None else asset_picture(catalog, offer.asset).watched
