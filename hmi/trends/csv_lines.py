"""What a trend shows as CSV (RFC 4180, UTF-8): one row a bucket and tag, with its quality in words."""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import zoneinfo
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from accounts.spreadsheets import harmless
from hmi.trends.strips import Strip
from hmi.trends.windows import Window
from relay_bridge.contract.messages import CatalogTag

COLUMNS = ("from", "to", "time_zone", "tag", "name", "unit", "minimum", "maximum", "average", "quality", "source")
QUALITY_WORDS = {"0": "good", "1": "uncertain", "2": "bad", "3": "no data"}
SOURCE_WORDS = {
    "aggregate": "the source's own aggregates",
    "raw": "the source's samples",
    "ring": "recorded by the site agent",
}
NOT_RECEIVED = "not received"


@dataclass(frozen=True)
class ExportedTag:
    """``trouble``: why there is no ``strip``; then the tag has one row that says so."""

    tag: CatalogTag
    name: str
    strip: Strip | None
    trouble: str = ""


def csv_lines(tags: Iterable[ExportedTag], window: Window, zone: zoneinfo.ZoneInfo, now: int) -> Iterator[bytes]:
    """Buckets that begin after ``now`` (epoch ms) are left out: there is nothing to say of them.

    Times are ISO 8601 by the site's clock with its offset. A text that a spreadsheet would run gets an apostrophe.
    """
    yield _line(COLUMNS)
    for exported in tags:
        strip, tag = exported.strip, exported.tag
        fixed = [zone.key, harmless(tag.id), harmless(exported.name), harmless(tag.unit)]
        if strip is None:  # left out, it would look as if nobody had asked for it
            why = harmless(exported.trouble) or NOT_RECEIVED
            yield _line([_iso(window.start, zone), _iso(min(window.end, now), zone), *fixed, "", "", "", why, ""])
            continue
        source = SOURCE_WORDS[strip.source]
        for place in range(strip.n):
            start = strip.start + place * strip.width
            if start >= now:
                break
            values = [
                number(strip.low[place], tag.dec),
                number(strip.high[place], tag.dec),
                number(strip.average[place], min(tag.dec + 1, 9)),
            ]
            quality = quality_of(strip, place)
            yield _line([_iso(start, zone), _iso(start + strip.width, zone), *fixed, *values, quality, source])


def quality_of(strip: Strip, place: int) -> str:
    """The quality of one bucket in words; a bucket behind what was received has none."""
    if strip.start + place * strip.width >= strip.known_until:
        return NOT_RECEIVED
    return QUALITY_WORDS[strip.quality[place]]


def number(value: float, decimals: int) -> str:
    """With a point and fixed decimals; empty where there is none."""
    if not math.isfinite(value):
        return ""
    text = f"{value:.{decimals}f}"
    return text if float(text) else text.removeprefix("-")


def _iso(ms: int, zone: zoneinfo.ZoneInfo) -> str:
    return dt.datetime.fromtimestamp(ms / 1000, zone).isoformat()


def _line(cells: Iterable[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode("utf-8")
