"""The state of a site's link in words, and since when."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass

from hmi.screens.presenters.words import since_text

# The phone's script has the same words in static/js/words.js.
STATES = {
    "live": "Live",
    "connecting": "Connecting",
    "silent": "Site silent",
    "down": "Site not reachable",
}
NOT_KNOWN = "Link state not known"


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
    words = STATES.get(state, NOT_KNOWN)
    told = since_text(since, zone, now)
    text = f"{words} since {told}" if told and state in STATES and state != "connecting" else words
    if state in {"silent", "down"}:
        text += ", trying"
    return ShownLink(state if state in STATES else "", text, str(max(0, since)), told, reason)
