"""The alarm banner of a site's pages and the counts on its card: what waits, by priority, and the most important."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from hmi.alarms.arranging import BAND_WORDS
from hmi.alarms.presenting import LETTERS, priority_words
from hmi.live.alarm_book import BANDS
from hmi.live.first_paint import LinkSummary
from hmi.sites.access import SiteAccess
from hmi.sites.plain_text import plain


@dataclass(frozen=True)
class ShownCount:
    band: str
    letter: str
    words: str
    count: int


@dataclass(frozen=True)
class ShownCounts:
    """Not acknowledged, by priority. ``known`` is False while nothing was heard of the alarms."""

    counts: tuple[ShownCount, ...]
    known: bool

    @property
    def total(self) -> int:
        return sum(count.count for count in self.counts)


@dataclass(frozen=True)
class ShownBanner:
    """``state`` as in ``AlarmBook``; ``top`` the most important alarm's name, ``doubtful`` whether the value behind it
    is not good, ``more`` how many wait beside it. Over all sites (all_alarms.py) ``sites`` is what the page's script
    has to know of them, and ``missing`` how many are not reached."""

    href: str
    state: str
    counts: ShownCounts
    band: str = ""
    letter: str = ""
    words: str = ""
    top: str = ""
    doubtful: bool = False
    more: int = 0
    shelved: int = 0
    flood: bool = False
    stale: bool = True
    sites: str = ""
    missing: int = 0

    @property
    def text(self) -> str:
        if self.state == "none":
            return _("None of your sites has alarms") if self.sites else _("This site has no alarms")
        if self.state not in {"current", "old"}:
            return _("Alarms not known yet")
        return self.top or _("No alarm waits")


def show_counts(alarms: Mapping[str, Any]) -> ShownCounts:
    numbers = alarms.get("u")
    known = numbers is not None
    shown = tuple(
        ShownCount(band, LETTERS[band], str(BAND_WORDS[band]), count)
        for band, count in zip(BANDS, numbers or (0, 0, 0, 0), strict=True)
    )
    return ShownCounts(shown, known)


def show_banner(access: SiteAccess, summary: LinkSummary) -> ShownBanner | None:
    """``None`` for somebody who may not see alarms, or sees them without values, with which they come."""
    if not access.allows("alarm:read") or not access.allows("data:live"):
        return None
    alarms = summary.alarms
    top = alarms.get("top")
    band = top[2] if top else ""
    return ShownBanner(
        href=reverse("alarms:list", args=[access.site.slug]),
        state=alarms.get("s", "unknown"),
        counts=show_counts(alarms),
        band=band,
        letter=LETTERS.get(band, ""),
        words=priority_words(top[2], waits=True, doubtful=bool(top[6])) if top else "",
        top=plain(top[1], 120) if top else "",
        doubtful=bool(top and top[6]),
        more=top[5] if top else 0,
        shelved=alarms.get("sh", 0),
        flood=bool(alarms.get("fl")),
        stale=not summary.live or alarms.get("s") == "old",
    )
