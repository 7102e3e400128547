"""What the pages of changing something are given: the change in front of its person, the dialog, why it is closed."""

from __future__ import annotations

import time
import zoneinfo
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.assurance import read_assurance
from accounts.factors import has_second_factor
from hmi.controls import changes, sending
from hmi.controls.models import SCOPES, Change, Kind, State
from hmi.controls.offers import Offer, find_offer
from hmi.controls.standing import why_closed
from hmi.languages.unit_choice import AS_SENT, units_now
from hmi.live.first_paint import known_catalog, latest_readings, link_summary
from hmi.live.pictures import asset_picture
from hmi.screens.asking import SiteAnswer, ask_site
from hmi.screens.contexts import asset_context, silent_asset_context
from hmi.screens.presenters.controls import change_address, moved_words, show_change
from hmi.screens.presenters.overview import asset_address
from hmi.screens.presenters.values import Scene, show_value, shown_tag
from hmi.screens.requests import PageRequest
from hmi.sites.access import NOT_FOUND, SiteAccess, aget_site_for

WAITS = frozenset({State.SENDING, State.ASKED, State.APPROVED})  # somebody else's turn
MARGIN = 5  # seconds: a second factor that runs out while the change is on its way is asked for before
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


async def find_change(request: PageRequest, slug: str, key: UUID, kind: Kind) -> Found:
    person = await request.auser()
    access = await aget_site_for(person, slug, scope=SCOPES[kind], session=request.session)
    found = await changes.afind(access.site.id, key, kind, person)
    if found is None:
        raise Http404(NOT_FOUND)
    return Found(person, access, found)


async def ask_around(found: Found) -> SiteAnswer:
    return await ask_site(found.access, lambda catalog: asset_picture(catalog, found.change.asset).watched)


def known_around(found: Found) -> SiteAnswer:
    """What the web app knows by itself: a page that asks every second must not ask the site."""
    summary = link_summary(found.access)
    catalog = known_catalog(found.access)
    tags = () if catalog is None else asset_picture(catalog, found.change.asset).watched
    return SiteAnswer(summary, catalog, latest_readings(found.access, tags), stale=not summary.live)


async def change_context(request: PageRequest, found: Found, answer: SiteAnswer) -> dict[str, Any]:
    change, access = found.change, found.access
    now, zone = timezone.now(), zoneinfo.ZoneInfo(access.site.time_zone)
    offer = None if answer.catalog is None else find_offer(answer.catalog, Kind(change.kind), change.target)
    state = change.state_at(now)
    tag = None if offer is None else offer.tag
    context = page_context(access, answer, offer)
    acting = state in {State.DRAFT, State.APPROVED} if found.mine else state is State.ASKED
    closed = ""
    if acting:
        closed = _("The site does not offer this any more, or cannot be reached now.")
        closed = closed if offer is None else closed_words(access, answer, offer)
    factor = await confirming(request, change.reauth, change_address(change)) if acting else {}
    new_dialog = reverse(
        f"screens:{'setpoint' if change.is_setpoint else 'command'}", args=[access.site.slug, change.target]
    )
    return context | {
        "change": change, "shown": show_change(change, tag, now, zone), "state": state.value, "mine": found.mine,
        "closed": closed, "acting": acting, "must_confirm": False, "confirm_href": "",
        "act_href": change_address(change, "send" if found.mine else "agree"),
        "put_away_href": change_address(change, "put-away"), "ask_again_href": change_address(change, "ask-again"),
        "here": change_address(change), "again_href": new_dialog,
        "sent": change.sent_at is not None,
        # A part that fetches itself again must hold no button that somebody may be holding down.
        "waits": not acting and (state in WAITS or sending.is_followed(change)),
        "moved": moved_words(change, offer, answer.readings) if acting else "",
        "hold": change.confirm != "tap",
        **factor,
        "may_act": acting and not closed and not factor.get("must_confirm", True),
    }  # fmt: skip


def page_context(access: SiteAccess, answer: SiteAnswer, offer: Offer | None) -> dict[str, Any]:
    slug = access.site.slug
    asset = None if offer is None or answer.catalog is None else answer.catalog.asset(offer.asset)
    if asset is None or offer is None:
        return silent_asset_context(access, answer, f"/ws/sites/{slug}/") | {
            "empty": False, "asset_ids": shown_assets(answer),
        }  # fmt: skip
    address = asset_address(slug, asset)
    kind = "tanks" if asset.kind == "tank" else "units"
    context = asset_context(access, answer, asset, f"/ws/sites/{slug}/{kind}/{asset.id}/")
    sources = answer.summary.sources if answer.summary.live else {}
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    # What is set is set in the site's own unit, so its present value stands there in that unit too.
    now = answer.summary.agent_time
    scene = Scene(now=now, zone=zone, stale=answer.stale, sources=sources, units=AS_SENT)
    value = show_value(offer.tag, answer.readings.get(offer.tag.id), scene)
    own_unit = shown_tag(offer.tag, units_now()).is_converted
    return context | {"asset_href": address, "value": value, "own_unit": own_unit}


def closed_words(access: SiteAccess, answer: SiteAnswer, offer: Offer) -> str:
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    return why_closed(offer, answer.summary, answer.readings, zone, stale=answer.stale)


async def confirming(request: PageRequest, reauth: int, back: str) -> dict[str, Any]:
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


def shown_assets(answer: SiteAnswer) -> str:
    """All assets, as a page on the socket of the whole site says them: it would call the site changed otherwise."""
    return "" if answer.catalog is None else " ".join(asset.id for asset in answer.catalog.assets)
