"""Who keeps a record of how links were: the line between the links and the app that writes it down.

A follower is told of every change of a link's state or of the switch at the plant. It must be quick and must not raise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from hmi.live.demand import LinkState
from hmi.sites.models import Site
from relay_bridge.contract.acting import SiteMode

logger = logging.getLogger(__name__)

Follower = Callable[[Site, LinkState, SiteMode | None], None]
_followers: list[Follower] = []


def follow_links(follower: Follower) -> None:
    """Called once, when the app of the follower starts."""
    _followers[:] = [follower]


def tell_followers(site: Site, state: LinkState, mode: SiteMode | None) -> None:
    """On the event loop of the link."""
    for follower in _followers:
        try:
            follower(site, state, mode)
        except Exception:
            logger.exception("What became of the link to %s was not noted; the link goes on.", site.slug)
