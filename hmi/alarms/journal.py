"""Past alarm events of a site: page by page for the screen, more of it for the figures and for a file."""

from __future__ import annotations

import csv
import io
import time
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.utils.translation import gettext_lazy as _

from accounts.spreadsheets import harmless
from hmi.alarms.people import names_of
from hmi.alarms.wish import holds_text
from hmi.sites.access import SiteAccess
from hmi.sites.gateway import get_gateway
from relay_bridge.contract.alarms import MAX_JOURNAL_PAGE, Journal, JournalRow

PAGE = 100  # events on one page of the screen
MOST_EVENTS = 10_000  # for figures or a file; beyond it the newest are taken, and it is said
TOGETHER = 7.0  # seconds for all pages of one look
SEARCHED = 2_000  # events that one page of a search by tag or person looks at; older ones with the next page
KIND_WORDS = {
    "active": _("became active"),
    "cleared": _("cleared"),
    "acknowledged": _("acknowledged"),
    "confirmed": _("confirmed"),
    "shelved": _("shelved"),
    "unshelved": _("back from the shelf"),
    "changed": _("changed"),
    "gone": _("left the list"),
}
COLUMNS = (
    "time",
    "event",
    "alarm",
    "condition",
    "severity",
    "tag",
    "asset",
    "area",
    "message",
    "by",
    "comment",
    "made_by_agent",
)


@dataclass(frozen=True)
class Past:
    """Events, newest first. ``since``: epoch ms from which they are complete; ``more``: older ones were left out."""

    rows: tuple[JournalRow, ...]
    since: int
    more: bool


@dataclass(frozen=True)
class Search:
    """What of the journal is looked for. ``tag`` in tag, alarm or unit; ``who`` in the name of whoever acted. The site
    looks for area and unit by itself, the rest is found here among what it answers."""

    start: int
    end: int
    area: str = ""
    asset: str = ""
    tag: str = ""
    who: str = ""

    @property
    def sifts(self) -> bool:
        return bool(self.tag or self.who)

    def finds(self, row: JournalRow, names: Mapping[str, str]) -> bool:
        if self.tag and not holds_text(self.tag, row.tag, row.name, row.asset):
            return False
        return not self.who or (bool(row.by) and holds_text(self.who, names.get(row.by, row.by)))


@dataclass(frozen=True)
class Page:
    """``older``: the cursor of the next page. ``since``: from when the site keeps events. ``looked_back_to``: epoch ms
    to which this page was looked for, when it was not all of the time asked for."""

    rows: tuple[JournalRow, ...]
    names: Mapping[str, str]
    older: str | None
    since: int
    looked_back_to: int = 0


async def read_page(access: SiteAccess, search: Search, cursor: str | None) -> Page:
    """About ``PAGE`` events that fit, newest first. Raises as the gateway does."""
    found: list[JournalRow] = []
    names: dict[str, str] = {}
    looked, until = 0, time.monotonic() + TOGETHER
    while True:
        query = _query(search, MAX_JOURNAL_PAGE if search.sifts else PAGE, cursor)
        answer = await get_gateway().journal(access, query)
        names |= await names_of(row.by for row in answer.rows)
        found += [row for row in answer.rows if search.finds(row, names)]
        looked, cursor = looked + len(answer.rows), answer.cur
        if cursor is None or len(found) >= PAGE or looked >= SEARCHED or time.monotonic() >= until:
            break
    back_to = answer.rows[-1].t if search.sifts and cursor is not None and answer.rows else 0
    return Page(tuple(found), names, cursor, answer.since, back_to)


async def read_found(access: SiteAccess, search: Search) -> tuple[Past, Mapping[str, str]]:
    """All that fits among the newest ``MOST_EVENTS``, for a file, with the names of who acted."""
    past = await read_past(access, search.start, search.end, area=search.area, asset=search.asset)
    names = await names_of(row.by for row in past.rows)
    return replace(past, rows=tuple(row for row in past.rows if search.finds(row, names))), names


def _query(search: Search, most: int, cursor: str | None) -> Journal:
    return Journal(search.start, search.end, search.area or None, search.asset or None, max=most, cur=cursor)


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
            moment, row.kind, row.name, row.cond, str(row.sev), row.tag, row.asset, row.area, row.msg,
            names.get(row.by, row.by), row.comment,
            "yes" if row.agent else "",
        ]  # fmt: skip
        yield _line([harmless(cell) for cell in cells])


def _line(cells: Iterable[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode("utf-8")
