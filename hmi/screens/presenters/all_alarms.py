"""The alarm banner over all of a person's sites: the most important alarm that waits, at whichever of them.

What is known to wait now goes before what was last known. Of a site that is not reached nobody knows how its alarms
are: the strip says how many such sites there are. static/js/all_sites.js works out the same from the frames.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from hmi.alarms.presenting import LETTERS, priority_words
from hmi.live.alarm_book import BANDS
from hmi.live.first_paint import LinkSummary
from hmi.screens.presenters.alarm_banner import ShownBanner, show_counts
from hmi.sites.access import SiteAccess
from hmi.sites.plain_text import plain

RIGHTS = ("data:live", "alarm:read")  # alarms come with the stream of values


@dataclass(frozen=True)
class _Place:
    """One site: what its own banner would show, and whether that is the present."""

    name: str
    href: str
    facts: Mapping[str, Any]
    fresh: bool

    @property
    def heard(self) -> bool:
        return self.facts.get("s") in {"current", "old"}

    @property
    def rank(self) -> tuple[bool, int, int]:
        return not self.fresh, BANDS.index(self.facts["top"][2]), -self.facts.get("new", 0)


def show_all_alarms(accesses: Sequence[SiteAccess], summaries: Mapping[str, LinkSummary]) -> ShownBanner | None:
    """``summaries`` by slug. None for somebody who may see the alarms of no site."""
    seen = [access for access in accesses if all(access.allows(right) for right in RIGHTS)]
    if not seen:
        return None
    places = [_place(access, summaries.get(access.site.slug, LinkSummary())) for access in seen]
    waiting = [place for place in places if place.heard and place.facts.get("top")]
    top = min(waiting, key=lambda place: place.rank, default=None)
    alike = [place for place in waiting if top is not None and place.fresh == top.fresh]
    missing = sum(not place.fresh for place in places)
    heard = any(place.heard for place in places)
    if not heard:
        state = "unknown" if missing else "none"
    else:
        state = "old" if missing and (top is None or not top.fresh) else "current"
    several = len(places) > 1
    shared = {
        "state": state,
        "counts": show_counts({"u": _sum([place.facts["u"] for place in places if place.heard])} if heard else {}),
        "stale": state in {"unknown", "old"},
        "missing": missing if several and heard else 0,
        "sites": _for_script(seen, places),
    }
    if top is None:
        return ShownBanner(href=reverse("screens:my-sites") if several else places[0].href, **shared)  # type: ignore[arg-type]
    facts = top.facts["top"]
    name, doubtful = plain(facts[1], 120), bool(facts[6])
    return ShownBanner(
        href=top.href,
        band=facts[2],
        letter=LETTERS.get(facts[2], ""),
        words=priority_words(facts[2], waits=True, doubtful=doubtful),
        top=f"{plain(top.name, 120)}: {name}" if several else name,
        doubtful=doubtful,
        more=sum(place.facts["top"][5] + 1 for place in alike) - 1,
        flood=any(place.facts.get("fl") for place in alike),
        **shared,  # type: ignore[arg-type]
    )


def _place(access: SiteAccess, summary: LinkSummary) -> _Place:
    alarms = summary.alarms
    fresh = summary.live and alarms.get("s") in {"current", "none"}
    return _Place(access.site.name, reverse("alarms:list", args=[access.site.slug]), alarms, fresh)


def _sum(numbers: Sequence[Sequence[int]]) -> list[int]:
    return [sum(each) for each in zip(*numbers, strict=True)]


def _for_script(seen: Sequence[SiteAccess], places: Sequence[_Place]) -> str:
    """``[[slug, name, address of the list], ...]``: of these the frames of the socket say how they are."""
    rows = [[access.site.slug, place.name, place.href] for access, place in zip(seen, places, strict=True)]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
