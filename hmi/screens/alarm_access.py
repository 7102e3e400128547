"""Who may open the alarm pages of a site: the list comes with the stream of values, so both rights are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404

from hmi.alarms.people import names_of
from hmi.screens.denials import says_why
from hmi.screens.requests import PageRequest
from hmi.sites.access import NOT_FOUND, SiteAccess, aget_site_for

__all__ = ["ACK", "ALARMS", "SHELVE", "VALUES", "alarm_page", "find_access", "names_of"]
VALUES, ALARMS, ACK, SHELVE = "data:live", "alarm:read", "alarm:ack", "alarm:shelve"


def alarm_page(*scopes: str) -> Callable[[Any], Any]:
    """Around a page of alarms: whoever lacks one of its rights reads which, and how to ask for it."""

    def wrap(view: Any) -> Any:
        for scope in (VALUES, ALARMS, *scopes):
            view = says_why(scope)(view)
        return view

    return wrap


async def find_access(request: PageRequest, slug: str, *scopes: str) -> SiteAccess:
    """The person's access with values, alarms and ``scopes`` under one grant, or ``Http404``."""
    needed = (VALUES, ALARMS, *scopes)
    access = await aget_site_for(await request.auser(), slug, scope=needed[-1], session=request.session)
    if not all(access.allows(scope) for scope in needed):
        raise Http404(NOT_FOUND)
    return access
