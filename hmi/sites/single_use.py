"""One change, one token, one attempt: how a write leaves the web app, and how its outcome is asked for.

    get_gateway().write(access, parameters, clock=agent_time)

The token is minted for exactly this change, presented, used once and given back; it is never kept among the others
(``presented_tokens.py``). Until the request is sent every failure means that nothing happened. From then on only an
answer of the agent tells what became of it: ``AnswerLost`` otherwise, and nobody sends it again.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

import msgspec

from hmi.sites.access import SiteAccess
from hmi.sites.background import in_background
from hmi.sites.errors import AccessEnded, AnswerLost, SiteError, SiteRefused, SiteUnreachable
from hmi.sites.site_line import SiteLine
from hmi.sites.site_session import SiteSession
from hmi.sites.tokens import asite_token_for
from relay_bridge.contract.acting import ActAnswer, ActValue, Cmd, Write, Wstat
from relay_bridge.contract.authorization_details import WriteDetail
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.scopes import SCOPE_OF_METHOD
from relay_bridge.contract.tokens import READ_LIFE, WRITE_LIFE

READY_DEADLINE = 6.0  # seconds to have a session, a token and a handle; nothing is sent before
ANSWER_DEADLINE = 6.0  # seconds; the agent answers within 3, with "pending" when it takes longer
GIVE_BACK_DEADLINE = 2.0  # seconds
NOT_LET_IN = (
    "The site lets no change in just now; nothing was sent. An agent that was just installed or restarted takes a "
    "minute or two; otherwise the journal at the site says why."
)

# An error answer means that nothing was done, unless the agent itself broke on the way.
_SAYS_NOTHING = frozenset({"internal", "unknown_outcome"})

Clock = Callable[[], int]  # now by the agent's clock, epoch ms


class Change(msgspec.Struct, frozen=True):
    """What is asked for, without the time: that is told at the last moment. A command has the value True, no unit.

    ``ttl``: seconds that it is good for, as the site says. ``approved_by``: the second person's subject.
    """

    method: str  # "write" or "cmd"
    target: str
    value: ActValue
    expected: ActValue
    unit: str
    key: str
    why: str
    ttl: float
    approved_by: str | None = None

    def parameters(self, at: int) -> Write | Cmd:
        """The request as it is sent ``at`` (epoch ms, agent's clock)."""
        if self.method == "write":
            return Write(
                tag=self.target, v=self.value, exp=self.expected, unit=self.unit, key=self.key, t=at, why=self.why
            )
        return Cmd(id=self.target, exp=self.expected, key=self.key, t=at, why=self.why)

    def detail(self, now: float) -> WriteDetail:
        """What its token is for; ``now`` in epoch seconds."""
        return WriteDetail(
            type="setpoint" if self.method == "write" else "command", tag=self.target, value=self.value,
            unit=self.unit, expected=self.expected,
            valid_until=int(now) + min(math.ceil(self.ttl) + 1, WRITE_LIFE), approved_by=self.approved_by,
        )  # fmt: skip


async def send_once(line: SiteLine, access: SiteAccess, change: Change, clock: Clock) -> ActAnswer:
    """The one attempt. ``SiteRefused``, ``SiteUnreachable``: nothing was done. ``AnswerLost``: nobody knows."""
    scope = SCOPE_OF_METHOD[change.method]
    assert scope is not None  # noqa: S101 - of the two methods that act
    session, handle = await _ready(line, access, scope, change)
    try:
        # The time of sending is told now: what opening the session took must not make it look old.
        parameters = change.parameters(clock())
        return await session.call(change.method, parameters, ActAnswer, handle=handle, deadline=ANSWER_DEADLINE)
    except SiteUnreachable as error:
        raise AnswerLost(access.site.name, error.reason) from error
    except SiteRefused as refusal:
        if refusal.code in _SAYS_NOTHING:
            raise AnswerLost(access.site.name, refusal.message) from refusal
        raise
    finally:
        _give_back(session, handle)


async def ask_once(line: SiteLine, access: SiteAccess, key: str) -> ActAnswer:
    """What the agent knows of a key of this person's. ``SiteRefused`` (``not_found``: nothing), ``SiteUnreachable``."""
    session, handle = await _ready(line, access, "status:read", None)
    try:
        return await session.call("wstat", Wstat(key=key), ActAnswer, handle=handle, deadline=ANSWER_DEADLINE)
    finally:
        _give_back(session, handle)


async def _ready(line: SiteLine, access: SiteAccess, scope: str, change: Change | None) -> tuple[SiteSession, int]:
    begun = time.monotonic()
    try:
        async with asyncio.timeout(READY_DEADLINE):
            session, _ = await line.use()
            if change is None:
                token = await asite_token_for(access, {scope}, READ_LIFE)
            else:
                token = await asite_token_for(access, {scope}, WRITE_LIFE, write=change.detail(time.time()))
            return session, (await session.authenticate(token)).a
    except TimeoutError:
        raise SiteUnreachable(
            access.site.name, "no session could be opened in time", time.monotonic() - begun
        ) from None
    except AccessEnded:
        raise
    except SiteRefused as refusal:
        if refusal.code == "auth" and isinstance(refusal.__cause__, RequestRefused):
            # The wire says no more to anybody; the site's own journal names the reason.
            raise SiteRefused("auth", NOT_LET_IN) from refusal
        raise


def _give_back(session: SiteSession, handle: int) -> None:
    """Used up; its place at the agent is free again. Nobody waits for that."""

    async def drop() -> None:
        try:
            await session.drop([handle], deadline=GIVE_BACK_DEADLINE)
        except SiteError:
            return  # it ends by itself within seconds

    if not session.closed:
        in_background(drop(), "give a used token back")
