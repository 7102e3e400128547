"""The gateway: from a view to a site's values and back, within a deadline. One for each event loop.

    catalog = await get_gateway().catalog(access)
    readings = await get_gateway().read(access, [tag.id for tag in catalog.tags_of("TK-101")])

Every call is made under the person's own site token, narrowed to the one scope that it needs. Nothing is asked of a
site for an access that does not hold it: that is checked here as well as in the views and at the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import weakref
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from accounts.session_standing import standing_session_keys
from hmi.sites import access_changes
from hmi.sites.access import AccessKey, SiteAccess, still_live
from hmi.sites.background import in_background
from hmi.sites.catalog import Catalog
from hmi.sites.conduit_info import conduit_stamps
from hmi.sites.errors import AccessEnded, SiteError, SiteRefused, SiteUnreachable
from hmi.sites.presented_tokens import LIVE, TokenKey
from hmi.sites.single_use import Change, Clock, ask_once, send_once
from hmi.sites.site_line import OpenLine, SiteLine
from relay_bridge.contract.acting import ActAnswer, Trace, TraceAnswer, TraceRow
from relay_bridge.contract.alarms import Ack, AckAnswer, Journal, JournalAnswer, Shelve
from relay_bridge.contract.codec import parse_read_item
from relay_bridge.contract.errors import MalformedMessage
from relay_bridge.contract.history import Hist, HistAnswer
from relay_bridge.contract.messages import MAX_TAGS, CatalogAnswer, CatalogQuery, Read, ReadAnswer
from relay_bridge.contract.readings import Reading
from relay_bridge.contract.scopes import SCOPE_OF_METHOD, SCOPES

logger = logging.getLogger(__name__)
LOOK_EVERY = 1.0  # seconds between looks at what stands behind open sessions, beside those after each change
READ_DEADLINE = 2.0  # seconds, opening a session included: then the page shows the last known readings as stale
CATALOG_DEADLINE = 5.0  # seconds, all pages together
JOURNAL_DEADLINE = 4.0  # seconds for one page of past alarms
ACK_DEADLINE = 7.0  # seconds; the agent gives its sources 4 and answers within 5
HISTORY_DEADLINE = 17.0  # seconds; the agent gives up after 15
HISTORY_AT_ONCE = 2  # of one person, at all sites together; the others wait for their turn within their deadline
HISTORY_WAITING = 16  # of one person; more than a page with eight pens ever asks
REVALIDATE = 30.0  # seconds a catalog is taken as it is before the site is asked whether it changed
MAX_READ_TAGS = 2_000  # in one call of ``read``
MAX_PAGES = 200  # of one catalog
RETRIES = 1  # a call is repeated once: after a refused token, or when the session turned out to be dead

_T = TypeVar("_T", bound=msgspec.Struct)


@dataclass
class _CatalogSlot:
    catalog: Catalog | None = None
    checked: float = 0.0  # monotonic
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class _Historian:
    """One person's questions for history: those running, and how many there are with those that wait."""

    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(HISTORY_AT_ONCE)
        self.asked = 0


