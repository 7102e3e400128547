"""Past alarm events of a site: page by page for the screen, more of it for the figures and for a file."""

from __future__ import annotations

import csv
import io
import time
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hmi.sites.access import SiteAccess
from hmi.sites.gateway import get_gateway
from relay_bridge.contract.alarms import MAX_JOURNAL_PAGE, Journal, JournalRow

PAGE = 100  # events on one page of the screen
MOST_EVENTS = 10_000  # for figures or a file; beyond it the newest are taken, and it is said
TOGETHER = 7.0  # seconds for all pages of one look
KIND_WORDS = {
    "active": "became active",
    "cleared": "cleared",
    "acknowledged": "acknowledged",
    "confirmed": "confirmed",
    "shelved": "shelved",
    "unshelved": "back from the shelf",
    "changed": "changed",
    "gone": "left the list",
}
COLUMNS = (
    "time",
    "event",
    "alarm",
    "condition",
    "severity",
    "asset",
    "area",
    "message",
    "by",
    "comment",
    "made_by_agent",
)
# A spreadsheet runs a cell that begins with one of these (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Past:
    """Events, newest first. ``since``: epoch ms from which they are complete; ``more``: older ones were left out."""

    rows: tuple[JournalRow, ...]
    since: int
    more: bool


async def read_page(access: SiteAccess, query: Journal) -> tuple[list[JournalRow], str | None, int]:
    """One page, the cursor of the next, and since when the site keeps events. Raises as the gateway does."""
    answer = await get_gateway().journal(access, query)
    return answer.rows, answer.cur, answer.since


async def read_past(
    access: SiteAccess, start: int, end: int, *, area: str = "", asset: str = "", most: int = MOST_EVENTS
) -> Past:
    """The events from ``start`` to ``end`` (epoch ms), the newest ``most`` at most, within ``TOGETHER`` seconds."""
    rows: list[JournalRow] = []
    cursor, since, until = None, 0, time.monotonic() + TOGETHER
    while True:
        query = Journal(
            start, end, area or None, asset or None, max=min(MAX_JOURNAL_PAGE, most - len(rows)), cur=cursor
        )
        answer = await get_gateway().journal(access, query)
        rows += answer.rows
        cursor, since = answer.cur, answer.since
        if cursor is None or len(rows) >= most or time.monotonic() >= until:
            break
    complete_from = max(start, since)
    if cursor is not None and rows:
        complete_from = max(complete_from, rows[-1].t)
    return Past(tuple(rows), complete_from, cursor is not None)


def csv_lines(rows: Iterable[JournalRow], zone: zoneinfo.ZoneInfo, names: Mapping[str, str]) -> Iterator[bytes]:
    """RFC 4180 with a heading; times in the site's zone with their offset.

    ``names``: of people, by what the plant's records hold of them. Cells that a spreadsheet would run as a formula get
    an apostrophe in front.
    """
    yield _line(COLUMNS)
    for row in rows:
        moment = datetime.fromtimestamp(row.t / 1000, UTC).astimezone(zone).isoformat(timespec="milliseconds")
        cells = [
            moment, row.kind, row.name, row.cond, str(row.sev), row.asset, row.area, row.msg,
            names.get(row.by, row.by), row.comment,
            "yes" if row.agent else "",
        ]  # fmt: skip
        yield _line([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])


def _line(cells: Iterable[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode("utf-8")
