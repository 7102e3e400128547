"""Brings the issuer's new keys to a site over its sealed session, before the first token signed with them is presented.

An agent's hello says which key set it has. When that is not ours, it is asked which keys it trusts, and gets ours in a
statement signed with one of them. So a rotation needs nobody at the plant; only a site that nobody reached during the
whole overlap needs its key file brought by hand (docs/tokens.md).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from accounts.issuer import KeyRing, SigningKeyError, current_ring
from hmi.sites.conduit_info import aget_conduit_info
from hmi.sites.errors import SiteRefused, SiteUnreachable
from hmi.sites.models import Site
from relay_bridge.contract.messages import Keys, KeysAnswer

logger = logging.getLogger(__name__)
AT_ONCE = 8  # sessions at the same time
OPEN_DEADLINE = 5.0  # seconds to open one, and again for each word
Ask = Callable[[Keys], Awaitable[KeysAnswer]]


class AgentKeys:
    """The issuer keys at the other end of one session. ``stamp``: what its hello said, empty when it said nothing."""

    def __init__(self, site: str, stamp: str) -> None:
        self._site = site
        self._stamp = stamp
        self._turn = asyncio.Lock()
        self.answer: KeysAnswer | None = None  # the agent's last word on its keys
        self.trouble = ""  # in words, when the agent could not be given ours

    async def bring_up_to_date(self, ask: Ask) -> None:
        """Give the agent our keys unless it has them; once for each change of ours. Raises what ``ask`` raises.

        A refusal is no error here: it is logged, and the token that follows shows what the agent takes.
        """
        if not self._stamp:
            return  # an agent of before this message
        try:
            if current_ring().stamp == self._stamp:  # one stat of a local file
                return
            async with self._turn:
                await self._bring(ask)
        except SigningKeyError as error:
            logger.error("The issuer's keys cannot be read: %s", error)  # noqa: TRY400 - it says what to do

    async def _bring(self, ask: Ask) -> None:
        ring = current_ring()
        if ring.stamp == self._stamp:  # another call brought them meanwhile
            return
        self.trouble = ""
        await self._tell(ask, ring)
        self._stamp = ring.stamp  # told, or known not to listen: either way not again for this ring

    async def _tell(self, ask: Ask, ring: KeyRing) -> None:
        self.answer = await ask(Keys())
        if self.answer.sequence == ring.sequence and self.answer.kids[:1] == [ring.signing.kid]:
            return
        statement = ring.statement(self.answer.kids, time.time())
        if statement is None:
            self._fail("it trusts none of the issuer's keys; bring it the file that manage.py issuer_keys prints")
            return
        try:
            self.answer = await ask(Keys(statement=statement))
        except SiteRefused as refusal:
            self._fail(f"it refused them: {refusal.message}")
            return
        if not self.answer.stored:
            self.trouble = "it cannot write them to its key file, and forgets them when it is restarted"
            logger.warning("%s has the issuer's new keys, but %s.", self._site, self.trouble)
        logger.info("%s was told the issuer's new keys (sequence %d).", self._site, ring.sequence)

    def _fail(self, why: str) -> None:
        self.trouble = why
        logger.error("%s could not be told the issuer's new keys: %s", self._site, why)


class Announced(NamedTuple):
    """How it went with one site: ``trouble`` is empty when its agent has the issuer's present keys and keeps them."""

    site: Site
    trouble: str


async def announce_keys(sites: Iterable[Site]) -> list[Announced]:
    """Open a session to each of ``sites``, eight at a time, and bring its agent the issuer's keys."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def announce(site: Site) -> Announced:
        async with turns:
            return Announced(site, await _announce(site))

    return list(await asyncio.gather(*(announce(site) for site in sites)))


async def _announce(site: Site) -> str:
    from hmi.sites.site_session import SiteSession  # noqa: PLC0415 - it uses this file

    try:
        session = await SiteSession.open(await aget_conduit_info(site.id), OPEN_DEADLINE)
        try:
            keys = await session.bring_keys(deadline=OPEN_DEADLINE)
        finally:
            await session.close("the issuer's keys were brought")
    except (SiteUnreachable, SiteRefused) as error:
        return str(error)
    return keys.trouble