class Gateway:
    """Made by ``get_gateway``; ``close`` ends its sessions."""

    def __init__(self) -> None:
        self._loop = weakref.ref(asyncio.get_running_loop())
        self._lines: dict[UUID, SiteLine] = {}
        self._catalogs: dict[UUID, _CatalogSlot] = {}
        self._historians: dict[int, _Historian] = {}
        self._must_look = False
        self._looking: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._forget_bell = access_changes.on_change(_weak_bell(self))

    async def catalog(self, access: SiteAccess) -> Catalog:
        """The site's catalog; at most 30 s old, or the last one known while the site cannot be reached.

        Raises ``SiteUnreachable`` only when no catalog was ever read, ``SiteRefused``, ``AccessEnded``.
        """
        _check_scope(access, "catalog")
        slot = self._catalogs.setdefault(access.site.id, _CatalogSlot())
        if slot.catalog is not None and time.monotonic() - slot.checked < REVALIDATE:
            return slot.catalog
        try:
            async with self._deadline(access, CATALOG_DEADLINE), slot.lock:
                if slot.catalog is None or time.monotonic() - slot.checked >= REVALIDATE:
                    slot.catalog = await self._read_catalog(access, slot.catalog)
                    slot.checked = time.monotonic()
                return slot.catalog
        except SiteUnreachable:
            if slot.catalog is None:
                raise
            slot.checked = time.monotonic()  # names and limits do not go stale; ask again in a while
            return slot.catalog

    async def read(self, access: SiteAccess, tags: Iterable[str], *, fresh: bool = False) -> dict[str, Reading]:
        """The readings of ``tags`` within 2 s; ``fresh`` asks the source instead of the agent's latest values.

        Raises ``SiteUnreachable``, ``SiteRefused``, ``AccessEnded``. Tags the agent leaves out are left out here.
        """
        _check_scope(access, "read")
        wanted = list(dict.fromkeys(tags))
        if len(wanted) > MAX_READ_TAGS:
            raise SiteRefused("too_large", f"At most {MAX_READ_TAGS} tags are read at once, not {len(wanted)}.")
        chunks = [wanted[start : start + MAX_TAGS] for start in range(0, len(wanted), MAX_TAGS)]
        readings: dict[str, Reading] = {}
        async with self._deadline(access, READ_DEADLINE):
            answers = await asyncio.gather(
                *(self._call(access, "read", Read(tags=chunk, fresh=fresh), ReadAnswer) for chunk in chunks)
            )
        try:
            for answer in answers:
                readings.update(parse_read_item(item) for item in answer.d)
        except MalformedMessage as error:
            raise SiteUnreachable(access.site.name, f"the agent's readings make no sense: {error}", 0.0) from error
        return readings

    async def journal(self, access: SiteAccess, query: Journal) -> JournalAnswer:
        """One page of past alarm events, within 4 s. Raises as ``read`` does."""
        _check_scope(access, "journal")
        async with self._deadline(access, JOURNAL_DEADLINE):
            return await self._call(access, "journal", query, JournalAnswer)

    async def acknowledge(self, access: SiteAccess, ack: Ack) -> AckAnswer:
        """What became of each alarm, within 7 s. Raises as ``read`` does; after ``SiteUnreachable`` nobody knows
        whether it was done, and the same ``key`` asks again without doing it twice."""
        _check_scope(access, "ack")
        async with self._deadline(access, ACK_DEADLINE):
            return await self._call(access, "ack", ack, AckAnswer)

    async def shelve(self, access: SiteAccess, shelve: Shelve) -> AckAnswer:
        """The same for shelving one alarm, or bringing it back."""
        _check_scope(access, "shelve")
        async with self._deadline(access, ACK_DEADLINE):
            return await self._call(access, "shelve", shelve, AckAnswer)

    async def history(self, access: SiteAccess, query: Hist) -> HistAnswer:
        """One answer to ``hist`` within 17 s; ``cur`` in it asks for the rest. At most two at a time of one person.

        Raises ``SiteUnreachable``, ``SiteRefused`` (``busy`` beyond 16 of one person), ``AccessEnded``.
        """
        _check_scope(access, "hist")
        historian = self._historians.setdefault(access.user_id, _Historian())
        if historian.asked >= HISTORY_WAITING:
            raise SiteRefused("busy", "You have too many questions for history open. Wait for them.", retryable=True)
        historian.asked += 1
        try:
            async with self._deadline(access, HISTORY_DEADLINE), historian.turns:
                return await self._call(access, "hist", query, HistAnswer, HISTORY_DEADLINE)
        finally:
            historian.asked -= 1
            if not historian.asked:
                self._historians.pop(access.user_id, None)

    async def act(self, access: SiteAccess, change: Change, clock: Clock) -> ActAnswer:
        """Write a setpoint or execute a command: once, under a token for this change alone, by nobody repeated.

        ``SiteRefused``, ``SiteUnreachable``: nothing was done. ``AnswerLost``: only ``outcome`` can tell.
        """
        _check_scope(access, change.method)
        return await send_once(self._line(access), access, change, clock)

    async def outcome(self, access: SiteAccess, key: str) -> ActAnswer:
        """What became of an own change; ``SiteRefused`` with ``not_found`` when the site never had it."""
        _check_scope(access, "wstat")
        return await ask_once(self._line(access), access, key)

    async def trace(self, access: SiteAccess, most: int = 20) -> list[TraceRow]:
        """The person's own last actions as the site has them, newest first, within 2 s. Raises as ``read`` does."""
        _check_scope(access, "trace")
        async with self._deadline(access, READ_DEADLINE):
            return (await self._call(access, "trace", Trace(max=most), TraceAnswer)).rows

    async def capabilities(self, access: SiteAccess) -> frozenset[str]:
        """What the site's sources can do (``read``, ``subscribe``, ``history_raw``, ``alarms``, ...), within 2 s.

        From the hello of the session with its agent, opened if need be. Raises ``SiteUnreachable``. Nothing is asked
        of the site in anybody's name: whoever calls this has found the access live.
        """
        async with self._deadline(access, READ_DEADLINE):
            session, _ = await self._line(access).use()
        return frozenset(session.hello.caps)

    async def close(self) -> None:
        """End every session and stop listening for changes; the next ``get_gateway`` makes another."""
        _gateways.pop(asyncio.get_running_loop(), None)
        self._forget_bell()
        for task in (self._looking, self._following):
            if task is not None:
                task.cancel()
        await asyncio.gather(*(line.close("the web app is stopping") for line in self._lines.values()))

    async def _read_catalog(self, access: SiteAccess, known: Catalog | None) -> Catalog:
        have = known.hash if known else None
        pages = [await self._call(access, "catalog", CatalogQuery(have=have), CatalogAnswer)]
        if pages[0].same and known is not None:
            return known
        while pages[-1].cur is not None:
            if len(pages) >= MAX_PAGES:
                raise SiteRefused("too_large", f"The catalog of {access.site.name} has over {MAX_PAGES} pages.")
            pages.append(await self._call(access, "catalog", CatalogQuery(cur=pages[-1].cur), CatalogAnswer))
        try:
            return Catalog.from_pages(pages)
        except ValueError as error:
            raise SiteRefused("busy", f"{access.site.name}: {error}.", retryable=True) from error

    def _line(self, access: SiteAccess) -> SiteLine:
        return self._lines.setdefault(access.site.id, SiteLine(access.site.id, access.site.name))

    async def _call(
        self,
        access: SiteAccess,
        method: str,
        parameters: msgspec.Struct,
        result: type[_T],
        deadline: float = CATALOG_DEADLINE,
    ) -> _T:
        line = self._line(access)
        scope = SCOPE_OF_METHOD[method] or LIVE
        for retries_left in range(RETRIES, -1, -1):
            session, tokens = await line.use()
            self._follow_others()
            try:
                async with tokens.handle_for(access, scope) as handle:
                    return await session.call(method, parameters, result, handle=handle, deadline=deadline)
            except AccessEnded:
                raise
            except SiteRefused as refusal:
                if refusal.code != "auth" or not retries_left:
                    raise
                tokens.forget(TokenKey(access.key, access.session_key, scope))
            except SiteUnreachable:
                # Only a session that broke is worth another try: a silent site stays silent.
                if not session.closed or not retries_left:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    @contextlib.asynccontextmanager
    async def _deadline(self, access: SiteAccess, seconds: float) -> AsyncIterator[None]:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            line = self._lines.get(access.site.id)
            connected = line is not None and line.current is not None
            reason = "its agent does not answer" if connected else "no session could be opened in time"
            raise SiteUnreachable(access.site.name, reason, time.monotonic() - begun) from None
        except SiteUnreachable as error:
            raise SiteUnreachable(access.site.name, error.reason, time.monotonic() - begun) from error

    def _access_changed(self) -> None:
        loop = self._loop()
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._look_again)

    def _look_again(self) -> None:
        self._must_look = True
        if self._looking is None or self._looking.done():
            self._looking = in_background(self._drop_what_ended(), "gateway: access changed")

    def _follow_others(self) -> None:
        if self._following is None or self._following.done():
            self._following = in_background(self._follow(), "gateway: news of access")

    async def _follow(self) -> None:
        """While a session is open: hear what other processes changed, and find what nobody told of."""
        while any(line.current is not None for line in self._lines.values()):
            try:
                await access_changes.ahear_others()
            except Exception as error:  # whatever it is; each call looks at its access anyhow
                logger.warning("News of access could not be read: %s", error or type(error).__name__)
            self._look_again()
            await asyncio.sleep(LOOK_EVERY)

    async def _drop_what_ended(self) -> None:
        """Tokens of ended accesses are given back, sessions of changed conduits closed."""
        while self._must_look:
            self._must_look = False  # before the look: what changes during it is looked at again
            try:
                await self._look()
            except Exception as error:  # the next look finds what this one missed
                logger.warning("Open sessions could not be looked at: %s", error or type(error).__name__)

    async def _look(self) -> None:
        lines = [line.current for line in self._lines.values() if line.current is not None]
        held = {key for line in lines for key in line.tokens.keys}
        ended, signed_in, stamps = await _alook(held, list(self._lines))
        for open_line in lines:
            over = set(open_line.tokens.ended_by_hand())
            over |= {key for key in open_line.tokens.keys if key in held and _is_over(key, ended, signed_in)}
            if over:
                await _give_back(open_line, over)
        for site_id, line in list(self._lines.items()):
            await line.check(stamps.get(site_id))


