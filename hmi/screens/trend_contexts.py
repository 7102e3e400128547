"""What the templates of trends are given, made from a site's answer and its history. No I/O."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hmi.languages.qualities import reason_text
from hmi.screens.asking import SiteAnswer
from hmi.screens.presenters.trend import PENS, Pen, show_trend
from hmi.screens.presenters.trend_alarms import show_alarms
from hmi.screens.presenters.trend_table import show_table
from hmi.screens.presenters.trend_units import in_units
from hmi.screens.presenters.values import Scene, show_value
from hmi.screens.presenters.words import age_text, at, moment_text
from hmi.screens.trend_links import iso_text, stretch_address, trend_address, trend_links
from hmi.screens.trend_query import TrendQuery, find_tags
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog
from hmi.sites.plain_text import apart
from hmi.sites.tag_names import tag_name
from hmi.trends.asking import TrendAnswer
from hmi.trends.past_alarms import PastAlarms
from hmi.trends.windows import Window
from relay_bridge.contract.messages import CatalogTag

NO_HISTORY = gettext_lazy("keeps no history")
NO_TEXT = gettext_lazy("is text, of which nothing can be drawn")


@dataclass(frozen=True)
class ShownChoice:
    name: str
    href: str


def pens_of(catalog: Catalog, tags: Sequence[str], answer: TrendAnswer, site: SiteAnswer, scene: Scene) -> list[Pen]:
    """The pens in the order asked for, in the scene's units; tags that the site does not have are left out."""
    pens = []
    for name in tags:
        tag = catalog.tag(name)
        if tag is not None:
            value = show_value(tag, site.readings.get(name), scene)
            read, strip, written = in_units(tag, answer.strips.get(name), scene.units)
            pens.append(Pen(read, _asset_name(catalog, tag), strip, value, _trouble(tag, answer), written=written))
    return pens


def picture_context(
    access: SiteAccess,
    pens: Sequence[Pen],
    answer: TrendAnswer,
    window: Window,
    now: int,
    *,
    alarms: PastAlarms | None = None,
) -> dict[str, Any]:
    """The picture with its table: the part that is fetched again. ``now``: epoch ms by the agent's clock.

    ``alarms``: those of the stretch; ``None`` where they are not shown.
    """
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    tags = [pen.tag.id for pen in pens]
    pens = [
        replace(pen, away=stretch_address(access.site.slug, [*tags[:place], *tags[place + 1 :]], window))
        for place, pen in enumerate(pens)
    ]
    trend = show_trend(pens, window, zone, now)
    late = max(now - trend.as_of, 0) if trend.as_of else 0
    return {
        "trend": trend,
        "table": show_table(pens, window, zone, now),
        "trend_trouble": answer.trouble,
        "trend_pending": answer.pending,
        "trend_as_of": moment_text(trend.as_of, zone, now) if trend.as_of else "",
        "trend_age": age_text(late / 1000),
        "trend_from": moment_text(window.start, zone, now),
        "trend_to": moment_text(min(window.end, now), zone, now),
        "alarms": None if alarms is None else show_alarms(alarms, window, zone, now),
        "journal_href": _journal_address(access.site.slug, window, zone) if alarms is not None else "",
        "links": trend_links(access.site.slug, tags, window, now),
        "zone_name": access.site.time_zone,
    }


def page_context(
    access: SiteAccess, catalog: Catalog, query: TrendQuery, pens: Sequence[Pen], now: int
) -> dict[str, Any]:
    """Around the picture: pens to add, and what of the address could not be used."""
    slug, window, zone = access.site.slug, query.window, zoneinfo.ZoneInfo(access.site.time_zone)
    tags = [pen.tag.id for pen in pens]
    return {
        "complaint": query.complaint,
        "strangers": [name for name in query.tags if catalog.tag(name) is None],
        "find": query.find,
        "from_exact": iso_text(window.start),
        "to_exact": iso_text(window.end),
        "from_input": _clock_text(window.start, zone),
        "to_input": _clock_text(min(window.end, now), zone),
        "tags": ",".join(query.tags),
        "choices": [
            ShownChoice(
                f"{_asset_name(catalog, tag)} {tag_name(tag)}".strip(),
                stretch_address(slug, [*tags, tag.id], window),
            )
            for tag in find_tags(catalog, query)
        ],
        "full": len(tags) >= PENS,
        "trends_href": reverse("screens:trends", args=[slug]),
    }


def spark_context(access: SiteAccess, pen: Pen, answer: TrendAnswer, window: Window, now: int) -> dict[str, Any]:
    """The small trend on an asset's page."""
    return picture_context(access, [pen], answer, window, now) | {
        "trend_href": trend_address(access.site.slug, [pen.tag.id]),
        "spark_href": reverse("screens:asset-trend", args=[access.site.slug, pen.tag.asset]),
    }


def _trouble(tag: CatalogTag, answer: TrendAnswer) -> str:
    if tag.kind == "text":
        return str(NO_TEXT)
    code = answer.bad.get(tag.id)
    if code is None:
        return ""
    words = reason_text(code) or _("the source gave nothing")
    if tag.id not in answer.strips:
        return str(NO_HISTORY) if not tag.hist else words
    return _("%(reason)s; what was kept is shown") % {"reason": words}


def _journal_address(slug: str, window: Window, zone: zoneinfo.ZoneInfo) -> str:
    bounds = {"start": _clock_text(window.start, zone), "end": _clock_text(window.end, zone)}
    return f"{reverse('alarms:journal', args=[slug])}?{urlencode(bounds)}"


def _clock_text(ms: int, zone: zoneinfo.ZoneInfo) -> str:
    """As a field for a moment holds it: the site's clock, to the minute."""
    return f"{at(ms, zone):%Y-%m-%dT%H:%M}"


def _asset_name(catalog: Catalog, tag: CatalogTag) -> str:
    asset = catalog.asset(tag.asset)
    return apart(asset.name or asset.id) if asset is not None else tag.asset
