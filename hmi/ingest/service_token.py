"""The token under which a link streams: minted from the access of somebody who watches now, renewed in place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from hmi.sites.access import SiteAccess
from hmi.sites.errors import AccessEnded, SiteUnreachable
from hmi.sites.site_session import SiteSession

logger = logging.getLogger(__name__)

RENEW_AFTER = 15.0  # seconds; the agent's lease is 30 s, so a renewal that fails once costs no value
RETRY_AFTER = 2.0  # seconds after a renewal that failed for a reason that may pass
GIVE_BACK_DEADLINE = 1.0  # seconds; without an answer the session is closed, which ends the same
DEADLINE = 3.0  # seconds to mint, and again to present
SCOPES = frozenset({"data:live", "alarm:read"})  # at most; never more than the access itself holds

TokenMaker = Callable[[SiteAccess, Iterable[str]], Awaitable[str]]


def same_access(one: SiteAccess, other: SiteAccess) -> bool:
    """Whether both stand and fall together: the same grant in the same epoch, under the same sign-in."""
    return one.key == other.key and one.session_key == other.session_key


class ServiceToken:
    """The token of one session. ``handle`` is what calls carry; ``None`` before the first was accepted."""

    def __init__(self, session: SiteSession, make_token: TokenMaker) -> None:
        self._session = session
        self._make_token = make_token
        self._loop = asyncio.get_running_loop()
        self._access: SiteAccess | None = None
        self._presenting: SiteAccess | None = None
        self.handle: int | None = None
        self.renew_at = 0.0
        self.trouble = ""

    @property
    def access(self) -> SiteAccess | None:
        """The access whose token the agent holds; ``None`` when there is none, or when it is known to have ended."""
        return self._access if self.handle is not None else None

    @property
    def holds(self) -> bool:
        """A token was accepted, and neither the access behind it nor its access token is known to have ended."""
        return self.handle is not None and self._access is not None and not self._access.token_ended

    @property
    def due(self) -> bool:
        return not self.holds or self._loop.time() >= self.renew_at

    def access_ended(self, access: SiteAccess) -> None:
        if self._access is not None and same_access(self._access, access):
            self._access = None
        if self._presenting is not None and same_access(self._presenting, access):
            self._presenting = None

    async def give_back(self) -> None:
        """Let the agent forget the handle now: no value follows. Later calls of this session are never under it.

        Raises ``SiteRefused`` or ``SiteUnreachable`` when the agent did not say so; then the session must end.
        """
        handle, self.handle, self._access = self.handle, None, None
        if handle is not None:
            await self._session.drop([handle], deadline=GIVE_BACK_DEADLINE)

    async def renew(self, candidates: Sequence[SiteAccess], refuse: Callable[[SiteAccess], None]) -> bool:
        """Present a token of the first candidate that opens; ``refuse`` gets those whose access has ended.

        False when none did: ``trouble`` says why in words. Raises ``SiteUnreachable`` when the session is gone.
        """
        kept = [access for access in candidates if self._access is not None and same_access(access, self._access)]
        for access in [*kept, *(access for access in candidates if access not in kept)]:
            try:
                await self._present(access)
            except AccessEnded as ended:
                self.trouble = ended.message
                self.access_ended(access)
                refuse(access)
            except SiteUnreachable:
                raise
            except Exception as error:  # the database, the key file, the agent's own view: it may pass
                self.trouble = getattr(error, "message", "") or "the web app could not make a token for it"
                logger.warning("No service token for %s: %s", access.site.slug, error or type(error).__name__)
            else:
                return True
        self.renew_at = self._loop.time() + RETRY_AFTER
        return False

    async def _present(self, access: SiteAccess) -> None:
        self._presenting = access
        async with asyncio.timeout(DEADLINE):
            token = await self._make_token(access, access.scopes & SCOPES)
        answer = await self._session.authenticate(token, renew=self.handle, deadline=DEADLINE)
        self.handle = answer.a
        if self._presenting is None:
            raise AccessEnded("The access ended while its token was on the way.")
        self._access, self.trouble = access, ""
        self.renew_at = self._loop.time() + RENEW_AFTER
