"""CSV of a trend: times with their offset, empty cells where there is no value, nothing that a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import math
import zoneinfo
from array import array

import pytest

from hmi.trends.csv_lines import COLUMNS, ExportedTag, csv_lines
from hmi.trends.strips import Strip
from hmi.trends.windows import Window
from relay_bridge.contract.messages import CatalogTag

HOUR = 3_600_000
START = 1_793_494_800_000  # 2026-11-01 in UTC
OSLO = zoneinfo.ZoneInfo("Europe/Oslo")


def rows(name: str = "TK-1 Level", unit: str = "m", start: int = START) -> list[dict[str, str]]:
    low = array("d", [1.0, -0.0001, math.nan, 4.0])
    high = array("d", [2.5, 0.0, math.nan, 4.0])
    strip = Strip(start, HOUR, low, high, high, "0123", "raw", start + 3 * HOUR)
    tag = CatalogTag(id="TK-1.level", name=name, asset="TK-1", source="main", unit=unit, dec=2)
    window = Window(start, start + 4 * HOUR, HOUR)
    text = b"".join(csv_lines([ExportedTag(tag, name, strip)], window, OSLO, start + 10 * HOUR)).decode("utf-8")
    found = list(csv.DictReader(io.StringIO(text)))
    assert tuple(found[0]) == COLUMNS
    return found


def test_values_and_quality() -> None:
    found = rows()
    assert [(row["minimum"], row["maximum"], row["average"]) for row in found] == [
        ("1.00", "2.50", "2.500"), ("0.00", "0.00", "0.000"), ("", "", ""), ("4.00", "4.00", "4.000"),
    ]  # fmt: skip
    assert [row["quality"] for row in found] == ["good", "uncertain", "bad", "not received"]
    assert {row["source"] for row in found} == {"the source's samples"}


def test_the_hour_that_comes_twice_is_told_apart_by_its_offset() -> None:
    autumn = 1_792_886_400_000  # 2026-10-25 00:00 UTC: Oslo goes back from 03:00 to 02:00
    assert [row["from"] for row in rows(start=autumn)][:2] == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")'])
def test_a_formula_from_the_plant_is_text(text: str) -> None:
    row = rows(name=text, unit=text)[0]
    assert row["name"] == row["unit"] == f"'{text}"


def test_tag_without_history_has_a_row_that_says_so() -> None:
    """Left out, it would look as if nobody had asked for it."""
    tag = CatalogTag(id="TK-1.state", name="State", asset="TK-1", source="main")
    window = Window(START, START + 4 * HOUR, HOUR)
    text = b"".join(csv_lines([ExportedTag(tag, "State", None, "=keeps none")], window, OSLO, START + HOUR)).decode()
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["tag"], row["average"], row["quality"]) == ("TK-1.state", "", "'=keeps none")
    assert row["to"] == "2026-11-01T03:00:00+01:00", "not beyond now"
