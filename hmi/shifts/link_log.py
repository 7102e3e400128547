"""Notes when a site's link was lost and when it came back, and when the switch at the plant was turned.

A link stands only while somebody watches the site: what happened while nobody did is not known, and is not told as if
it were. ``connecting`` is neither lost nor back. Writing waits for nobody: it is a task beside the link.
"""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from channels.db import database_sync_to_async
from django.db import DatabaseError, transaction

from hmi.live.demand import LinkState
from hmi.shifts.models import SiteEvent, SiteEventKind
from hmi.sites.background import in_background
from hmi.sites.models import Site
from relay_bridge.contract.acting import SiteMode

logger = logging.getLogger(__name__)
KEEP = dt.timedelta(days=40)
MAX_DETAIL = 200  # characters
LOST = frozenset({"silent", "down"})


class LinkLog:
    """``link_changed`` is a follower of ``hmi.live.link_news``."""

    def __init__(self) -> None:
        self._lost: dict[UUID, bool] = {}
        self._modes: dict[UUID, SiteMode] = {}

    def link_changed(self, site: Site, state: LinkState, mode: SiteMode | None) -> None:
        was_lost = self._lost.get(site.id)
        if state.phase in LOST and was_lost is False:
            self._lost[site.id] = True
            self._note(site, SiteEventKind.LINK_LOST, state.since, state.reason)
        elif state.phase == "live":
            self._lost[site.id] = False
            if was_lost:
                self._note(site, SiteEventKind.LINK_BACK, state.since, "")
        if mode is not None and mode != self._modes.get(site.id):
            known = site.id in self._modes
            self._modes[site.id] = mode
            # The first one heard of may be as old as it likes; its own time says when it was turned.
            if known or (mode.since > 0 and mode.mode != "full"):
                self._note(site, SiteEventKind.MODE, mode.since or state.since, f"{mode.mode} {mode.by}".strip())

    @staticmethod
    def _note(site: Site, kind: SiteEventKind, at: int, detail: str) -> None:
        moment = dt.datetime.fromtimestamp(at / 1000, dt.UTC)
        in_background(_write(site.id, kind, moment, detail[:MAX_DETAIL]), f"note that {site.slug} {kind.value}")


@database_sync_to_async
def _write(site_id: UUID, kind: SiteEventKind, at: dt.datetime, detail: str) -> None:
    try:
        with transaction.atomic():
            SiteEvent.objects.filter(site_id=site_id, at__lt=at - KEEP).delete()
            SiteEvent.objects.get_or_create(site_id=site_id, kind=kind, at=at, defaults={"detail": detail})
    except DatabaseError:  # a site that is gone, or a database that takes no writes: the hand-over lacks this line
        logger.exception("What became of the link to a site could not be noted.")
