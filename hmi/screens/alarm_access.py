"""Who may open the alarm pages of a site: the list comes with the stream of values, so both rights are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from channels.db import database_sync_to_async
from django.http import Http404

from accounts.models import User
from hmi.screens.denials import says_why
from hmi.screens.requests import PageRequest
from hmi.sites.access import NOT_FOUND, SiteAccess, aget_site_for

VALUES, ALARMS, ACK, SHELVE = "data:live", "alarm:read", "alarm:ack", "alarm:shelve"
MOST_NAMES = 500  # people whose names one page looks up


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


@database_sync_to_async
def names_of(subjects: Iterable[str]) -> dict[str, str]:
    """By subject, the names of those who acted through this web app; the plant's records hold the subject alone."""
    wanted = {subject for subject in subjects if len(subject) == 36 and subject.count("-") == 4}  # a UUID
    found = User.objects.filter(subject__in=sorted(wanted)[:MOST_NAMES])
    return {str(person.subject): str(person) for person in found}
