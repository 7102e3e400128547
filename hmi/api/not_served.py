"""History and alarms: described and guarded like the rest, and honestly not served while a site cannot give them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from django.http import HttpRequest

from hmi.api.access import Caller
from hmi.api.guard import endpoint
from hmi.api.parameters import Query
from hmi.api.problems import not_served, unreachable
from hmi.api.sites import PAGING
from hmi.sites.errors import SiteUnreachable
from hmi.sites.gateway import get_gateway
from relay_bridge.contract.messages import MAX_TAGS

HISTORY = frozenset({"history_raw", "history_aggregate"})
ALARMS = frozenset({"alarms"})


@endpoint("data:history")
async def history(request: HttpRequest, caller: Caller) -> NoReturn:
    """Past values of tags. No site serves them yet."""
    query = Query(request, PAGING | {"tag"}, many=frozenset({"tag"}))
    query.identifiers("tag", MAX_TAGS)
    query.limit()
    await _refuse(caller, HISTORY, "history")


@endpoint("alarm:read")
async def alarms(request: HttpRequest, caller: Caller) -> NoReturn:
    """Present alarms. No site serves them yet."""
    Query(request, PAGING).limit()
    await _refuse(caller, ALARMS, "alarms")


async def _refuse(caller: Caller, any_of: Iterable[str], what: str) -> NoReturn:
    name = caller.access.site.name
    try:
        held = await get_gateway().capabilities(caller.access)
    except SiteUnreachable as error:
        raise unreachable(f"{name} cannot be reached: {error.reason}.") from error
    if held.isdisjoint(any_of):
        raise not_served(f"The agent at {name} does not serve {what} yet.")
    raise not_served(f"The agent at {name} can serve {what}, but this version of Sightline does not pass it on yet.")
