"""What is found, in which order, and that it stays quick in a big site."""

from __future__ import annotations

import time

import pytest
from django.utils import translation

from hmi.screens.search_index import Found, Ground, search
from hmi.screens.search_words import read_query
from hmi.sites.catalog import Catalog
from relay_bridge.contract.alarms import AlarmRow
from relay_bridge.contract.messages import CatalogAsset, CatalogTag
from tests.hmi.screens.sample import sample_catalog

NORTH = Ground("north-terminal", "North Terminal", sample_catalog())
SOUTH = Ground("south", "South Depot", sample_catalog())


def ids(found: Found, kind: str) -> list[str]:
    return [hit.thing.id for hit in found.of(kind) if hit.thing is not None]  # type: ignore[arg-type]


def find(typed: str, *grounds: Ground) -> Found:
    return search(read_query(typed), grounds or (NORTH,))


def test_the_asset_that_was_typed_stands_first_and_is_the_only_exact_one() -> None:
    found = find("TK-101")
    assert ids(found, "asset") == ["TK-101"]
    assert [(hit.kind, hit.thing.id) for hit in found.exact] == [("asset", "TK-101")]  # type: ignore[union-attr]
    assert "TK-101.level" in ids(found, "tag")


@pytest.mark.parametrize("typed", ["north-terminal TK-101.level", "tk-101.LEVEL north-terminal", "TK-101.level"])
def test_a_tag_is_found_with_and_without_its_site(typed: str) -> None:
    assert [hit.thing.id for hit in find(typed).exact] == ["TK-101.level"]  # type: ignore[union-attr]


def test_the_site_before_it_tells_two_sites_apart() -> None:
    assert len(find("TK-101.level", NORTH, SOUTH).exact) == 2
    assert [hit.ground.slug for hit in find("south TK-101.level", NORTH, SOUTH).exact] == ["south"]


def test_every_word_counts() -> None:
    assert ids(find("tk-101 temp"), "tag") == ["TK-101.temp_avg"]
    assert ids(find("tk-101 nothing"), "tag") == []


def test_what_has_all_words_itself_stands_before_what_has_them_by_its_site() -> None:
    """``te`` begins Terminal, so every tag of TK-101 fits; its temperature fits better."""
    assert ids(find("tk-101 te"), "tag")[0] == "TK-101.temp_avg"


def test_numbers_are_in_their_order_and_the_rest_is_counted() -> None:
    found = find("tk")
    assert ids(found, "asset") == sorted(ids(found, "asset"))
    assert len(found.of("tag")) == 25 and found.more["tag"] == 14 * 16 - 25


def test_a_site_alone_is_found_by_its_name() -> None:
    assert [hit.ground.slug for hit in find("depot", NORTH, SOUTH).of("site")] == ["south"]


def test_what_is_not_for_the_person_is_not_searched() -> None:
    bare = Ground("north-terminal", "North Terminal")
    assert find("TK-101", bare) == Found()
    assert [hit.kind for hit in find("north", bare).hits] == ["site"]


def test_alarms_are_found_the_most_important_unacknowledged_first() -> None:
    rows = [
        AlarmRow(
            id=name, eid="e", source="main", name=f"TK-10{number} level high", cond="High", sev=sev, act=True, ack=ack
        )
        for number, (name, sev, ack) in enumerate([("a", 900, True), ("b", 500, False), ("c", 700, False)])
    ]
    ground = Ground("north", "North", sample_catalog(), rows)
    assert ids(find("level high", ground), "alarm") == ["c", "b", "a"]
    assert ids(find("evel", ground), "alarm") == []
    assert find("level high", Ground("north", "North", sample_catalog(), None)).of("alarm") == ()


def test_a_pattern_is_text_like_any_other() -> None:
    row = AlarmRow(id="a", eid="e", source="main", name="pump (spare)", cond="Trip", sev=900, act=True, ack=False)
    assert ids(find("(spare)", Ground("n", "N", None, [row])), "alarm") == ["a"]
    assert ids(find("p.*", Ground("n", "N", None, [row])), "alarm") == []


def test_ten_thousand_tags_are_searched_while_somebody_types() -> None:
    assets = tuple(CatalogAsset(id=f"TK-{n}", name=f"Tank {n}", area="Farm", kind="tank") for n in range(500))
    tags = tuple(
        CatalogTag(id=f"TK-{n}.t{m}", name=f"Value {m}", asset=f"TK-{n}", source="main")
        for n in range(500)
        for m in range(20)
    )
    ground = Ground("big", "Big", Catalog("big", ("Farm",), assets, tags))
    search(read_query("tk"), [ground])  # makes the index, once a catalog
    before = time.process_time()
    assert ids(find("tk-77.t1", ground), "tag")[0] == "TK-77.t1"
    narrow, before = time.process_time() - before, time.process_time()
    find("tk", ground)  # everything fits
    assert narrow < 0.2 and time.process_time() - before < 1.5


def test_trade_words_are_found_in_the_readers_language() -> None:
    level = CatalogTag(id="TK-9.x1", name="Level", asset="TK-9", source="main", canon="level")
    own = CatalogTag(id="TK-9.x2", name="Level east", asset="TK-9", source="main")
    tank = CatalogAsset(id="TK-9", name="TK-9", area="", kind="tank")
    ground = Ground("north", "North", Catalog("1", assets=(tank,), tags=(level, own)))
    assert ids(find("füllst", ground), "tag") == []
    with translation.override("de"):
        assert ids(find("füllst", ground), "tag") == ["TK-9.x1"]
        assert ids(find("tk-9 füllstand", ground), "tag") == ["TK-9.x1"]
        assert sorted(ids(find("level", ground), "tag")) == ["TK-9.x1", "TK-9.x2"]
