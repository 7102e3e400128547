"""What may be done with watch lists: find, make, change, share. Each step in one transaction, with its bounds.

Whoever may see live values at the site reads the shared ones there. Only the owner changes a list. ``ListRefused`` is
a sentence for the person; ``None`` where a list is not this person's to know of, like one that is not there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from hmi.live.chosen_entries import Entry, Reader
from hmi.sites import access_changes
from hmi.sites.access import SiteAccess
from hmi.watch.list_models import MAX_ENTRIES, MAX_LISTS, MAX_NAME, WatchEntry, WatchList
from relay_bridge.contract.audit import without_secrets

MAX_SHARED = 200  # lists of other people that one page offers


class ListRefused(Exception):  # noqa: N818 - a decision, not a fault
    """The message is a sentence for the person."""


def readable(access: SiteAccess) -> QuerySet[WatchList]:
    """The lists of this site that the person may read: the own ones and those that are shared."""
    rows = WatchList.objects.filter(site_id=access.site.id)
    return rows.filter(Q(owner_id=access.user_id) | Q(shared=True)).select_related("owner")


def find(access: SiteAccess, key: UUID) -> WatchList | None:
    """A list that the person may read."""
    return readable(access).filter(pk=key).first()


def entries_of(found: WatchList) -> tuple[Entry, ...]:
    """In the owner's order."""
    return tuple(Entry(row.asset, row.tag) for row in found.entries.all()[:MAX_ENTRIES])


def entries_for_socket(access: SiteAccess, key: UUID) -> tuple[Entry, ...] | None:
    """What the live page of a list shows; None when the person may not read it."""
    found = find(access, key)
    return None if found is None else entries_of(found)


def entries_of_pages(pages: Collection[Reader]) -> dict[Reader, tuple[Entry, ...]]:
    """Of pairs of a person and a list those that this person may read still, with what stands in the list now.

    Whether the person may see the site's values is asked elsewhere (hmi/live/access_watch.py).
    """
    rows = WatchList.objects.filter(pk__in={key for _, key in pages}).prefetch_related("entries")
    found = {row.pk: (row, entries_of(row)) for row in rows}
    return {
        (user_id, key): found[key][1]
        for user_id, key in pages
        if key in found and (found[key][0].shared or found[key][0].owner_id == user_id)
    }


def lists_of(access: SiteAccess) -> tuple[list[WatchList], list[WatchList]]:
    """The person's own lists at the site, and those that others share there."""
    rows = readable(access).prefetch_related("entries")
    own = list(rows.filter(owner_id=access.user_id)[:MAX_LISTS])
    return own, list(rows.filter(shared=True).exclude(owner_id=access.user_id)[:MAX_SHARED])


@transaction.atomic
def make(access: SiteAccess, name: str) -> WatchList:
    """A new, empty list. ``ListRefused`` without a name, or when there are too many."""
    name = _checked_name(name)
    if WatchList.objects.filter(owner_id=access.user_id).count() >= MAX_LISTS:
        raise ListRefused(_("You have %(most)d lists. Remove one first.") % {"most": MAX_LISTS})
    return WatchList.objects.create(site=access.site, owner_id=access.user_id, name=name)


@transaction.atomic
def rename(access: SiteAccess, key: UUID, name: str) -> WatchList | None:
    name = _checked_name(name)
    found = _own(access, key)
    if found is not None and found.name != name:
        found.name = name
        found.save(update_fields=["name"])
    return found


@transaction.atomic
def share(access: SiteAccess, key: UUID, person: Any, *, shared: bool) -> WatchList | None:
    """Let others at the site read it, or not any more. An audit event: others see what one person chose."""
    found = _own(access, key)
    if found is not None and found.shared != shared:
        found.shared = shared
        found.save(update_fields=["shared"])
        _record("watch:list:shared" if shared else "watch:list:unshared", access, found, person)
        _tell_open_pages()
    return found


