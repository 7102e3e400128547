"""What the address of a trend asks for: tags, and a usual span or two times. Whatever is wrong is said, not guessed."""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.translation import gettext as _

from hmi.screens.presenters.trend import PENS
from hmi.sites.catalog import Catalog
from hmi.sites.tag_names import tag_name
from hmi.trends.windows import USUAL_SPAN, NoWindow, Window, between, latest, read_moment
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID, CatalogTag

MAX_TEXT = PENS * (MAX_ID + 1)  # characters of the list of tags
MAX_FIND = 60
MAX_FOUND = 24


@dataclass(frozen=True)
class TrendQuery:
    """``tags``: at most eight ids. ``complaint``: what of the address could not be used, in words."""

    tags: tuple[str, ...]
    window: Window
    find: str
    complaint: str


def read_query(request: HttpRequest, zone: zoneinfo.ZoneInfo, now: int) -> TrendQuery:
    complaints = []
    named = request.GET.get("tags", "")[:MAX_TEXT]
    added = request.GET.get("add", "")
    names = [*(name for name in named.split(",") if name), *([added] if added else [])]
    tags = [name for name in dict.fromkeys(names) if len(name) <= MAX_ID and re.match(ID_PATTERN, name)]
    if len(tags) > PENS:
        complaints.append(_("A trend has %(pens)d pens at most; the first %(pens)d are shown.") % {"pens": PENS})
    start, end = request.GET.get("from", ""), request.GET.get("to", "")
    window = latest(request.GET.get("span", USUAL_SPAN), now)
    if start or end:
        try:
            window = between(read_moment(start, zone), read_moment(end, zone), now)
        except NoWindow as problem:
            complaints.append(str(problem))
    return TrendQuery(tuple(tags[:PENS]), window, request.GET.get("find", "")[:MAX_FIND].strip(), " ".join(complaints))


def find_tags(catalog: Catalog, query: TrendQuery) -> list[CatalogTag]:
    """Tags that may be added: by the words that were typed, else those of the same assets; at most 24."""
    shown = set(query.tags)
    words = query.find.casefold().split()
    if not words:
        assets = dict.fromkeys(tag.asset for name in query.tags if (tag := catalog.tag(name)) is not None)
        rows = [tag for asset in assets for tag in catalog.tags_of(asset)]
    else:
        rows = [tag for tag in catalog.tags if _meets(catalog, tag, words)]
    return [tag for tag in rows if tag.id not in shown and can_be_drawn(tag)][:MAX_FOUND]


def can_be_drawn(tag: CatalogTag) -> bool:
    return tag.hist and tag.kind != "text"


def _meets(catalog: Catalog, tag: CatalogTag, words: list[str]) -> bool:
    asset = catalog.asset(tag.asset)
    text = f"{tag.id} {tag.name} {tag_name(tag)} {asset.name if asset else ''} {asset.area if asset else ''}".casefold()
    return all(word in text for word in words)
