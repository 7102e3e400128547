"""The names of those who acted on alarms: the plant's records hold the subject alone, we know whose it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping

from channels.db import database_sync_to_async

from accounts.models import User
from hmi.sites.background import in_background

logger = logging.getLogger(__name__)
MOST_NAMES = 500  # people whose names one page looks up
MOST_KEPT = 2_000
_seen: dict[str, str] = {}  # as last looked up by anybody: the first frame of a list says what its page said before it


def is_subject(by: str) -> bool:
    """Whether ``by`` may be the subject of one of our people: a UUID."""
    return len(by) == 36 and by.count("-") == 4


@database_sync_to_async
def names_of(subjects: Iterable[str]) -> dict[str, str]:
    """By subject, the names of those who acted through this web app; what is no subject is not asked for."""
    wanted = {subject for subject in subjects if is_subject(subject)}
    found = User.objects.filter(subject__in=sorted(wanted)[:MOST_NAMES]) if wanted else ()
    names = {str(person.subject): str(person) for person in found}
    if len(_seen) > MOST_KEPT:
        _seen.clear()
    _seen.update(names)
    return names


class NameBook:
    """Names for a view that must not wait: ``name`` answers from what is known and looks the rest up beside it.

    ``came`` is called on the event loop when names came that were asked for.
    """

    def __init__(self, came: Callable[[], None]) -> None:
        self._names: dict[str, str] = {}
        self._looking = False
        self._came = came

    def name(self, by: str) -> str:
        """The name; empty while it is not known, and what the plant wrote when nobody of ours is meant."""
        return self._names.get(by) or _seen.get(by, "") if is_subject(by) else by

    def look_up(self, subjects: Collection[str]) -> None:
        """Find the names of those that are not known; one look at a time."""
        missing = [by for by in dict.fromkeys(subjects) if is_subject(by) and by not in self._names][:MOST_NAMES]
        if missing and not self._looking:
            self._looking = True
            in_background(self._find(missing), "look up who acknowledged")

    async def _find(self, missing: Collection[str]) -> None:
        found: Mapping[str, str] = {}
        try:
            found = await names_of(missing)
        finally:
            self._looking = False
            # Who is not found is not asked for again: an account of long ago, or another web app's.
            self._names.update({by: found.get(by, "") for by in missing})
        self._came()
