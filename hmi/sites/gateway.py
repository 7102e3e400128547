"""The gateway: from a view to a site's values and back, within a deadline. One for each event loop.

    catalog = await get_gateway().catalog(access)
    readings = await get_gateway().read(access, [tag.id for tag in catalog.tags_of("TK-101")])

Every call is made under the person's own site token, narrowed to live data. Nothing is asked of a site for an access
that does not hold ``data:live``: that is checked here as well as in the views and at the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import weakref
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from hmi.sites import access_changes
from hmi.sites.access import SiteAccess, astill_live
from hmi.sites.background import in_background
from hmi.sites.catalog import Catalog
from hmi.sites.conduit_info import aconduit_stamps
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable
from hmi.sites.site_line import SiteLine
from relay_bridge.contract.codec import parse_read_item
from relay_bridge.contract.errors import MalformedMessage
from relay_bridge.contract.messages import MAX_TAGS, CatalogAnswer, CatalogQuery, Read, ReadAnswer
from relay_bridge.contract.readings import Reading
from relay_bridge.contract.scopes import SCOPE_OF_METHOD

READ_DEADLINE = 2.0  # seconds, opening a session included: then the page shows the last known readings as stale
CATALOG_DEADLINE = 5.0  # seconds, all pages together
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


class Gateway:
    """Made by ``get_gateway``; ``close`` ends its sessions."""

    def __init__(self) -> None:
        self._loop = weakref.ref(asyncio.get_running_loop())
        self._lines: dict[UUID, SiteLine] = {}
        self._catalogs: dict[UUID, _CatalogSlot] = {}
        self._must_look = False
        self._looking: asyncio.Task[None] | None = None
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

    async def close(self) -> None:
        """End every session and stop listening for changes; the next ``get_gateway`` makes another."""
        _gateways.pop(asyncio.get_running_loop(), None)
        self._forget_bell()
        if self._looking is not None:
            self._looking.cancel()
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

    async def _call(self, access: SiteAccess, method: str, parameters: msgspec.Struct, result: type[_T]) -> _T:
        line = self._lines.setdefault(access.site.id, SiteLine(access.site.id, access.site.name))
        for retries_left in range(RETRIES, -1, -1):
            session, tokens = await line.use()
            try:
                async with tokens.handle_for(access) as handle:
                    return await session.call(method, parameters, result, handle=handle, deadline=CATALOG_DEADLINE)
            except AccessEnded:
                raise
            except SiteRefused as refusal:
                if refusal.code != "auth" or not retries_left:
                    raise
                tokens.forget((access.key, access.session_key))
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

    async def _drop_what_ended(self) -> None:
        """Tokens of ended accesses are forgotten, sessions of changed conduits closed."""
        while self._must_look:
            self._must_look = False  # before the look: what changes during it is looked at again
            await self._look()

    async def _look(self) -> None:
        tokens = [line.current.tokens for line in self._lines.values() if line.current is not None]
        ended = await astill_live({access_key for held in tokens for access_key, _ in held.keys})
        for held in tokens:
            held.forget_ended()
            for key in held.keys:
                if key[0] in ended:
                    held.forget(key)
        stamps = await aconduit_stamps(self._lines)
        for site_id, line in list(self._lines.items()):
            await line.check(stamps.get(site_id))


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
        raise SiteRefused("role", f"The role {access.role_name} does not show live values.")
