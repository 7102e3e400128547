"""The state of a site's link in words, and since when."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from hmi.screens.presenters.words import since_text
from hmi.sites.reasons import reason_words

# By state: without and with since when. While a link is not live it is being tried. static/js/words.js says the same.
STATES = {
    "live": (gettext_lazy("Live"), gettext_lazy("Live since {time}")),
    "connecting": (gettext_lazy("Connecting"), gettext_lazy("Connecting")),
    "silent": (gettext_lazy("Site silent, trying"), gettext_lazy("Site silent since {time}, trying")),
    "down": (gettext_lazy("Site not reachable, trying"), gettext_lazy("Site not reachable since {time}, trying")),
}
NOT_KNOWN = gettext_lazy("Link state not known")


@dataclass(frozen=True)
class ShownLink:
    """``state`` is live, connecting, silent, down or empty (not known); ``since`` epoch ms as text, 0 when unknown."""

    state: str
    words: str
    since: str
    since_text: str
    reason: str = ""

    @property
    def live(self) -> bool:
        return self.state == "live"


def show_link(state: str, since: int, reason: str, zone: zoneinfo.ZoneInfo, now: int) -> ShownLink:
    """``Site not reachable since 14:02, trying``: while a link is not live it is being tried."""
    told = since_text(since, zone, now)
    alone, with_time = STATES.get(state, (NOT_KNOWN, NOT_KNOWN))
    words = str(with_time).format(time=told) if told else str(alone)
    return ShownLink(state if state in STATES else "", words, str(max(0, since)), told, reason_words(reason))
