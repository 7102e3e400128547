"""Texts of others among ours: nothing unseen stays, nothing of ours is turned, and plain words stay as they are."""

from __future__ import annotations

from hmi.sites.catalog import Catalog
from hmi.sites.plain_text import apart, plain
from relay_bridge.contract.messages import CatalogAnswer, CatalogAsset, CatalogTag


def test_what_is_unseen_goes_and_lines_become_one() -> None:
    assert plain("TK\u202e-1\u200b\n 01\x00", 50) == "TK -1 01"
    assert plain("  North   farm ", 50) == "North farm"
    assert plain("x" * 60, 50) == "x" * 49 + "…"
    assert plain("Bolagets öl", 50) == "Bolagets öl"


def test_only_what_could_turn_a_sentence_is_isolated() -> None:
    assert apart("alice") == "alice" and apart("Åsa Öberg") == "Åsa Öberg"
    assert apart("\u05d0\u05d1 7") == "\u2068\u05d0\u05d1 7\u2069"
    # Its own controls could end the isolate, or outlast it.
    assert apart("\u05d0\u2069\u202e\u2067x") == "\u2068\u05d0x\u2069" and apart("x\u202ey") == "xy"


def test_no_name_of_a_catalog_holds_what_is_unseen_and_a_unit_stays_as_it_is_where_it_can() -> None:
    page = CatalogAnswer(
        cat="c",
        areas=["North\u202e farm"],
        assets=[CatalogAsset("TK-1", "\u200b", "North\u202e farm"), CatalogAsset("TK-2", "Two\u2067", "A")],
        tags=[
            CatalogTag("TK-1.level", "Le\u200dvel", "TK-1", "main", unit="mm  H2O", enums={"1": "o\u202en"}),
            CatalogTag("TK-1.flow", "Flow", "TK-1", "main", unit="m\u202e³"),
        ],
    )
    made = Catalog.from_pages([page])
    assert made.areas == ("North farm",) and made.assets_in("North farm") == (made.assets[0],)
    assert [asset.name for asset in made.assets] == ["TK-1", "Two"]
    level, flow = made.tags
    assert (level.name, level.unit, level.enums, flow.unit) == ("Le vel", "mm  H2O", {"1": "o n"}, "m ³")
