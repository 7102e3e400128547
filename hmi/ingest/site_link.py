"""The standing link to one site: it lives while somebody watches, and always knows how it is.

One task keeps a session open, again and again, with full jitter between attempts. What it learns lies in ``latest``,
``sources``, ``catalog`` and ``state``; whoever watches is told of every change. Values are never touched when the
link fails: the state says what they are worth, and says it at once, by a timer that no waiting call can delay.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async

from hmi.ingest.agent_clock import AgentClock
from hmi.ingest.link_session import LinkSession, SessionOver
from hmi.ingest.link_status import LinkStatus
from hmi.ingest.service_token import TokenMaker, same_access
from hmi.live.alarm_book import AlarmBook
from hmi.live.clock import now_ms
from hmi.live.demand import LinkState, Watcher
from hmi.live.link_news import tell_followers
from hmi.sites.access import SiteAccess
from hmi.sites.background import in_background
from hmi.sites.catalog import Catalog
from hmi.sites.conduit_info import ConduitInfo, get_conduit_info
from hmi.sites.errors import SiteUnreachable
from hmi.sites.models import Site
from hmi.sites.site_session import SiteSession
from hmi.sites.tokens import site_token_for
from relay_bridge.contract.acting import SiteMode
from relay_bridge.contract.messages import Push, SourceState
from relay_bridge.contract.readings import Reading
from relay_bridge.protocol.backoff import full_jitter

logger = logging.getLogger(__name__)

LINGER = 30.0  # seconds that a link outlives its last watcher: people move from page to page
OPEN_DEADLINE = 5.0  # seconds for dialling, both handshakes and hello
CONDUIT_DEADLINE = 5.0  # seconds for rows and key file
BACKOFF_BASE, BACKOFF_CAP = 0.3, 3.0  # seconds; a site that is back must be seen within 10 s
STEADY = 10.0  # seconds that a session must last before failures are forgotten
ALARMS = "alarm:read"
REFUSED_FOR = 5.0  # seconds; whoever is let in again after that was looked at anew

ConduitFinder = Callable[[UUID], Awaitable[ConduitInfo]]
# Channels' twin of sync_to_async: it also puts stale database connections away, as nobody else does for our task.
_find_conduit: ConduitFinder = database_sync_to_async(get_conduit_info)
_make_token: TokenMaker = database_sync_to_async(site_token_for)


class SiteLink:
    """``demand.Link`` and ``link_session.LinkReport`` of one site in one event loop."""

    def __init__(
        self,
        site: Site,
        *,
        find_conduit: ConduitFinder = _find_conduit,
        make_token: TokenMaker = _make_token,
    ) -> None:
        self.site = site
        self.catalog: Catalog | None = None
        self.latest: dict[str, Reading] = {}
        self.sources: dict[str, SourceState] = {}
        self.mode: SiteMode | None = None
        self.alarms = AlarmBook(self._alarm_demand_differs)
        self._find_conduit = find_conduit
        self._make_token = make_token
        self._loop = asyncio.get_running_loop()
        self._status = LinkStatus(site.slug, self._tell_link)
        self._clock = AgentClock()
        self._watchers: dict[Watcher, None] = {}
        self._guests: dict[Any, tuple[SiteAccess, float]] = {}  # who is about to watch or just stopped, until when
        self._ended: list[tuple[SiteAccess, float]] = []  # until when not to be used
        self._wanted: frozenset[str] | None = None
        self._task: asyncio.Task[None] | None = None
        self._session: LinkSession | None = None
        self._demand_changed = asyncio.Event()

    # --- for those who watch -----------------------------------------------------------------------------------

    @property
    def state(self) -> LinkState:
        return self._status.state

    def agent_time(self) -> int:
        return self._clock.agent_time(now_ms())

    def agent_moment(self, since: int) -> int:
        return self._clock.agent_time(since)

    def attach(self, watcher: Watcher) -> None:
        self._watchers[watcher] = None
        self._demand_differs()

    def detach(self, watcher: Watcher) -> None:
        self._watchers.pop(watcher, None)
        self._demand_differs()

    def watch_changed(self, watcher: Watcher) -> None:
        if watcher in self._watchers:
            self._demand_differs()

    def access_ended(self, access: SiteAccess) -> None:
        """Nothing more may be streamed under ``access``; another one is chosen, or the stream ends now."""
        self.refuse(access)
        if self._session is not None:
            self._session.access_ended(access)

    def expect(self, access: SiteAccess) -> None:
        """Somebody with this access is about to watch, or has just stopped: be there for ``LINGER`` seconds."""
        now = self._loop.time()
        self._guests = {key: guest for key, guest in self._guests.items() if guest[1] > now}
        self._guests[access.key, access.session_key] = access, now + LINGER
        self._demand_differs()

    async def close(self) -> None:
        """Stop now, whoever watches."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # --- for its session (LinkReport) ----------------------------------------------------------------------------

    def heard(self, agent_time: int) -> None:
        self._clock.heard(agent_time, now_ms())
        self._status.heard()
        self.alarms.look_at_clock(agent_time)

    def took_sources(self, sources: dict[str, SourceState]) -> None:
        if sources != self.sources:
            self.sources = sources
            self._tell_link()

    def took_mode(self, mode: SiteMode) -> None:
        if mode != self.mode:
            self.mode = mode
            self._tell_link()

    def took_catalog(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._wanted = None
        self._tell_link()

    def took_readings(self, readings: dict[str, Reading]) -> None:
        changed = {tag for tag, reading in readings.items() if self.latest.get(tag) != reading}
        self.latest.update(readings)
        if changed:
            for watcher in list(self._watchers):
                self._tell(watcher.readings_changed, changed)

    def became_current(self, kept: Collection[str]) -> None:
        self.dropped([tag for tag in self.latest if tag not in kept])
        self._status.became_current()

    def dropped(self, tags: Collection[str]) -> None:
        # An old value under a live link would look like the present: rather none.
        for tag in tags:
            self.latest.pop(tag, None)

    def wanted_tags(self) -> frozenset[str]:
        if self.catalog is None:
            return frozenset()
        if self._wanted is None:
            wanted: set[str] = set()
            for watcher in self._watchers:
                wanted.update(tag for tag in watcher.wanted_tags(self.catalog) if self.catalog.tag(tag))
            self._wanted = frozenset(wanted)
        return self._wanted

    def candidates(self) -> list[SiteAccess]:
        now = self._loop.time()
        found = [access for watcher in self._watchers for access in watcher.accesses()]
        found += [access for access, until in self._guests.values() if until > now]
        found = [access for access in found if access.allows("data:live") and not access.token_ended]
        self._ended = [(ended, until) for ended, until in self._ended if until > now]
        found = [access for access in found if not any(same_access(access, ended) for ended, _ in self._ended)]
        # One token carries the whole stream: while somebody looks at alarms, one of an access that shows them.
        with_alarms = [access for access in found if access.allows(ALARMS)] if self.alarms.wanted else []
        return with_alarms or found

    def refuse(self, access: SiteAccess) -> None:
        self._ended.append((access, self._loop.time() + REFUSED_FOR))
        self._guests.pop((access.key, access.session_key), None)
        self._demand_changed.set()

    async def check_conduit(self, used: ConduitInfo) -> None:
        async with asyncio.timeout(CONDUIT_DEADLINE):
            if (await self._find_conduit(self.site.id)).stamp != used.stamp:
                raise SiteUnreachable(self.site.name, "the way to the site was changed", 0.0)

    def _alarm_demand_differs(self) -> None:
        if self._session is not None:
            self._session.watch_changed()

    # --- telling -------------------------------------------------------------------------------------------------

    def _demand_differs(self) -> None:
        self._wanted = None
        self._demand_changed.set()
        if self._session is not None:
            self._session.watch_changed()
        if self._in_demand and (self._task is None or self._task.done()):
            self._task = in_background(self._run(), f"link {self.site.slug}")

    def _tell_link(self) -> None:
        tell_followers(self.site, self.state, self.mode)
        for watcher in list(self._watchers):
            self._tell(watcher.link_changed)

    def _tell(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            call(*arguments)
        except Exception:
            logger.exception("A view of %s failed on a change; the others go on.", self.site.slug)

    # --- the task --------------------------------------------------------------------------------------------------

    @property
    def _guests_until(self) -> float:
        return max((until for _, until in self._guests.values()), default=0.0)

    @property
    def _in_demand(self) -> bool:
        return bool(self._watchers) or self._loop.time() < self._guests_until

    async def _run(self) -> None:
        """Sessions one after the other while somebody watches. Nothing but being cancelled gets out of here."""
        failures = 0
        self._status.begin()
        while self._in_demand:
            begun = self._loop.time()
            reason = await self._one_session_and_why_it_ended()
            if reason:
                self._status.went_down(reason)
            failures = 0 if self._loop.time() - begun >= STEADY else failures + 1
            await asyncio.sleep(full_jitter(failures, BACKOFF_BASE, BACKOFF_CAP, random.random))
        self._status.begin()

    async def _one_session_and_why_it_ended(self) -> str:
        """Empty when nobody needed it any more."""
        try:
            await self._one_session()
        except SessionOver as over:
            return over.reason if over.wanted else ""
        except SiteUnreachable as error:
            return error.reason
        except TimeoutError:
            return "the web app is too busy to open a session"
        except Exception:
            logger.exception("The link to %s failed on a fault of ours; it goes on.", self.site.slug)
            return "a fault in the web app"
        return ""

    async def _one_session(self) -> None:
        async with asyncio.timeout(CONDUIT_DEADLINE):
            info = await self._find_conduit(self.site.id)
        early: list[Push] = []  # pushes may come before ``open`` has returned; they keep their order
        take: Callable[[Push], None] = early.append

        def on_push(push: Push) -> None:
            take(push)

        session = await SiteSession.open(info, OPEN_DEADLINE, on_push=on_push)
        try:
            self._clock.forget()
            self.heard(session.hello.t)
            self._session = LinkSession(session, self, self._make_token)
            for push in early:
                self._session.receive(push)
            take = self._session.receive
            self._status.watch_silence()
            await self._while_wanted(self._session.run())
            self._status.begin()
        except SessionOver as over:  # said before the goodbye below, which may take a second
            if over.wanted:
                self._status.went_down(over.reason)
            else:
                self._status.begin()
            raise
        finally:
            self._session = None
            self.alarms.lost()
            self._status.stop_watching()
            await session.close("the live connection was closed")

    async def _while_wanted(self, running: Any) -> None:
        """Run until it ends, or until nobody watches any more."""
        work = asyncio.create_task(running)
        wish = asyncio.create_task(self._wait_until_unwanted())
        try:
            await asyncio.wait({work, wish}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            work.cancel()
            wish.cancel()
            await asyncio.gather(work, wish, return_exceptions=True)
        if not work.cancelled():
            work.result()

    async def _wait_until_unwanted(self) -> None:
        while self._in_demand:
            self._demand_changed.clear()
            until = None if self._watchers else self._guests_until
            try:
                async with asyncio.timeout_at(until):
                    await self._demand_changed.wait()
            except TimeoutError:
                continue
