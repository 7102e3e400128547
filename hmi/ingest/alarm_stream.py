"""The alarm list of one link's session: turned on while somebody looks at it, under an access that may see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from hmi.ingest.link_report import LinkReport
from hmi.live.alarm_book import AlarmBook
from hmi.sites.access import SiteAccess
from hmi.sites.errors import SiteRefused
from relay_bridge.contract.alarms import AlarmDelta, Alarms, AlarmSnapshot
from relay_bridge.contract.messages import Empty

SCOPE = "alarm:read"
Ask = Callable[..., Awaitable[Any]]


class AlarmStream:
    """Made by ``LinkSession``; what comes goes into the book of its link, which says whether anybody wants it."""

    def __init__(self, link: LinkReport) -> None:
        self._link = link
        self._on = False
        self._offered = True

    @property
    def _book(self) -> AlarmBook:
        return self._link.alarms

    def receive(self, push: AlarmSnapshot | AlarmDelta) -> None:
        """Raises ``TooManyAlarms``. What still comes after the list was turned off is ignored."""
        if self._on:
            self._book.take(push)

    def needs_other(self, access: SiteAccess | None, candidates: Sequence[SiteAccess]) -> bool:
        """The stream runs under an access without alarms, and there is one with them for somebody who looks."""
        if not self._book.wanted or not self._offered or access is None or access.allows(SCOPE):
            return False
        return any(candidate.allows(SCOPE) for candidate in candidates)

    async def keep_up(self, access: SiteAccess | None, ask: Ask) -> None:
        """Turn the list on or off as it is wanted now; ``ask`` is the session's call under its token."""
        may = access is not None and access.allows(SCOPE)
        wanted = self._book.wanted and self._offered and may
        if wanted and not self._on:
            self._on = True  # before the answer: the snapshot may come before it
            try:
                await ask("alarms", Alarms(), Empty)
            except SiteRefused as refusal:
                if refusal.code != "unsupported":
                    raise
                self._on = self._offered = False
                self._book.refused(refusal.message)
        elif self._on and not wanted:
            self._on = False
            self._book.lost()
            if may:  # else the agent ends it by itself: its lease for alarms is not renewed any more
                await ask("alarms", Alarms(on=False), Empty)
