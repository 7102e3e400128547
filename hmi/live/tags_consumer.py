"""The socket of a page that shows chosen tags of one site, as a trend does: ``?tags=A,B``, at most eight."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from urllib.parse import parse_qs

from django.http import Http404

from hmi.live.consumers import ALARMS, SiteConsumer
from hmi.live.demand import provider
from hmi.live.hub import SharedView
from hmi.live.pictures import Picture
from hmi.live.views import ReadingsView
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID

MAX_CHOSEN = 8
MAX_QUERY = MAX_CHOSEN * (MAX_ID + 1) + 16  # bytes


class TagsConsumer(SiteConsumer):
    """The present values of tags somebody chose; those that the site does not have are left out."""

    async def find_accesses(self) -> Sequence[SiteAccess]:
        self.tags = _read_tags(self.scope.get("query_string", b""))
        return await super().find_accesses()

    def find_view(self) -> tuple[Hashable, Callable[[], SharedView]]:
        site, tags, alarms = self.accesses[0].site, self.tags, self.accesses[0].allows(ALARMS)

        def choose(catalog: Catalog) -> Picture:
            return Picture(tuple(tag for tag in tags if catalog.tag(tag) is not None))

        return ("tags", site.id, tags, alarms), lambda: ReadingsView(provider().link(site), choose, alarms=alarms)


def _read_tags(query: bytes) -> tuple[str, ...]:
    """``Http404`` for what no page of ours asks."""
    if len(query) > MAX_QUERY or not query.isascii():
        raise Http404
    try:
        named = parse_qs(query.decode(), max_num_fields=1).get("tags", [""])[0]
    except ValueError as error:
        raise Http404 from error
    tags = tuple(dict.fromkeys(name for name in named.split(",") if name))
    if len(tags) > MAX_CHOSEN or any(len(tag) > MAX_ID or not re.match(ID_PATTERN, tag) for tag in tags):
        raise Http404
    return tags
