"""One session of a link, from hello to its end: token, catalog, subscriptions, pushes, credit.

``LinkSession.run`` ends by raising ``SessionOver`` with the reason in words. What the session learns goes to its
``LinkReport``; what it needs to know it asks there.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TypeVar

import msgspec

from hmi.ingest.alarm_stream import AlarmStream
from hmi.ingest.link_report import LinkReport
from hmi.ingest.read_catalog import read_catalog
from hmi.ingest.service_token import ServiceToken, TokenMaker
from hmi.ingest.tag_stream import TagStream
from hmi.ingest.trail_exchange import exchange_trails
from hmi.live.access_watch import get_access_watch
from hmi.live.alarm_book import TooManyAlarms
from hmi.sites.access import SiteAccess
from hmi.sites.errors import SiteError, SiteRefused, SiteUnreachable
from hmi.sites.site_session import SiteSession
from relay_bridge.contract.acting import ModePush, SiteMode
from relay_bridge.contract.alarms import AlarmDelta, AlarmSnapshot
from relay_bridge.contract.errors import MalformedMessage
from relay_bridge.contract.messages import MAX_TAGS as TAGS_A_CALL
from relay_bridge.contract.messages import (
    Bye,
    Delta,
    Empty,
    Heartbeat,
    PingAnswer,
    Push,
    Snapshot,
    SourceState,
    Sub,
    SubAnswer,
    Unsub,
)
from relay_bridge.contract.readings import Reading
from relay_bridge.contract.update_stream import Gap

logger = logging.getLogger(__name__)
CALL_DEADLINE = 3.0  # seconds
GIVE_UP_AFTER = 6.0  # seconds without a push: the session is dropped and opened anew
PING_EVERY = 15.0  # seconds between our words in a session that carries no values; the agent ends idle ones
HAND_OVER = 2.0  # seconds to stream on under somebody else's access when the one behind the token ended
LOOK_FOR_ACCESS = 5.0  # seconds between looks for an access, beside those that a change of watchers causes
RATE_MS = 1000  # the agent's tick for this stream
_SHORTEST_WAIT = 0.05  # seconds: work that is due "now" and fails must not spin

_T = TypeVar("_T", bound=msgspec.Struct)
BYE_WORDS = {
    "lease": "the site ended the stream because its lease was not renewed",
    "shutdown": "the agent was stopped",
    "config": "the agent loads a new configuration",
    "idle": "the agent found the session idle",
    "off": "the site was switched off at the plant",
}


class SessionOver(Exception):  # noqa: N818 - the ordinary end of every session
    """``reason`` in words; ``wanted`` is False when nobody needed the session any more."""

    def __init__(self, reason: str, *, wanted: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wanted = wanted


class LinkSession:
    """Made by ``SiteLink`` around a session that has said hello. An ``access_watch.Lease``."""

    def __init__(self, session: SiteSession, link: LinkReport, make_token: TokenMaker) -> None:
        self.site_id = session.info.site_id
        self.conduit_stamp = session.info.stamp
        self._session = session
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._token = ServiceToken(session, make_token)
        self._stream = TagStream()
        self._alarms = AlarmStream(link)
        self._over: asyncio.Future[str] = self._loop.create_future()
        self._wake = asyncio.Event()
        self._lease_over = asyncio.Event()
        self._token_held = asyncio.Event()
        self._credit_wake = asyncio.Event()
        self._credit = 0
        self._sources_up = _up(session.hello.sources)
        self._check_catalog = True
        self._tidy = False
        self._next_ping = 0.0
        self._heard_at = self._loop.time()

    # --- told by the link --------------------------------------------------------------------------------------

    def watch_changed(self) -> None:
        self._wake.set()

    def access_ended(self, access: SiteAccess) -> None:
        """Nothing more under this access: another one now, or the end."""
        self._token.access_ended(access)
        self._wake.set()
        if self._token.handle is not None and not self._token.holds:
            self._token_held.clear()
            self._lease_over.set()

    # --- told by the access watch ------------------------------------------------------------------------------

    @property
    def lease_access(self) -> SiteAccess | None:
        return self._token.access

    def access_over(self) -> None:
        access = self._token.access
        if access is not None:
            self._link.access_ended(access)

    def conduit_changed(self) -> None:
        self._end("the way to the site was changed")

    # --- pushes, in the order of their arrival -----------------------------------------------------------------

    def receive(self, push: Push) -> None:
        """Called for every push of the session; one that does not fit ends it."""
        self._heard_at = self._loop.time()
        self._link.heard(push.t)
        try:
            readings = self._stream.receive(push)
        except Gap as gap:
            self._end(f"values were lost on the way ({gap})")
            return
        except MalformedMessage as error:
            self._end(f"the agent sent an update that makes no sense: {error}")
            return
        if isinstance(push, Heartbeat):
            self._took_sources(push.src)
        elif isinstance(push, ModePush):
            self._took_mode(push.mode)
        elif isinstance(push, Bye):
            self._end(BYE_WORDS.get(push.why, f"the agent said goodbye: {push.why}"))
        elif isinstance(push, Snapshot | Delta):
            self._took(readings)
            self._give(push.n)
        elif isinstance(push, AlarmSnapshot | AlarmDelta):
            try:
                self._alarms.receive(push)
            except TooManyAlarms:
                self._end("the agent sent more alarms than a site may have")
            self._give(push.n)

    def _give(self, n: int) -> None:
        self._credit = n
        self._credit_wake.set()

    def _took_sources(self, sources: dict[str, SourceState]) -> None:
        self._link.took_sources(sources)
        up = _up(sources)
        if up - self._sources_up:  # a source that came back may describe its tags anew: units, ranges, decimals
            self._check_catalog = True
            self._wake.set()
        self._sources_up = up

    def _took(self, readings: dict[str, Reading]) -> None:
        if readings:
            self._link.took_readings(readings)
        if self._link.catalog is not None and self._token.holds and self._stream.settle(self._link.wanted_tags()):
            self._link.became_current(self._stream.tags)

    def _end(self, reason: str) -> None:
        if not self._over.done():
            self._over.set_result(reason)

    # --- what goes on at once ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the session useful until it is over; always raises ``SessionOver``, or what nobody foresaw."""
        self._link.took_sources(self._session.hello.sources)
        self._took_mode(self._session.hello.mode)
        parts = (
            self._await_end(), self._end_lease(), self._follow(), self._give_credit(), exchange_trails(self._session),
        )  # fmt: skip
        work = [asyncio.create_task(part) for part in parts]
        watch = get_access_watch()
        watch.hold(self)
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watch.let_go(self)
            for task in work:
                task.cancel()
            results = await asyncio.gather(*work, return_exceptions=True)
        # In this order: why the session itself ended says more than the call that failed with it.
        error = next(result for result in results if isinstance(result, Exception))
        if isinstance(error, SiteUnreachable):
            raise SessionOver(error.reason) from error
        if isinstance(error, SiteRefused):
            raise SessionOver(f"the site refused: {error.message}") from error
        raise error

    def _took_mode(self, mode: SiteMode) -> None:
        """A site that is off shows nothing: the session ends and says by whom, and another one looks again soon."""
        self._link.took_mode(mode)
        if mode.mode == "off":
            self._end(f"{BYE_WORDS['off']}{f' by {mode.by}' if mode.by else ''}")

    async def _await_end(self) -> None:
        closed = asyncio.ensure_future(self._session.wait_closed())
        try:
            while not self._over.done() and not closed.done():
                left = self._heard_at + GIVE_UP_AFTER - self._loop.time()
                if left <= 0:
                    raise SessionOver(f"nothing came from the site for {GIVE_UP_AFTER:.0f} s")
                await asyncio.wait({self._over, closed}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            raise SessionOver(self._over.result() if self._over.done() else closed.result())
        finally:
            closed.cancel()

    async def _give_credit(self) -> None:
        while True:
            await self._credit_wake.wait()
            self._credit_wake.clear()
            await self._session.acknowledge(self._credit)

    async def _end_lease(self) -> None:
        """When the access behind the token ends: the stream goes on under another one at once, or ends at the agent.

        A task of its own, so that no slow answer of the site holds it up.
        """
        while True:
            await self._lease_over.wait()
            self._lease_over.clear()
            if not self._link.candidates():
                await self._let_go()
            try:
                async with asyncio.timeout(HAND_OVER):
                    await self._token_held.wait()
            except TimeoutError:
                await self._let_go()

    async def _let_go(self) -> None:
        """Nobody may watch values now: the agent forgets the token, and so ends the stream before it answers."""
        try:
            await self._token.give_back()
        except SiteError as error:  # closing the session says the same; the lease ends it if that gets lost too
            logger.info("The site did not confirm that the stream ended: %s", error)
        raise SessionOver("nobody with access to live values watches", wanted=False)

    async def _follow(self) -> None:
        """Do what is due, then wait for what comes next: a renewal, another wish, values that are late."""
        while True:
            self._wake.clear()
            if await self._keep_token():
                await self._keep_catalog()
                await self._alarms.keep_up(self._token.access, self._ask)
                await self._keep_subscribed()
            try:
                async with asyncio.timeout_at(max(self._next_due(), self._loop.time() + _SHORTEST_WAIT)):
                    await self._wake.wait()
            except TimeoutError:
                self._took(self._stream.give_up_waiting(self._loop.time(), self._link.agent_time()))

    def _next_due(self) -> float:
        if not self._token.holds:
            return min(self._next_ping, self._loop.time() + LOOK_FOR_ACCESS)
        unheard = self._stream.unheard_due()
        return self._token.renew_at if unheard is None else min(unheard, self._token.renew_at)

    async def _keep_token(self) -> bool:
        """True while the session may ask for values."""
        if not self._token.due and not self._alarms.needs_other(self._token.access, self._link.candidates()):
            return True
        candidates = self._link.candidates()
        if not candidates:
            await self._go_without_values()
            return False
        # As often as the token is renewed, and that is often enough: people move from page to page and back.
        self._check_catalog = self._tidy = True
        await self._check_conduit()
        if await self._token.renew(candidates, self._link.refuse):
            self._token_held.set()
            return True
        if not self._token.holds and self._link.candidates():
            raise SessionOver(f"the site cannot be asked for values: {self._token.trouble}")
        self._wake.set()  # all of them had ended: look again at once
        return self._token.holds

    async def _check_conduit(self) -> None:
        try:
            await self._link.check_conduit(self._session.info)
        except SiteError:
            raise
        except Exception as error:  # the database is away: the agent's lease ends what lasts too long
            logger.warning("The conduit could not be looked up: %s", error or type(error).__name__)

    async def _go_without_values(self) -> None:
        """Nobody may watch values: a stream is ended, a session that never had one still tells the link's state."""
        if self._token.handle is not None:
            await self._let_go()
        if self._loop.time() >= self._next_ping:
            await self._session.call("ping", Empty(), PingAnswer, deadline=CALL_DEADLINE)
            self._next_ping = self._loop.time() + PING_EVERY
        if self._stream.settle(()):
            self._link.became_current(())

    async def _keep_catalog(self) -> None:
        known = self._link.catalog
        if known is not None and not self._check_catalog:
            return
        self._check_catalog = False
        try:
            catalog = await read_catalog(self._ask, known)
        except ValueError as error:
            raise SessionOver(str(error)) from error
        if catalog is not known:
            self._link.took_catalog(catalog)

    async def _keep_subscribed(self) -> None:
        wanted = self._link.wanted_tags()
        for tags in _chunks(self._stream.missing(wanted)):
            self._stream.subscribing()
            try:
                answer = await self._ask("sub", Sub(tags=tags, rate=RATE_MS), SubAnswer)
            except SiteRefused as refusal:
                if refusal.code != "too_large":
                    raise
                logger.warning("The site lets no more than %d tags be watched: %s", len(self._stream.tags), refusal)
                self._took(self._stream.refused(tags, self._link.agent_time()))
            else:
                self._took(self._stream.subscribed(answer, self._loop.time(), self._link.agent_time()))
        if self._tidy:
            self._tidy = False
            await self._unsubscribe(self._stream.surplus(wanted))
        self._took({})

    async def _unsubscribe(self, tags: list[str]) -> None:
        for chunk in _chunks(tags):
            try:
                await self._ask("unsub", Unsub(tags=chunk), Empty)
            except SiteError as error:
                # Harmless: values that nobody wants are ignored, and the agent's lease ends what we leave behind.
                logger.debug("Unsubscribing failed: %s", error)
        self._stream.dropped(tags)
        self._link.dropped(tags)

    async def _ask(self, method: str, parameters: msgspec.Struct, shape: type[_T]) -> _T:
        return await self._session.call(method, parameters, shape, handle=self._token.handle, deadline=CALL_DEADLINE)


def _chunks(tags: list[str]) -> list[list[str]]:
    return [tags[start : start + TAGS_A_CALL] for start in range(0, len(tags), TAGS_A_CALL)]


def _up(sources: dict[str, SourceState]) -> frozenset[str]:
    return frozenset(source for source, state in sources.items() if state.code == 0)
