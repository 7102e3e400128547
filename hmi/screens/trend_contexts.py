"""What the templates of trends are given, made from a site's answer and its history. No I/O."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse

from hmi.screens.asking import SiteAnswer
from hmi.screens.presenters.trend import PENS, Pen, show_trend
from hmi.screens.presenters.trend_table import show_table
from hmi.screens.presenters.values import Scene, show_value
from hmi.screens.presenters.words import age_text, moment_text
from hmi.screens.trend_links import stretch_address, trend_address, trend_links
from hmi.screens.trend_query import TrendQuery, find_tags
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog
from hmi.trends.asking import TrendAnswer
from hmi.trends.windows import Window
from relay_bridge.contract.messages import CatalogTag
from relay_bridge.contract.readings import quality_words

NO_HISTORY = "keeps no history"
NO_TEXT = "is text, of which nothing can be drawn"


@dataclass(frozen=True)
class ShownChoice:
    name: str
    href: str


def pens_of(catalog: Catalog, tags: Sequence[str], answer: TrendAnswer, site: SiteAnswer, scene: Scene) -> list[Pen]:
    """The pens in the order asked for; tags that the site does not have are left out."""
    pens = []
    for name in tags:
        tag = catalog.tag(name)
        if tag is not None:
            value = show_value(tag, site.readings.get(name), scene)
            pens.append(Pen(tag, _asset_name(catalog, tag), answer.strips.get(name), value, _trouble(tag, answer)))
    return pens


def picture_context(
    access: SiteAccess, pens: Sequence[Pen], answer: TrendAnswer, window: Window, now: int
) -> dict[str, Any]:
    """The picture with its table: the part that is fetched again. ``now``: epoch ms by the agent's clock."""
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    tags = [pen.tag.id for pen in pens]
    pens = [
        replace(pen, away=stretch_address(access.site.slug, [*tags[:at], *tags[at + 1 :]], window))
        for at, pen in enumerate(pens)
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
        "links": trend_links(access.site.slug, tags, window, now),
        "zone_name": access.site.time_zone,
    }


def page_context(access: SiteAccess, catalog: Catalog, query: TrendQuery, pens: Sequence[Pen]) -> dict[str, Any]:
    """Around the picture: pens to add, and what of the address could not be used."""
    slug, window = access.site.slug, query.window
    tags = [pen.tag.id for pen in pens]
    return {
        "complaint": query.complaint,
        "strangers": [name for name in query.tags if catalog.tag(name) is None],
        "find": query.find,
        "tags": ",".join(query.tags),
        "choices": [
            ShownChoice(
                f"{_asset_name(catalog, tag)} {tag.name or tag.id}".strip(),
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
        return NO_TEXT
    code = answer.bad.get(tag.id)
    if code is not None and tag.id not in answer.strips:
        return NO_HISTORY if not tag.hist else quality_words(code) or "the source gave nothing"
    if code is not None:
        return f"{quality_words(code) or 'the source gave nothing'}; what was kept is shown"
    return ""


def _asset_name(catalog: Catalog, tag: CatalogTag) -> str:
    asset = catalog.asset(tag.asset)
    return (asset.name or asset.id) if asset is not None else tag.asset
