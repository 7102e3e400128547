"""What the templates of the pages are given, made from an access and a site's answer. No I/O."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from hmi.controls.standing import mode_words
from hmi.live.first_paint import LinkSummary
from hmi.screens.asking import SiteAnswer
from hmi.screens.presenters.alarm_banner import show_banner, show_counts
from hmi.screens.presenters.all_alarms import show_all_alarms
from hmi.screens.presenters.asset import show_asset_page
from hmi.screens.presenters.badges import ALL_BADGES
from hmi.screens.presenters.links import ShownLink, show_link
from hmi.screens.presenters.my_sites import ShownSite, SiteFacts, role_text, show_sites
from hmi.screens.presenters.overview import ALL, AS_LAID_OUT, ORDERS, SHOWS, show_overview
from hmi.screens.presenters.values import Scene
from hmi.screens.presenters.words import at, until_text
from hmi.sites.access import SiteAccess
from relay_bridge.contract.messages import CatalogAsset

MY_SITES_SOCKET = "/ws/my-sites/"
LINES_ALONE = f"{MY_SITES_SOCKET}?view=lines"  # without the favourites' values


def sites_context(
    accesses: Iterable[SiteAccess],
    summaries: Mapping[str, LinkSummary],
    now: int,
    ending: Mapping[str, datetime] | None = None,
) -> dict[str, Any]:
    """The page "my sites"; ``summaries`` and ``ending`` (when access ends soon) by slug, ``now`` in epoch ms."""
    accesses = list(accesses)
    return above_context(accesses, summaries, now) | {
        "sites": _shown_sites(accesses, summaries, now, ending or {}),
        "live_path": MY_SITES_SOCKET,
    }


def above_context(accesses: list[SiteAccess], summaries: Mapping[str, LinkSummary], now: int) -> dict[str, Any]:
    """What every page above the sites has: the strip, and the alarm banner over all of them."""
    zones = {access.site.time_zone for access in accesses}
    zone_name = zones.pop() if len(zones) == 1 else "UTC"
    return {
        "live_path": LINES_ALONE,
        "now": str(now),
        "zone_name": zone_name,
        "as_of": at(now, zoneinfo.ZoneInfo(zone_name)).strftime("%H:%M:%S"),
        "banner": show_all_alarms(accesses, summaries),
    }


def site_context(
    access: SiteAccess, answer: SiteAnswer, *, order: str = "", area: str = "", show: str = ""
) -> dict[str, Any]:
    """The overview of a site; an ``order``, ``area`` or ``show`` that does not exist is the usual one."""
    slug = access.site.slug
    context = _live_context(access, answer, f"/ws/sites/{slug}/")
    if answer.catalog is not None:
        context["overview"] = show_overview(
            answer.catalog,
            answer.readings,
            _scene(access, answer),
            slug,
            order=order if order in ORDERS else AS_LAID_OUT,
            area=area,
            show=show if show in SHOWS else ALL,
        )
        context["asset_ids"] = " ".join(asset.id for asset in answer.catalog.assets)
    return context


def asset_context(access: SiteAccess, answer: SiteAnswer, asset: CatalogAsset, socket: str) -> dict[str, Any]:
    """The page of one asset of the answer's catalog."""
    context = _live_context(access, answer, socket)
    assert answer.catalog is not None  # noqa: S101 - the asset was found in it
    scene = _scene(access, answer)
    context["asset"] = show_asset_page(answer.catalog, asset, answer.readings, scene, access.site.slug)
    context["asset_ids"] = asset.id
    return context


def silent_asset_context(access: SiteAccess, answer: SiteAnswer, socket: str) -> dict[str, Any]:
    """An asset's page while not even the site's catalog is known: it fills itself when the site answers."""
    return _live_context(access, answer, socket)


def trend_page_context(access: SiteAccess, answer: SiteAnswer, socket: str) -> tuple[dict[str, Any], Scene]:
    """Around a trend, and the conditions under which its present values are shown."""
    return _live_context(access, answer, socket), _scene(access, answer)


def place_context(access: SiteAccess, summary: LinkSummary) -> dict[str, Any]:
    """What every page of a site has: its name, link, clock and alarm banner."""
    return _place_context(access, summary)


def link_only_context(access: SiteAccess, summary: LinkSummary, now: int) -> dict[str, Any]:
    """A role without values follows the link through the socket of "my sites", which tells it nothing else."""
    card = _shown_sites([access], {access.site.slug: summary}, now)[0]
    return _place_context(access, summary) | {"live_path": MY_SITES_SOCKET, "site": card}


def _live_context(access: SiteAccess, answer: SiteAnswer, live_path: str) -> dict[str, Any]:
    context = _place_context(access, answer.summary)
    link: ShownLink = context["link"]
    trouble = ""
    if answer.trouble:
        trouble = f"{link.words}." if link.state in {"silent", "down"} else answer.trouble
    return context | {
        "live_path": live_path,
        "trouble": trouble,
        "trouble_passes": bool(trouble),  # the page's script takes it away when the site is there again
        "stale": answer.stale,
        "has_readings": bool(answer.readings),
        "empty": answer.catalog is None,
        "badges": ALL_BADGES,
    }


def _place_context(access: SiteAccess, summary: LinkSummary) -> dict[str, Any]:
    site = access.site
    zone = zoneinfo.ZoneInfo(site.time_zone)
    now = summary.agent_time
    state = summary.link
    told = (state.phase, state.since, state.reason) if state else ("", 0, "")
    return {
        "place": site.name,
        "site_href": reverse("screens:site", args=[site.slug]),
        "zone_name": site.time_zone,
        "now": str(now),
        "as_of": at(now, zone).strftime("%H:%M:%S"),
        "link": show_link(*told, zone, now),
        "mode": "" if summary.mode is None else mode_words(summary.mode, zone, now),
        "banner": show_banner(access, summary),
        "role": role_text(access.role_name),
        "until": until_text(access.valid_until, zone, now),
    }


def _scene(access: SiteAccess, answer: SiteAnswer) -> Scene:
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    summary = answer.summary
    # What a link said of sources counts while it is live; an idle one remembers only how they were.
    sources = summary.sources if summary.live else {}
    return Scene(now=summary.agent_time, zone=zone, stale=answer.stale, sources=sources)


def _shown_sites(
    accesses: list[SiteAccess],
    summaries: Mapping[str, LinkSummary],
    now: int,
    ending: Mapping[str, datetime] | None = None,
) -> tuple[ShownSite, ...]:
    return show_sites(accesses, {slug: _facts(summary) for slug, summary in summaries.items()}, now, ending or {})


def _facts(summary: LinkSummary) -> SiteFacts:
    counts, state = summary.counts, summary.link
    if state is None:
        return SiteFacts()
    return SiteFacts(
        link=state.phase,
        since=state.since,
        reason=state.reason,
        tanks=counts.get("tanks"),
        stale=counts.get("stale"),
        alarms=counts.get("alarm"),
        banner=show_counts(summary.alarms),
    )
