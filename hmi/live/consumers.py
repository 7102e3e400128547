"""The phones' sockets: who may open one, what they may say on it, and that everything is put away at the end.

A refusal is always the same 403 before the socket opens, whether the site does not exist, is not this person's, or
does not show live values to them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.http import Http404, QueryDict

from hmi.live.access_watch import get_access_watch
from hmi.live.alarm_lists import alarm_list
from hmi.live.demand import provider
from hmi.live.favourites_view import StartView, find_wishes
from hmi.live.hub import SharedView, get_hub
from hmi.live.live_socket import CLOSE_NOT_UNDERSTOOD, CLOSE_TOO_FAST, CLOSE_TOO_MANY, LiveSocket
from hmi.live.phone_messages import Flood, NotUnderstood, parse_message
from hmi.live.pictures import asset_picture, beside_picture, site_picture
from hmi.live.sites_view import SitesView, summary_of
from hmi.live.views import ReadingsView
from hmi.sites.access import SiteAccess, get_site_for, sites_for
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID

logger = logging.getLogger(__name__)

VALUES = "data:live"
ALARMS = "alarm:read"
LINES_ALONE = b"view=lines"  # the query of a page that shows no favourites
LIST_BESIDE = b"beside=1"  # the query of a wide screen that shows the site's list beside an asset
SOCKETS_A_PERSON = 20  # open pages of one person on all their devices
SOCKETS_A_PROCESS = 5_000  # unless settings.LIVE_SOCKETS says otherwise
MAX_QUERY = 1_000  # bytes of an address behind the question mark
CONNECT_DEADLINE = 5.0  # seconds from the request to the decision
# Why a page's socket ends; static/js/said.js has them in every language.
TOO_MUCH = "This page sent too much at once."
NO_SENSE = "The server did not understand this page. Reload it."
TOO_MANY_OWN = "You have too many live pages open. Close one of them."
TOO_MANY = "Too many live pages are open at the moment. This one shows what it knew when it was loaded."

_get_site_for = database_sync_to_async(get_site_for)
_sites_for = database_sync_to_async(sites_for)
_find_wishes = database_sync_to_async(find_wishes)


class LiveConsumer(AsyncWebsocketConsumer):
    """What all live pages have in common. Subclasses say under which accesses they open, and what they show."""

    # No layer: views are shared inside the process (hub.py), and the in-memory layer costs more per phone the more
    # phones there are.
    channel_layer_alias = "none"

    _socket: LiveSocket | None = None
    _writer: asyncio.Task[None] | None = None

    async def find_accesses(self) -> Sequence[SiteAccess]:
        """The accesses under which this page opens; ``Http404`` when there is nothing to open."""
        raise NotImplementedError

    def find_view(self) -> tuple[Hashable, Callable[[], SharedView]]:
        """The shared view's key, and how to make it."""
        raise NotImplementedError

    # --- life ----------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:  # also when the server drops the socket without a word
            await self._put_away()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # A phone's answer touches no database, so it need not pay for the thread that looks after connections.
        if message["type"] == "websocket.receive":
            await self.websocket_receive(message)
        else:
            await super().dispatch(message)

    async def connect(self) -> None:
        user, session = self.scope["user"], self.scope["session"]
        if not user.is_authenticated or not session.session_key:
            await self.close()
            return
        try:
            async with asyncio.timeout(CONNECT_DEADLINE):
                self.accesses = tuple(await self.find_accesses())
        except (Http404, TimeoutError):
            await self.close()
            return
        socket = LiveSocket(
            user_id=user.pk, session_key=session.session_key, accesses=self.accesses, send=self.send, close=self.close
        )
        watch = get_access_watch()
        too_many = _too_many(len(watch), watch.count_of(user.pk))
        await self.accept()
        self._socket, self._flood = socket, Flood(asyncio.get_running_loop().time())
        if too_many:
            socket.end(too_many, CLOSE_TOO_MANY)
        else:
            watch.add(socket)
            socket.look_at(*self.find_view())
        self._writer = asyncio.get_running_loop().create_task(socket.write(), name="live socket")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        socket = self._socket
        if socket is None or socket.ended:
            return
        if not self._flood.allows(asyncio.get_running_loop().time()):
            socket.end(TOO_MUCH, CLOSE_TOO_FAST)
            return
        try:
            socket.take_message(parse_message(text_data))
        except NotUnderstood:
            socket.end(NO_SENSE, CLOSE_NOT_UNDERSTOOD)

    async def _put_away(self) -> None:
        if self._socket is not None:
            get_access_watch().remove(self._socket)
            self._socket.leave()
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer


