"""The catalog: who is believed, what its hash says, and pages that fit into a message."""

from __future__ import annotations

import pytest

from relay_bridge.agent.catalog import Catalog, merge_tag
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.agent.tags import AssetConfig, TagConfig
from relay_bridge.contract.codec import encode_result
from relay_bridge.contract.messages import MAX_MESSAGE, CatalogQuery, CatalogTag


def tag(tag_id: str = "TK-1.level", **other: object) -> TagConfig:
    facts: dict = {"source": "main", "node": "n", "asset": "TK-1", "name": "Level", "kind": "number", "canon": "level"}
    return TagConfig(id=tag_id, **(facts | other))


def said(**facts: object) -> CatalogTag:
    return CatalogTag(id="TK-1.level", name="x", asset="", source="main", **facts)  # type: ignore[arg-type]


def test_what_is_usual_fills_the_gaps() -> None:
    row = merge_tag(tag(), None)
    assert (row.unit, row.dec, row.lo, row.hi) == ("m", 3, 0.0, 20.0)


def test_nothing_is_assumed_before_the_source_has_spoken() -> None:
    row = merge_tag(tag(), None, assume=False)
    assert (row.unit, row.lo, row.hi) == ("", None, None)


def test_source_s_unit_beats_what_is_usual_with_all_that_hangs_on_it() -> None:
    row = merge_tag(tag(), said(unit="mm", lo=0.0, hi=15_000.0))
    assert (row.unit, row.dec, row.lo, row.hi) == ("mm", 0, 0.0, 15_000.0)
    row = merge_tag(tag(), said(unit="mm"))
    assert (row.lo, row.hi) == (None, None)  # a usual range in metres says nothing of millimetres


def test_configuration_beats_the_source() -> None:
    row = merge_tag(tag(unit="cm", decimals=2, span=(1.0, 2.0)), said(unit="mm", lo=0.0, hi=9.0, dec=5))
    assert (row.unit, row.dec, row.lo, row.hi) == ("cm", 2, 1.0, 2.0)
    # The source's range is in the source's unit.
    row = merge_tag(tag(unit="cm"), said(unit="mm", lo=0.0, hi=9.0))
    assert (row.lo, row.hi) == (None, None)


def catalog(tags: list[TagConfig], assets: list[AssetConfig], now: list[float] | None = None) -> Catalog:
    driver = MemoryDriver("main", [tag.id for tag in tags])
    return Catalog(tags, assets, {"main": driver}, lambda: (now or [0.0])[0])


def test_hash_follows_the_content() -> None:
    one = catalog([tag()], [AssetConfig("TK-1", "TK-1", "A", "tank")])
    same = catalog([tag()], [AssetConfig("TK-1", "TK-1", "A", "tank")])
    other = catalog([tag(decimals=2)], [AssetConfig("TK-1", "TK-1", "A", "tank")])
    assert one.hash == same.hash != other.hash
    assert one.page(CatalogQuery(have=one.hash)).same


@pytest.mark.parametrize("most", [1, 7, 200])
def test_pages_cover_everything_once_and_fit(most: int) -> None:
    tags = [tag(f"TK-{n}.level", name="Ü" * 100, enums={str(i): "Ä" * 60 for i in range(20)}) for n in range(300)]
    assets = [AssetConfig(f"TK-{n}", "Tank " + "ß" * 90, f"Area {n % 40} " + "x" * 80, "tank") for n in range(300)]
    whole = catalog(tags, assets)
    seen_tags, seen_assets, areas, cursor, pages = [], [], [], 0, 0
    while cursor is not None:
        page = whole.page(CatalogQuery(cur=cursor, max=most))
        assert len(encode_result(1, page)) <= MAX_MESSAGE
        assert page.cat == whole.hash
        seen_tags += [row.id for row in page.tags]
        seen_assets += [row.id for row in page.assets]
        areas += page.areas
        cursor = page.cur
        pages += 1
    assert seen_tags == [t.id for t in tags] and seen_assets == [a.id for a in assets]
    assert len(areas) == 40 and pages >= 600 / most


def test_cursor_beyond_the_end_is_an_empty_last_page() -> None:
    page = catalog([tag()], [AssetConfig("TK-1", "TK-1", "A", "tank")]).page(CatalogQuery(cur=10_000))
    assert page.tags == [] and page.cur is None


def test_source_that_speaks_later_changes_the_catalog() -> None:
    class Speaking(MemoryDriver):
        rows: dict[str, CatalogTag] = {}

        def describe(self) -> dict[str, CatalogTag]:
            return self.rows

    now = [0.0]
    driver = Speaking("main", ["TK-1.level"])
    whole = Catalog([tag()], [AssetConfig("TK-1", "TK-1", "A", "tank")], {"main": driver}, lambda: now[0])
    before = whole.hash
    driver.rows = {"TK-1.level": said(unit="mm")}
    now[0] += 5
    assert whole.hash != before
    assert whole.decimals("TK-1.level") == 0


def test_digits_that_the_source_writes_beat_what_is_usual_and_not_the_configuration() -> None:
    """Custody figures: 1 234.567 m³ is not 1 234.6 m³."""
    gov = {"canon": "gov", "unit": "m³"}
    assert merge_tag(tag(**gov), None, assume=False).dec == 1
    assert merge_tag(tag(**gov), None, assume=False, digits=3).dec == 3
    assert merge_tag(tag(**gov, decimals=2), None, assume=False, digits=3).dec == 2


class Asking(MemoryDriver):
    """A driver whose source is still being asked about its tags."""

    is_asking = True
    said: dict[str, CatalogTag] = {}

    def describe(self) -> dict[str, CatalogTag]:
        return self.said


def test_nothing_is_rounded_away_while_the_source_may_still_say_how_exact_it_is() -> None:
    """After a start of the agent a level of 7.042 m stood on the screens as 7.000 for seconds."""
    driver = Asking("main", ["TK-1.level", "TK-1.own", "TK-1.last"])
    tags = [tag(), tag("TK-1.own", canon="", decimals=2), tag("TK-1.last", canon="")]
    made = Catalog(tags, [AssetConfig("TK-1", "TK-1", "A", "tank")], {"main": driver}, lambda: 0.0)
    assert [made.decimals(each.id) for each in tags] == [None, 2, None]
    driver.said = {"TK-1.level": said(unit="m", dec=3)}
    made.changed()
    assert [made.decimals(each.id) for each in tags] == [3, 2, None]
    driver.is_asking = False
    made.changed()
    assert [made.decimals(each.id) for each in tags] == [3, 2, 1]
