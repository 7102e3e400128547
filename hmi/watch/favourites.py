"""A person's favourites: assets and tags that stand on the start page, in the person's own order.

A favourite is an id at a site and opens nothing: what is shown of it goes through the person's live access, as
everywhere. One at a site that is not open to the person now stays, and comes back with the access.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models, transaction

from hmi.live.favourites_view import Wish
from relay_bridge.contract.shape import MAX_ID

MAX_FAVOURITES = 60  # of one person: more is no glance any more


class TooManyFavourites(Exception):  # noqa: N818 - a limit of the person's list, not a fault
    """The list is full."""


class Favourite(models.Model):
    """``kind``: whether ``target`` is the id of an asset or of a tag; ``place`` orders a person's own, from 1."""

    class Kind(models.TextChoices):
        ASSET = "asset"
        TAG = "tag"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="favourites")
    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=5, choices=Kind)
    target = models.CharField(max_length=MAX_ID)
    place = models.PositiveIntegerField()

    class Meta:
        ordering = ["place", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["person", "site", "kind", "target"], name="one_favourite_of_each"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"

    @property
    def wish(self) -> Wish:
        return Wish(self.kind, self.target)


def favourites_of(person: Any) -> list[Favourite]:
    """In the person's order."""
    return list(Favourite.objects.filter(person_id=person.pk)[:MAX_FAVOURITES])


def wishes_of(person: Any) -> dict[UUID, tuple[Wish, ...]]:
    """By site; sorted, so that people with the same favourites share one view whatever their order."""
    wishes: dict[UUID, list[Wish]] = {}
    for favourite in favourites_of(person):
        wishes.setdefault(favourite.site_id, []).append(favourite.wish)
    return {site: tuple(sorted(each)) for site, each in wishes.items()}


@transaction.atomic
def add_favourite(person: Any, site_id: UUID, kind: str, target: str) -> None:
    """At the end of the list; nothing happens when it is there already. ``TooManyFavourites``."""
    rows = Favourite.objects.filter(person_id=person.pk)
    if rows.filter(site_id=site_id, kind=kind, target=target).exists():
        return
    if rows.count() >= MAX_FAVOURITES:
        raise TooManyFavourites
    last = rows.aggregate(last=models.Max("place"))["last"] or 0
    Favourite.objects.create(person_id=person.pk, site_id=site_id, kind=kind, target=target, place=last + 1)


def drop_favourite(person: Any, site_id: UUID, kind: str, target: str) -> None:
    Favourite.objects.filter(person_id=person.pk, site_id=site_id, kind=kind, target=target).delete()


def drop_favourites_elsewhere(person: Any, sites: set[UUID]) -> None:
    """Take away those at any other site than these."""
    Favourite.objects.filter(person_id=person.pk).exclude(site_id__in=sites).delete()


@transaction.atomic
def move_favourite(person: Any, key: int, places: int, shown: set[UUID]) -> bool:
    """``places`` up (negative) or down among those at the sites ``shown``; False when there is no such favourite."""
    rows = favourites_of(person)
    visible = [row for row in rows if row.site_id in shown]
    at = next((index for index, row in enumerate(visible) if row.pk == key), None)
    if at is None:
        return False
    to = max(0, min(len(visible) - 1, at + places))
    moved = visible.pop(at)
    visible.insert(to, moved)
    # Those that the person does not see now keep their places between the others.
    order = iter(visible)
    arranged = [next(order) if row.site_id in shown else row for row in rows]
    for place, row in enumerate(arranged, start=1):
        row.place = place
    Favourite.objects.bulk_update(arranged, ["place"])
    return True