def _look_at(held: Collection[TokenKey], sites: Collection[UUID]) -> tuple[dict[AccessKey, str], set[str], Any]:
    """Which accesses ended, which sessions stand, and how the sites are reached now."""
    sessions = {key.session_key for key in held if key.session_key}
    return (
        still_live({key.access for key in held}),
        standing_session_keys(sessions, time.time()),
        conduit_stamps(sites),
    )


_alook = access_changes.in_own_thread(_look_at)


def _is_over(key: TokenKey, ended: Collection[AccessKey], signed_in: Collection[str]) -> bool:
    return key.access in ended or (bool(key.session_key) and key.session_key not in signed_in)


async def _give_back(line: OpenLine, keys: Collection[TokenKey]) -> None:
    """The agent forgets these tokens; when it does not say so, the session ends, and every token with it."""
    try:
        await line.tokens.give_back(keys)
    except SiteError as error:
        logger.warning("Tokens of ended accesses: %s", error)
        await line.session.close("the site did not confirm that access ended")


_gateways: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Gateway] = weakref.WeakKeyDictionary()


def get_gateway() -> Gateway:
    """The gateway of the running event loop, made when first asked for."""
    loop = asyncio.get_running_loop()
    gateway = _gateways.get(loop)
    if gateway is None:
        gateway = _gateways[loop] = Gateway()
    return gateway


def _weak_bell(gateway: Gateway) -> Any:
    """The bell must not keep the gateway of a closed loop alive."""
    method = weakref.WeakMethod(gateway._access_changed)  # noqa: SLF001 - its own file

    def ring() -> None:
        wake = method()
        if wake is not None:
            wake()

    return ring


def _check_scope(access: SiteAccess, method: str) -> None:
    """By the table that the agent asks too (contract/scopes.py)."""
    scope = SCOPE_OF_METHOD[method]
    if scope is not None and not access.allows(scope):
        raise SiteRefused("role", f"The role {access.role_name} does not hold this right: {SCOPES[scope].lower()}.")
