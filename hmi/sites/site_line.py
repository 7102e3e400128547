"""The gateway's standing line to one site: one session, opened when needed, with the tokens presented on it.

Opening is single-flight: however many pages ask at once, one session is dialled. It is closed after a minute unused.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple
from uuid import UUID

from hmi.sites.background import in_background
from hmi.sites.conduit_info import aget_conduit_info
from hmi.sites.presented_tokens import PresentedTokens
from hmi.sites.site_session import OPEN_DEADLINE, SiteSession

IDLE_CLOSE = 60.0  # seconds without a call; then the session is closed


class OpenLine(NamedTuple):
    session: SiteSession
    tokens: PresentedTokens


class SiteLine:
    """Belongs to one event loop."""

    def __init__(self, site_id: UUID, name: str) -> None:
        self.site_id = site_id
        self.name = name
        self._open_line: OpenLine | None = None
        self._opening: asyncio.Task[OpenLine] | None = None
        self._idle: asyncio.TimerHandle | None = None

    @property
    def current(self) -> OpenLine | None:
        """The line while it is open."""
        line = self._open_line
        return None if line is None or line.session.closed else line

    async def use(self) -> OpenLine:
        """The open line, or the one being opened; ``SiteUnreachable``. Starts the idle minute again."""
        self._restart_idle()
        if self.current is not None:
            return self.current
        if self._opening is None or self._opening.done():
            self._opening = in_background(self._open(), f"open a session to {self.name}")
        # Shielded: a page that gives up waiting leaves the opening to the next one.
        return await asyncio.shield(self._opening)

    async def check(self, stamp: str | None) -> None:
        """Close the session when the site was switched off, cut off or given new keys since it was opened.

        ``stamp``: the conduit's as it is now, ``None`` when there is none any more.
        """
        if self.current is not None and self.current.session.info.stamp != stamp:
            await self.current.session.close("the connection to the site was changed")

    async def close(self, reason: str) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait({self._opening})
        if self._open_line is not None:
            await self._open_line.session.close(reason)

    async def _open(self) -> OpenLine:
        session = await SiteSession.open(await aget_conduit_info(self.site_id), OPEN_DEADLINE)
        self._open_line = OpenLine(session, PresentedTokens(session))
        return self._open_line

    def _restart_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_CLOSE, self._close_idle)

    def _close_idle(self) -> None:
        if self.current is not None:
            in_background(self.current.session.close("not used for a minute"), f"close the idle session to {self.name}")
