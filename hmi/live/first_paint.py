"""What is known of a site right now, for pages that are drawn on the server: nothing here waits for anything.

    ensure_link(access)                      the page's socket will come: have the link ready by then
    link_summary(access)                     link state, sources, counts
    latest_readings(access, tags)            the newest readings there are, live or not: the state says which

Call them on the event loop (an async view). Without a link they answer "nothing known".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hmi.live.alarm_book import AlarmBook
from hmi.live.clock import now_ms
from hmi.live.demand import Link, LinkState, provider
from hmi.live.sites_view import count_tanks
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog
from relay_bridge.contract.acting import SiteMode
from relay_bridge.contract.messages import SourceState
from relay_bridge.contract.readings import Reading

VALUES = "data:live"
ALARMS = "alarm:read"


@dataclass(frozen=True)
class LinkSummary:
    """``link`` is ``None`` when no link was ever needed. ``agent_time`` is now by the agent's clock in epoch ms, the
    clock that readings are dated by. Counts (``tanks``, ``stale``, ``alarm``) are empty when not known or not allowed.
    ``alarms`` is the banner of the alarm list (``AlarmBook.banner``), empty when it is not for this person.
    ``mode`` is the switch at the plant as last told, ``None`` when not known.
    """

    link: LinkState | None = None
    agent_time: int = 0
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    mode: SiteMode | None = None
    alarms: Mapping[str, Any] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        return self.link is not None and self.link.phase == "live"


def ensure_link(access: SiteAccess) -> None:
    """Start the site's link if it is not running; it waits half a minute for a watcher."""
    provider().expect(access)


def link_summary(access: SiteAccess) -> LinkSummary:
    link = _existing(access)
    if link is None:
        return LinkSummary(agent_time=now_ms())
    if not access.allows(VALUES):
        return LinkSummary(link.state, link.agent_time(), mode=link.mode)
    alarms = link.alarms.banner() if access.allows(ALARMS) else {}
    return LinkSummary(link.state, link.agent_time(), dict(link.sources), count_tanks(link), link.mode, alarms)


async def alarm_book(access: SiteAccess, wait: float = 0.0) -> AlarmBook:
    """The site's alarm list, brought up if it is not; waits up to ``wait`` seconds for the first of it.

    Only for an access with values and alarms: the list comes with the stream of values.
    """
    link = provider().link(access.site)
    link.expect(access)
    link.alarms.expect()
    if link.state.phase in {"connecting", "live"}:
        await link.alarms.wait_settled(wait)
    return link.alarms


def latest_readings(access: SiteAccess, tags: Iterable[str]) -> dict[str, Reading]:
    """Those of ``tags`` that the link knows a reading of; empty when the access does not show live values."""
    link = _existing(access)
    if link is None or not access.allows(VALUES):
        return {}
    return {tag: link.latest[tag] for tag in tags if tag in link.latest}


def known_catalog(access: SiteAccess) -> Catalog | None:
    """The catalog as the link last saw it; ``None`` when there is none or the access does not show live values."""
    link = _existing(access)
    return None if link is None or not access.allows(VALUES) else link.catalog


def _existing(access: SiteAccess) -> Link | None:
    return provider().existing(access.site.id)
