"""The line between the socket of an alarm list and what it shows: the app above registers how a list is made."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from hmi.live.demand import Link
from hmi.live.hub import SharedView
from hmi.sites.access import SiteAccess

# From an access, its link and the query of the socket's address: the shared view's key and how to make it.
ListMaker = Callable[[SiteAccess, Link, Mapping[str, Any]], tuple[Hashable, Callable[[], SharedView]]]
_registered: list[ListMaker] = []


def register_list_maker(make: ListMaker) -> None:
    """Called once, when the app of the alarms starts."""
    _registered[:] = [make]


def alarm_list(access: SiteAccess, link: Link, query: Mapping[str, Any]) -> tuple[Hashable, Callable[[], SharedView]]:
    return _registered[0](access, link, query)
