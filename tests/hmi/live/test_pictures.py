"""Which tags belong to which page."""

from __future__ import annotations

from hmi.live.pictures import MAX_PICTURE_TAGS, Picture, asset_picture, site_picture, summary_picture
from hmi.sites.catalog import Catalog
from relay_bridge.contract.messages import CatalogAsset, CatalogTag

TANK_WORDS = ("level", "product", "temp_avg", "flow", "tov")


def tag(asset: str, word: str, kind: str = "number") -> CatalogTag:
    return CatalogTag(f"{asset}.{word}", word, asset, "main", kind, canon=word)  # type: ignore[arg-type]


CATALOG = Catalog(
    "h",
    ("North farm",),
    (
        CatalogAsset("TK-101", "Tank 101", "North farm", "tank"),
        CatalogAsset("P-101", "Pump", "North farm", "unit"),
        CatalogAsset("X-1", "Odd one", "North farm", "unit"),
    ),
    (
        *(tag("TK-101", word) for word in TANK_WORDS),
        tag("P-101", "flow"),
        tag("P-101", "setpoint"),
        CatalogTag("X-1.name", "Name", "X-1", "main", "text"),
        CatalogTag("X-1.size", "Size", "X-1", "main"),
    ),
)


def test_overview_sends_main_values_and_watches_what_the_derived_state_needs() -> None:
    picture = site_picture(CATALOG)
    assert picture.tags == ("TK-101.level", "TK-101.product", "P-101.flow", "P-101.setpoint", "X-1.size")
    assert picture.watched - set(picture.tags) == {"TK-101.flow", "TK-101.tov"}
    assert picture.assets == ("TK-101", "P-101", "X-1")


def test_asset_page_sends_everything_of_that_asset_and_nothing_else() -> None:
    picture = asset_picture(CATALOG, "TK-101")
    assert picture.tags == tuple(f"TK-101.{word}" for word in TANK_WORDS)
    assert picture.watched == set(picture.tags)
    assert asset_picture(CATALOG, "TK-999") == Picture()


def test_summary_watches_levels_and_sends_none() -> None:
    picture = summary_picture(CATALOG)
    assert (picture.tags, picture.watched, picture.assets) == ((), {"TK-101.level"}, ("TK-101",))


def test_a_page_is_bounded() -> None:
    tags = tuple(CatalogTag(f"X-1.t{i}", "t", "X-1", "main") for i in range(MAX_PICTURE_TAGS + 50))
    catalog = Catalog("h", (), (CatalogAsset("X-1", "X", "A"),), tags)
    assert len(asset_picture(catalog, "X-1").tags) == MAX_PICTURE_TAGS
