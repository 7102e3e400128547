"""The site tokens presented on one session: each access has its own, and it is renewed in time.

An agent takes a limited number of tokens on a session and says ``busy`` beyond it. Then the token unused for longest
gives up its place; a place with calls in flight is never taken away, so no call runs under somebody else's token.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

from hmi.sites.access import AccessKey, SiteAccess
from hmi.sites.background import in_background
from hmi.sites.ended_tokens import ended_since
from hmi.sites.errors import SiteRefused
from hmi.sites.site_session import SiteSession
from hmi.sites.tokens import asite_token_for
from relay_bridge.contract.messages import AuthAnswer
from relay_bridge.contract.tokens import READ_LIFE

RENEW_BEFORE = 30  # seconds before its expiry a token is replaced
GIVE_BACK_DEADLINE = 2.0  # seconds
MAX_PLACES = 248  # tokens on one session; eight of the agent's 256 stay free for those that change something, once
LIVE = "data:live"  # all that catalog and read need


class TokenKey(NamedTuple):
    """Whose token it is, under which sign-in (it ends with it), and the one scope that it carries."""

    access: AccessKey
    session_key: str
    scope: str = LIVE


class _NoRoom(Exception):  # noqa: N818 - an event: the agent takes no more tokens on this session
    pass


class _Place:
    """One handle at the agent. ``users`` are calls in flight under it; ``expires`` in epoch seconds, ``minted`` when
    its token was last minted, in monotonic seconds; ``over`` once it was given back."""

    def __init__(self, handle: int | None) -> None:
        self.handle = handle
        self.expires = 0.0
        self.minted = 0.0  # monotonic
        self.users = 0
        self.over = False
        self.presenting: asyncio.Task[None] | None = None


class PresentedTokens:
    """Belongs to one ``SiteSession``: the agent refuses a token on any session but the first that showed it."""

    def __init__(self, session: SiteSession) -> None:
        self._session = session
        self._places: dict[TokenKey, _Place] = {}  # the longest unused first
        self._capacity = MAX_PLACES
        self._freed = asyncio.Condition()

    @property
    def keys(self) -> list[TokenKey]:
        return list(self._places)

    @contextlib.asynccontextmanager
    async def handle_for(self, access: SiteAccess, scope: str = LIVE) -> AsyncIterator[int]:
        """The agent's handle of a token for ``access`` with ``scope`` alone and at least 30 s left, for the block.

        Raises ``AccessEnded`` when the grant no longer holds, ``SiteRefused``, ``SiteUnreachable``. Waits while every
        place is in use; the caller's deadline bounds that.
        """
        key = TokenKey(access.key, access.session_key, scope)
        while True:
            place = await self._take(key)
            try:
                try:
                    handle = await self._fresh(place, access, key)
                except _NoRoom:
                    continue
                yield handle
                return
            finally:
                place.users -= 1
                async with self._freed:
                    self._freed.notify_all()

    def forget(self, key: TokenKey) -> None:
        """The agent no longer takes this token: the next call presents another."""
        place = self._places.get(key)
        if place is not None:
            place.expires = 0.0

    def ended_by_hand(self) -> list[TokenKey]:
        """Those whose access token was ended by hand since they were minted."""
        return [
            key
            for key, place in self._places.items()
            if place.minted and ended_since(key.access.grant_id, key.session_key, place.minted)
        ]

    async def give_back(self, keys: Iterable[TokenKey]) -> None:
        """The accesses behind these tokens ended: the agent forgets them now instead of when they run out.

        Raises ``SiteRefused`` or ``SiteUnreachable`` when the agent did not say so; then the session must end.
        """
        places = [place for key in keys if (place := self._places.pop(key, None)) is not None]
        for place in places:
            place.over = True
        async with self._freed:
            self._freed.notify_all()
        handles = [place.handle for place in places if place.handle is not None]
        if handles:
            await self._session.drop(handles, deadline=GIVE_BACK_DEADLINE)

    async def _take(self, key: TokenKey) -> _Place:
        async with self._freed:
            await self._freed.wait_for(lambda: key in self._places or self._has_room())
            place = self._places.pop(key, None)
            if place is None:
                place = _Place(self._give_up_oldest() if len(self._places) >= self._capacity else None)
            self._places[key] = place  # now the most recently used
            place.users += 1
            return place

    def _has_room(self) -> bool:
        return len(self._places) < self._capacity or any(not place.users for place in self._places.values())

    def _give_up_oldest(self) -> int | None:
        key = next(key for key, place in self._places.items() if not place.users)
        return self._places.pop(key).handle

    async def _fresh(self, place: _Place, access: SiteAccess, key: TokenKey) -> int:
        if place.handle is None or place.expires - time.time() <= RENEW_BEFORE:
            if place.presenting is None or place.presenting.done():
                place.presenting = in_background(self._present(place, access, key), "present a site token")
            # Shielded: whoever gives up waiting leaves the token to the others who wait for it.
            await asyncio.shield(place.presenting)
        assert place.handle is not None  # noqa: S101 - presenting set it or raised
        return place.handle

    async def _present(self, place: _Place, access: SiteAccess, key: TokenKey) -> None:
        minted = time.monotonic()
        try:
            token = await asite_token_for(access, {key.scope}, READ_LIFE)
            answer = await self._authenticate(token, place)
        except BaseException:
            if self._places.get(key) is place:
                del self._places[key]
            raise
        if place.over:  # given back meanwhile: this one must not outlive it, and whoever waits looks anew
            await self._session.drop([answer.a], deadline=GIVE_BACK_DEADLINE)
            raise SiteRefused("auth", "The access ended while its token was on the way.")
        place.handle, place.expires, place.minted = answer.a, float(answer.exp), minted

    async def _authenticate(self, token: str, place: _Place) -> AuthAnswer:
        try:
            return await self._session.authenticate(token, renew=place.handle)
        except SiteRefused as refusal:
            if refusal.code == "auth" and place.handle is not None:
                return await self._session.authenticate(token)  # the agent forgot the old handle when it expired
            held = sum(other.handle is not None for other in self._places.values())
            if refusal.code == "busy" and place.handle is None and held:
                self._capacity = held
                raise _NoRoom from refusal
            raise