@transaction.atomic
def remove(access: SiteAccess, key: UUID, person: Any) -> WatchList | None:
    found = _own(access, key)
    if found is not None:
        if found.shared:
            _record("watch:list:unshared", access, found, person)
        WatchList.objects.filter(pk=found.pk).delete()
        _tell_open_pages()
    return found


@transaction.atomic
def add(access: SiteAccess, key: UUID, entry: Entry) -> WatchList | None:
    """At the end; what stands in the list already stays where it is. ``ListRefused`` when the list is full.

    Whether the site has such a thing is for the caller to know.
    """
    found = _own(access, key)
    if found is None or found.entries.filter(asset=entry.asset, tag=entry.tag).exists():
        return found
    last = found.entries.last()
    if found.entries.count() >= MAX_ENTRIES:
        raise ListRefused(_("This list has %(most)d entries. Take one out first.") % {"most": MAX_ENTRIES})
    WatchEntry.objects.create(
        list=found, asset=entry.asset, tag=entry.tag, position=0 if last is None else last.position + 1
    )
    _tell_open_pages()
    return found


@transaction.atomic
def take_out(access: SiteAccess, key: UUID, entries: Sequence[Entry]) -> WatchList | None:
    found = _own(access, key)
    if found is not None:
        for entry in entries[:MAX_ENTRIES]:
            found.entries.filter(asset=entry.asset, tag=entry.tag).delete()
        _tell_open_pages()
    return found


@transaction.atomic
def move(access: SiteAccess, key: UUID, entry: Entry, shown: Sequence[Entry], *, up: bool) -> WatchList | None:
    """Past its neighbour among those ``shown``: entries that the person does not see keep their places between."""
    found = _own(access, key)
    if found is None:
        return None
    rows = list(found.entries.all())
    visible = [row for row in rows if Entry(row.asset, row.tag) in set(shown)]
    at = next((index for index, row in enumerate(visible) if Entry(row.asset, row.tag) == entry), None)
    other = None if at is None else at + (-1 if up else 1)
    if at is None or other is None or not 0 <= other < len(visible):
        return found
    one, two = rows.index(visible[at]), rows.index(visible[other])
    rows[one], rows[two] = rows[two], rows[one]
    for position, row in enumerate(rows):
        row.position = position
    WatchEntry.objects.bulk_update(rows, ["position"])
    _tell_open_pages()
    return found


afind = database_sync_to_async(find)
aentries_of = database_sync_to_async(entries_of)
alists_of = database_sync_to_async(lists_of)
amake = database_sync_to_async(make)
arename = database_sync_to_async(rename)
ashare = database_sync_to_async(share)
aremove = database_sync_to_async(remove)
aadd = database_sync_to_async(add)
atake_out = database_sync_to_async(take_out)
amove = database_sync_to_async(move)


def _own(access: SiteAccess, key: UUID) -> WatchList | None:
    rows = WatchList.objects.select_for_update().filter(site_id=access.site.id, owner_id=access.user_id)
    return rows.filter(pk=key).first()


def _tell_open_pages() -> None:
    """Open pages of the list look again (hmi/live/list_watch.py): here after the commit, elsewhere within seconds."""
    transaction.on_commit(access_changes.ring)


def _checked_name(name: str) -> str:
    # Others may read it: nothing in it turns or hides the line around it (UAX 9). Joiners of emoji and scripts stay.
    shown = (each for each in name if each in "\u200c\u200d" or unicodedata.category(each)[0] != "C" or each.isspace())
    name = " ".join("".join(shown).split())
    if not name:
        raise ListRefused(_("Give the list a name."))
    if len(name) > MAX_NAME:
        raise ListRefused(_("A name has at most %(most)d characters.") % {"most": MAX_NAME})
    return name


def _record(tag: str, access: SiteAccess, found: WatchList, person: Any) -> None:
    audit.record(
        tag, actor=person, result="done", site_id=access.site.pk, site=access.site.slug, subject=str(found.pk),
        facts={"name": without_secrets(found.name)},
    )  # fmt: skip
