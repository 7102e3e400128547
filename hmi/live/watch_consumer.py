"""The socket of a watch list's page: open while its person may read the list and the list is as the page shows it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from uuid import UUID

from channels.db import database_sync_to_async
from django.http import Http404

from hmi.live.chosen_entries import Entry, chosen_picture, look_up
from hmi.live.consumers import ALARMS, SiteConsumer
from hmi.live.demand import provider
from hmi.live.hub import SharedView
from hmi.live.list_watch import Watched, get_list_watch
from hmi.live.views import ReadingsView
from hmi.sites.access import SiteAccess


class WatchConsumer(SiteConsumer):
    """People who look at the same entries share one view, whoever owns the lists."""

    entries: tuple[Entry, ...] = ()

    async def connect(self) -> None:
        await super().connect()
        if self._socket is not None and not self._socket.ended:
            key: UUID = self.scope["url_route"]["kwargs"]["key"]
            get_list_watch().add(self._socket, Watched(self.accesses[0].user_id, key, self.entries))

    async def _put_away(self) -> None:
        if self._socket is not None:
            get_list_watch().remove(self._socket)
        await super()._put_away()

    async def find_accesses(self) -> Sequence[SiteAccess]:
        accesses = await super().find_accesses()
        key: UUID = self.scope["url_route"]["kwargs"]["key"]
        entries = await database_sync_to_async(look_up)(accesses[0], key)
        if entries is None:
            raise Http404
        self.entries = entries
        return accesses

    def find_view(self) -> tuple[Hashable, Callable[[], SharedView]]:
        site, entries, alarms = self.accesses[0].site, self.entries, self.accesses[0].allows(ALARMS)
        return ("watch", site.id, entries, alarms), lambda: ReadingsView(
            provider().link(site), lambda catalog: chosen_picture(catalog, entries), alarms=alarms
        )
