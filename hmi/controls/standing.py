"""Whether something may be changed this moment, or why not, in words: link, switch at the plant, source, quality.

Asked when a dialog opens, when its form comes in and right before sending. The agent asks the source itself once more.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hmi.controls.models import Kind
from hmi.controls.offers import Offer
from hmi.languages.dates import date_text
from hmi.languages.qualities import class_text, reason_text
from hmi.live.first_paint import LinkSummary
from hmi.sites.tag_names import tag_name
from relay_bridge.contract.acting import SiteMode
from relay_bridge.contract.authorization_details import same_value
from relay_bridge.contract.readings import Reading

MODES = {"off": gettext_lazy("Switched off"), "read-only": gettext_lazy("Read-only")}


def why_closed(
    offer: Offer, summary: LinkSummary, readings: Mapping[str, Reading], zone: zoneinfo.ZoneInfo, *, stale: bool = False
) -> str:
    """A sentence why nothing can be sent now; empty when it can. ``stale``: the page's readings are not the present."""
    where = why_site_closed(summary, zone, stale=stale)
    if where:
        return where
    source = summary.sources.get(offer.tag.source)
    if source is not None and source.code != 0:
        if source.reason:
            return _("Closed while the source of this value is not connected: %(reason)s.") % {"reason": source.reason}
        return _("Closed while the source of this value is not connected.")
    reading = readings.get(offer.tag.id)
    name = tag_name(offer.tag)
    if reading is None or reading.value is None:
        return _("Closed while %(name)s has no value.") % {"name": name}
    if reading.quality_class != "good":
        words = reason_text(reading.quality) or class_text(reading.quality)
        return _("Closed while %(name)s is not good (%(quality)s).") % {"name": name, "quality": words}
    if offer.kind is Kind.COMMAND and (offer.expect is None or not same_value(reading.value, offer.expect)):
        return _("Not possible in the present state.")
    return ""


def why_site_closed(summary: LinkSummary, zone: zoneinfo.ZoneInfo, *, stale: bool = False) -> str:
    """The same for everything at the site at once."""
    if summary.mode is not None and summary.mode.mode != "full":
        mode = mode_words(summary.mode, zone, summary.agent_time)
        return _("Closed at the plant. %(mode)s.") % {"mode": mode}
    if not summary.live:
        if summary.link is None or summary.link.phase == "connecting":
            return _("The link to the site is being opened. Reload the page in a moment.")
        return _("Closed while the link to the site is down: what is shown may be old.")
    if stale:
        return _("Closed while the values are stale.")
    return ""


def mode_words(mode: SiteMode, zone: zoneinfo.ZoneInfo, now: int) -> str:
    """``Read-only, set by Eva Berg at 14:00``; ``now`` in epoch ms by the agent's clock. Empty when fully open.

    ``static/js/words.js`` says the same live.
    """
    words = MODES.get(mode.mode, "")
    if not words:
        return ""
    if mode.since <= 0:
        return _("{mode}, set by {name}").format(mode=words, name=mode.by) if mode.by else str(words)
    moment, today = (datetime.fromtimestamp(at / 1000, UTC).astimezone(zone) for at in (mode.since, now))
    if moment.date() == today.date():
        pattern = _("{mode}, set by {name} at {clock}") if mode.by else _("{mode} at {clock}")
    else:
        pattern = _("{mode}, set by {name} on {date} at {clock}") if mode.by else _("{mode} on {date} at {clock}")
    return pattern.format(mode=words, name=mode.by, date=date_text(moment), clock=f"{moment:%H:%M}")
