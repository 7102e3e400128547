"""Watch lists as rows: bounds, order, and who may read and change which."""

from __future__ import annotations

import pytest

from accounts.audit.models import Event
from hmi.live.chosen_entries import Entry, chosen_picture, known_entries
from hmi.live.pictures import site_picture
from hmi.sites.access import SiteAccess, get_site_for
from hmi.sites.catalog import Catalog
from hmi.watch import lists
from hmi.watch.list_models import MAX_ENTRIES, MAX_LISTS, MAX_NAME
from relay_bridge.contract.messages import CatalogAsset, CatalogTag
from tests.hmi.live.people import give, make_person, make_site

pytestmark = pytest.mark.django_db
TANKS = [Entry(asset=f"TK-{number}") for number in range(5)]


@pytest.fixture
def two() -> tuple[SiteAccess, SiteAccess]:
    """Alice and Bob at North."""
    site = make_site()
    made = []
    for name, role in (("alice", "field-operator"), ("bob", "viewer")):
        person = make_person(name)
        give(person, role, site)
        made.append(get_site_for(person, "north", scope="data:live"))
    return made[0], made[1]


def person_of(access: SiteAccess) -> object:
    from accounts.models import User  # noqa: PLC0415

    return User.objects.get(pk=access.user_id)


def test_list_is_its_owners_until_it_is_shared_and_others_only_read(two: tuple[SiteAccess, SiteAccess]) -> None:
    alice, bob = two
    made = lists.make(alice, "Loading tonight")
    lists.add(alice, made.pk, TANKS[0])
    assert lists.find(bob, made.pk) is None and lists.entries_for_socket(bob, made.pk) is None
    assert lists.share(bob, made.pk, person_of(bob), shared=True) is None
    lists.share(alice, made.pk, person_of(alice), shared=True)
    lists.share(alice, made.pk, person_of(alice), shared=True)  # a second press changes and records nothing
    assert lists.entries_for_socket(bob, made.pk) == (TANKS[0],)
    assert lists.lists_of(bob) == ([], [made]) and lists.lists_of(alice) == ([made], [])
    for change in (
        lambda: lists.add(bob, made.pk, TANKS[1]),
        lambda: lists.rename(bob, made.pk, "Mine"),
        lambda: lists.take_out(bob, made.pk, [TANKS[0]]),
        lambda: lists.remove(bob, made.pk, person_of(bob)),
    ):
        assert change() is None
    assert lists.entries_for_socket(alice, made.pk) == (TANKS[0],)
    lists.remove(alice, made.pk, person_of(alice))
    assert lists.find(bob, made.pk) is None
    tags = Event.objects.filter(tag__startswith="watch:").order_by("seq").values_list("tag", flat=True)
    assert list(tags) == ["watch:list:shared", "watch:list:unshared"]


def test_list_of_another_site_is_not_there(two: tuple[SiteAccess, SiteAccess]) -> None:
    alice, _ = two
    made = lists.make(alice, "North's")
    south = make_site("south", "South")
    give(person_of(alice), "field-operator", south)
    at_south = get_site_for(person_of(alice), "south", scope="data:live")
    assert lists.find(at_south, made.pk) is None and lists.rename(at_south, made.pk, "South's") is None


def test_bounds_are_kept(two: tuple[SiteAccess, SiteAccess]) -> None:
    alice, _ = two
    made = lists.make(alice, " A \n list\u202e ")
    assert made.name == "A list"
    for name in ("", "  ", "\u200b", "x" * (MAX_NAME + 1)):
        with pytest.raises(lists.ListRefused):
            lists.make(alice, name)
    for number in range(MAX_ENTRIES):
        lists.add(alice, made.pk, Entry(tag=f"T-{number}"))
    with pytest.raises(lists.ListRefused, match="60 entries"):
        lists.add(alice, made.pk, Entry(tag="T-x"))
    lists.add(alice, made.pk, Entry(tag="T-0"))  # stands in it already
    assert len(lists.entries_of(made)) == MAX_ENTRIES
    for number in range(MAX_LISTS - 1):
        lists.make(alice, f"List {number}")
    with pytest.raises(lists.ListRefused, match="50 lists"):
        lists.make(alice, "One more")


def test_entry_moves_past_its_neighbour_that_is_seen(two: tuple[SiteAccess, SiteAccess]) -> None:
    alice, _ = two
    made = lists.make(alice, "Order")
    for entry in TANKS:
        lists.add(alice, made.pk, entry)
    seen = [entry for entry in TANKS if entry != TANKS[2]]  # TK-2 left the site
    lists.move(alice, made.pk, TANKS[3], seen, up=True)
    assert [entry.asset for entry in lists.entries_of(made)] == ["TK-0", "TK-3", "TK-2", "TK-1", "TK-4"]
    lists.move(alice, made.pk, TANKS[0], seen, up=True)  # already first
    lists.move(alice, made.pk, Entry(asset="TK-9"), seen, up=True)  # not in the list
    lists.move(alice, made.pk, TANKS[4], seen, up=False)  # already last
    assert [entry.asset for entry in lists.entries_of(made)] == ["TK-0", "TK-3", "TK-2", "TK-1", "TK-4"]


def test_picture_shows_of_an_asset_what_the_overview_does() -> None:
    tags = [
        CatalogTag(id=f"{asset}.{canon}", name=canon, asset=asset, canon=canon, source="main")
        for asset in ("TK-1", "TK-2")
        for canon in ("level", "flow", "temp_avg")
    ]
    assets = tuple(CatalogAsset(id=name, name=name, area="", kind="tank") for name in ("TK-1", "TK-2"))
    catalog = Catalog("h", assets=assets, tags=tuple(tags))
    entries = [Entry(tag="TK-2.temp_avg"), Entry(asset="TK-1"), Entry(asset="gone"), Entry(tag="TK-1.level")]
    assert known_entries(catalog, entries) == (entries[0], entries[1], entries[3])
    picture = chosen_picture(catalog, entries)
    whole = site_picture(catalog)
    assert picture.assets == ("TK-1",)
    assert set(picture.tags) == {tag for tag in whole.tags if tag.startswith("TK-1.")} | {"TK-2.temp_avg"}
    assert len(picture.tags) == len(set(picture.tags))
