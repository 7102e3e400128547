"""A person's own list: bounded, ordered, each thing once, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from hmi.watch import favourites
from hmi.watch.favourites import (
    MAX_FAVOURITES,
    TooManyFavourites,
    add_favourite,
    drop_favourite,
    drop_favourites_elsewhere,
    favourites_of,
    move_favourite,
    wishes_of,
)
from tests.hmi.live.people import make_person, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Any:
    return make_person("alice")


def targets(person: Any) -> list[str]:
    return [row.target for row in favourites_of(person)]


def test_each_thing_stands_once_in_the_order_in_which_it_came(alice: Any) -> None:
    north = make_site()
    for target in ("TK-2", "TK-1", "TK-2"):
        add_favourite(alice, north.pk, "asset", target)
    add_favourite(alice, north.pk, "tag", "TK-1")  # a tag of the same name is another thing
    assert [(row.kind, row.target) for row in favourites_of(alice)] == [
        ("asset", "TK-2"),
        ("asset", "TK-1"),
        ("tag", "TK-1"),
    ]
    drop_favourite(alice, north.pk, "asset", "TK-1")
    assert targets(alice) == ["TK-2", "TK-1"]


def test_nobody_else_has_them(alice: Any) -> None:
    north, bob = make_site(), make_person("bob")
    add_favourite(alice, north.pk, "asset", "TK-1")
    assert targets(bob) == [] and wishes_of(bob) == {}
    drop_favourite(bob, north.pk, "asset", "TK-1")
    assert not move_favourite(bob, favourites_of(alice)[0].pk, 1, {north.pk})
    assert targets(alice) == ["TK-1"]


def test_the_list_is_bounded(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(favourites, "MAX_FAVOURITES", 2)
    north = make_site()
    add_favourite(alice, north.pk, "asset", "TK-1")
    add_favourite(alice, north.pk, "asset", "TK-2")
    with pytest.raises(TooManyFavourites):
        add_favourite(alice, north.pk, "asset", "TK-3")
    add_favourite(alice, north.pk, "asset", "TK-2")  # there already: no harm
    assert targets(alice) == ["TK-1", "TK-2"]
    assert MAX_FAVOURITES == 60


def test_moving_passes_over_what_is_not_seen_now(alice: Any) -> None:
    north, south = make_site(), make_site("south", "South")
    for site, target in ((north, "A"), (south, "hidden"), (north, "B"), (north, "C")):
        add_favourite(alice, site.pk, "asset", target)
    last = favourites_of(alice)[-1]
    assert move_favourite(alice, last.pk, -1, {north.pk})
    assert targets(alice) == ["A", "hidden", "C", "B"]
    assert move_favourite(alice, last.pk, -MAX_FAVOURITES, {north.pk})
    assert targets(alice) == ["C", "hidden", "A", "B"]
    assert move_favourite(alice, last.pk, -1, {north.pk})  # it is the first already
    assert targets(alice) == ["C", "hidden", "A", "B"]
    drop_favourites_elsewhere(alice, {north.pk})
    assert targets(alice) == ["C", "A", "B"]


def test_wishes_are_the_same_whatever_the_order(alice: Any) -> None:
    north, bob = make_site(), make_person("bob")
    for person, order in ((alice, "AB"), (bob, "BA")):
        for target in order:
            add_favourite(person, north.pk, "asset", target)
    assert wishes_of(alice) == wishes_of(bob)