class NothingHere(AsyncWebsocketConsumer):
    """Every other address: refused like a site that is not there."""

    channel_layer_alias = "none"

    async def connect(self) -> None:
        await self.close()


class SiteConsumer(LiveConsumer):
    """The overview of one site."""

    async def find_accesses(self) -> Sequence[SiteAccess]:
        slug = self.scope["url_route"]["kwargs"]["slug"]
        return [await _get_site_for(self.scope["user"], slug, scope=VALUES, session=self.scope["session"])]

    def find_view(self) -> tuple[Hashable, Callable[[], SharedView]]:
        link, alarms = provider().link(self.accesses[0].site), self.accesses[0].allows(ALARMS)
        return ("site", self.accesses[0].site.id, alarms), lambda: ReadingsView(link, site_picture, alarms=alarms)


class AssetConsumer(SiteConsumer):
    """One tank, pump or other unit of a site."""

    async def find_accesses(self) -> Sequence[SiteAccess]:
        asset = self.scope["url_route"]["kwargs"]["asset"]
        if len(asset) > MAX_ID or not re.match(ID_PATTERN, asset):
            raise Http404
        return await super().find_accesses()

    def find_view(self) -> tuple[Hashable, Callable[[], SharedView]]:
        asset = self.scope["url_route"]["kwargs"]["asset"]
        choose = beside_picture if self.scope.get("query_string") == LIST_BESIDE else asset_picture
        link, alarms = provider().link(self.accesses[0].site), self.accesses[0].allows(ALARMS)
        return ("asset", self.accesses[0].site.id, asset, alarms, choose), lambda: ReadingsView(
            link, lambda catalog: choose(catalog, asset), alarms=alarms
        )


class AlarmsConsumer(SiteConsumer):
    """The alarm list of a site, narrowed by the query of the address."""

    async def find_accesses(self) -> Sequence[SiteAccess]:
        accesses = await super().find_accesses()
        if not all(_sees_alarms(access) for access in accesses):
            raise Http404
        return accesses

    def find_view(self) -> tuple[Hashable, Callable[[], SharedView]]:
        access = self.accesses[0]
        query = QueryDict(self.scope.get("query_string", b"")[:MAX_QUERY])
        return alarm_list(access, provider().link(access.site), query.dict())


class MySitesConsumer(LiveConsumer):
    """A person's sites, one line each, and the person's favourites at them."""

    async def find_accesses(self) -> Sequence[SiteAccess]:
        alone = self.scope.get("query_string") == LINES_ALONE
        self.wishes = {} if alone else await _find_wishes(self.scope["user"])
        return await _sites_for(self.scope["user"], session=self.scope["session"])

    def find_view(self) -> tuple[Hashable, Callable[[], SharedView]]:
        shown = frozenset((access.site.id, access.allows(VALUES), access.allows(ALARMS)) for access in self.accesses)
        starred = {
            access.site.slug: (access.site, self.wishes[access.site.id])
            for access in self.accesses
            if access.allows(VALUES) and access.site.id in self.wishes
        }

        def make() -> SharedView:
            hub, links = get_hub(), provider()
            summaries = {
                access.site.slug: (summary_of(hub, links.link(access.site), access.site.id), access.allows(VALUES))
                for access in self.accesses
            }
            alarms = frozenset(access.site.slug for access in self.accesses if _sees_alarms(access))
            if not starred:
                return SitesView(summaries, alarms)
            favourites = {slug: (links.link(site), wishes) for slug, (site, wishes) in starred.items()}
            return StartView(summaries, alarms, favourites)

        favourites = frozenset((site.id, wishes) for site, wishes in starred.values())
        return ("my-sites", shown, favourites), make


def _sees_alarms(access: SiteAccess) -> bool:
    """Alarms come with the stream of values, so both rights are needed."""
    return access.allows(VALUES) and access.allows(ALARMS)


def _too_many(in_process: int, of_person: int) -> str:
    """Why no further socket opens; empty when one more is fine."""
    if of_person >= SOCKETS_A_PERSON:
        return TOO_MANY_OWN
    if in_process >= getattr(settings, "LIVE_SOCKETS", SOCKETS_A_PROCESS):
        return TOO_MANY
    return ""
