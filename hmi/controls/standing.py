"""Whether something may be changed this moment, or why not, in words: link, switch at the plant, source, quality.

Asked when a dialog opens, when its form comes in and right before sending. The agent asks the source itself once more.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime

from hmi.controls.models import Kind
from hmi.controls.offers import Offer
from hmi.live.first_paint import LinkSummary
from relay_bridge.contract.acting import SiteMode
from relay_bridge.contract.authorization_details import same_value
from relay_bridge.contract.readings import Reading, quality_words

MODES = {"off": "Switched off", "read-only": "Read-only"}


def why_closed(
    offer: Offer, summary: LinkSummary, readings: Mapping[str, Reading], zone: zoneinfo.ZoneInfo, *, stale: bool = False
) -> str:
    """A sentence why nothing can be sent now; empty when it can. ``stale``: the page's readings are not the present."""
    where = why_site_closed(summary, zone, stale=stale)
    if where:
        return where
    source = summary.sources.get(offer.tag.source)
    if source is not None and source.code != 0:
        return f"Closed while the source of this value is not connected{f': {source.reason}' if source.reason else ''}."
    reading = readings.get(offer.tag.id)
    name = offer.tag.name or offer.tag.id
    if reading is None or reading.value is None:
        return f"Closed while {name} has no value."
    if reading.quality_class != "good":
        return f"Closed while {name} is not good ({quality_words(reading.quality) or reading.quality_class})."
    if offer.kind is Kind.COMMAND and (offer.expect is None or not same_value(reading.value, offer.expect)):
        return "Not possible now: it starts from another state than the present one."
    return ""


def why_site_closed(summary: LinkSummary, zone: zoneinfo.ZoneInfo, *, stale: bool = False) -> str:
    """The same for everything at the site at once."""
    if summary.mode is not None and summary.mode.mode != "full":
        return f"Closed at the plant. {mode_words(summary.mode, zone, summary.agent_time)}."
    if not summary.live:
        if summary.link is None or summary.link.phase == "connecting":
            return "The link to the site is being opened. Reload the page in a moment."
        return "Closed while the link to the site is down: what is shown may be old."
    if stale:
        return "Closed while the values are stale."
    return ""


def mode_words(mode: SiteMode, zone: zoneinfo.ZoneInfo, now: int) -> str:
    """``Read-only, set by Eva Berg at 14:00``; ``now`` in epoch ms by the agent's clock. Empty when fully open."""
    words = MODES.get(mode.mode, "")
    if not words:
        return ""
    told = f", set by {mode.by}" if mode.by else ""
    if mode.since > 0:
        moment, today = (datetime.fromtimestamp(at / 1000, UTC).astimezone(zone) for at in (mode.since, now))
        same_day = moment.date() == today.date()
        told += f" at {moment:%H:%M}" if same_day else f" on {moment:%Y-%m-%d} at {moment:%H:%M}"
    return f"{words}{told}"
