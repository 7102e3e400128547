"""What the start page shows beside the sites: favourites with their values, and what was opened last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from channels.db import database_sync_to_async

from hmi.live.favourites_view import Wish
from hmi.live.first_paint import known_catalog
from hmi.screens.favourite_asking import favourite_answers
from hmi.screens.presenters.badges import ALL_BADGES
from hmi.screens.presenters.favourites import show_favourites, show_recent
from hmi.sites.access import SiteAccess
from hmi.watch.favourites import Favourite, favourites_of, wishes_of
from hmi.watch.recent import Opened, note_opened, recent_of

VALUES = "data:live"

anote_opened = database_sync_to_async(note_opened)


async def start_context(person: Any, accesses: Sequence[SiteAccess]) -> dict[str, Any]:
    """Only of sites whose values the person may see now."""
    favourites, wishes, opened = await _rows(person)
    seen = [access for access in accesses if access.allows(VALUES)]
    answers = await favourite_answers(seen, wishes)
    catalogs = {access.site.id: known_catalog(access) for access in seen}
    return {
        "favourites": show_favourites(favourites, seen, answers),
        "recent": show_recent(opened, seen, catalogs),
        "sees_values": bool(seen),
        "badges": ALL_BADGES,
    }


@database_sync_to_async
def _rows(person: Any) -> tuple[list[Favourite], dict[Any, tuple[Wish, ...]], list[Opened]]:
    return favourites_of(person), wishes_of(person), recent_of(person)
