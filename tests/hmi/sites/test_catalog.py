"""The catalog as screens ask it, and what is no catalog."""

from __future__ import annotations

import pytest

from hmi.sites import catalog as catalog_module
from hmi.sites.catalog import Catalog
from relay_bridge.contract.messages import CatalogAnswer, CatalogAsset, CatalogTag

LEVEL = CatalogTag(id="TK-101.level", name="Level", asset="TK-101", source="main", canon="level")
FLOW = CatalogTag(id="TK-101.flow", name="Flow", asset="TK-101", source="main", canon="flow")
SPARE = CatalogTag(id="P-101.note", name="Note", asset="P-101", source="main")
TANK = CatalogAsset(id="TK-101", name="Tank 101", area="North farm", kind="tank")
PUMP = CatalogAsset(id="P-101", name="Pump 101", area="South farm", kind="pump")


def test_lookups_by_tag_asset_area_and_word() -> None:
    catalog = Catalog("c1", ("North farm", "South farm"), (TANK, PUMP), (LEVEL, FLOW, SPARE))

    assert catalog.tag("TK-101.level") is LEVEL
    assert catalog.asset("P-101") is PUMP
    assert catalog.tags_of("TK-101") == (LEVEL, FLOW)
    assert catalog.tag_of("TK-101", "flow") is FLOW
    assert catalog.assets_in("South farm") == (PUMP,)
    assert catalog.tanks == (TANK,)


def test_what_is_not_there_is_nothing() -> None:
    catalog = Catalog("c1")
    assert catalog.tag("x") is catalog.asset("x") is catalog.tag_of("x", "level") is None
    assert catalog.tags_of("x") == catalog.assets_in("x") == ()
    # A tag without a word of the vocabulary is not found by the empty word.
    assert Catalog("c1", tags=(SPARE,)).tag_of("P-101", "") is None


def test_pages_make_one_catalog_in_the_agents_order() -> None:
    pages = [
        CatalogAnswer(cat="c1", areas=["B", "A"], assets=[PUMP], tags=[SPARE], cur=2),
        CatalogAnswer(cat="c1", assets=[TANK], tags=[LEVEL, FLOW, LEVEL]),
    ]
    catalog = Catalog.from_pages(pages)
    assert (catalog.areas, catalog.assets, catalog.tags) == (("B", "A"), (PUMP, TANK), (SPARE, LEVEL, FLOW))


def test_pages_of_two_catalogs_are_none() -> None:
    with pytest.raises(ValueError, match="changed while"):
        Catalog.from_pages([CatalogAnswer(cat="c1"), CatalogAnswer(cat="c2")])


def test_catalog_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_module, "MAX_TAGS", 2)
    with pytest.raises(ValueError, match="more than"):
        Catalog.from_pages([CatalogAnswer(cat="c1", tags=[LEVEL, FLOW, SPARE])])
